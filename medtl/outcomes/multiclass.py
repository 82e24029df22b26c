"""Three classes or more, one a case: each is judged against the rest and averaged; the most probable is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Int

from medtl.outcomes.outcome import Activation, DecisionKind, Loss, Outcome


@final
@dataclass(frozen=True)
class Multiclass(Outcome):
    """The classes in the study's order; none is the positive one."""

    name: ClassVar[str] = "multiclass"
    activation: ClassVar[Activation] = "softmax"
    loss: ClassVar[Loss] = "cross_entropy"

    @classmethod
    def takes(cls, classes: Sequence[str]) -> bool:
        """Whether there are not two; fewer are refused where labels are read."""
        return len(classes) != 2

    @property
    def positive_class(self) -> None:
        return None

    @property
    def judged(self) -> tuple[int, ...]:
        return tuple(range(len(self.classes)))

    @property
    def has_threshold(self) -> bool:
        return False

    @property
    def primary_metric(self) -> str:
        return "macro AUROC"

    @property
    def recalibrations(self) -> tuple[str, ...]:
        return ("temperature",)

    def decide(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Int[np.ndarray, " row"]:
        """The most probable class, the first of equals; a threshold means nothing here."""
        return probabilities.argmax(axis=1)

    def certainty(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Float[np.ndarray, " row"]:
        """The probability of the class that is called."""
        return probabilities.max(axis=1)

    def brier_losses(
        self, probabilities: Float[np.ndarray, "row class"], truth: Int[np.ndarray, " row"]
    ) -> Float[np.ndarray, " row"]:
        """The squared errors of all classes, summed, in [0, 2]."""
        return np.square(probabilities - np.eye(self.head_width)[truth]).sum(axis=1)

    def brier_of_shares(self, shares: Sequence[float]) -> float:
        return 1.0 - sum(one**2 for one in shares)

    def average_precision_at_chance(self, shares: Sequence[float]) -> float:
        """The mean of the classes' shares."""
        return 1.0 / len(shares)

    def decision_kinds(self) -> tuple[DecisionKind, ...]:
        pairs = {(truth, called) for truth in self.classes for called in self.classes}
        right = frozenset(pair for pair in pairs if pair[0] == pair[1])
        return (
            DecisionKind("Right", "The class called is the reference standard's.", right),
            DecisionKind(
                "Wrong",
                "The class called is another than the reference standard's.",
                frozenset(pairs) - right,
            ),
        )

    def distinguish(self, *, passive: bool = False) -> str:
        named = f"{', '.join(self.classes[:-1])} and {self.classes[-1]}"
        return f"{named} be distinguished" if passive else f"distinguish {named}"

    def ranked(self) -> str:
        return f"distinguished {len(self.classes)} classes"

    def decision_rule(self, threshold: str) -> str:
        return "the most probable class"
