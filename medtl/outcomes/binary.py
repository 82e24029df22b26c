"""Two classes, of which the last is the positive one: its probability is the score, a threshold makes the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Float, Int

from medtl.outcomes.outcome import Activation, DecisionKind, Loss, Outcome


@final
@dataclass(frozen=True)
class Binary(Outcome):
    """The negative and the positive class."""

    name: ClassVar[str] = "binary"
    activation: ClassVar[Activation] = "softmax"
    loss: ClassVar[Loss] = "cross_entropy"

    @classmethod
    def takes(cls, classes: Sequence[str]) -> bool:
        return len(classes) == 2

    @property
    def positive_class(self) -> str:
        return self.classes[1]

    @property
    def judged(self) -> tuple[int, ...]:
        return (1,)

    @property
    def has_threshold(self) -> bool:
        return True

    @property
    def primary_metric(self) -> str:
        return "AUROC"

    @property
    def recalibrations(self) -> tuple[str, ...]:
        return ("platt", "temperature")

    def decide(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Int[np.ndarray, " row"]:
        """The positive class from the threshold on, else the negative; without a threshold the more probable."""
        more_probable = probabilities.argmax(axis=1)
        if threshold is None:
            return more_probable
        cut = np.broadcast_to(np.asarray(threshold, dtype=np.float64), (len(probabilities),))
        return np.where(np.isnan(cut), more_probable, probabilities[:, 1] >= cut).astype(np.int64)

    def certainty(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Float[np.ndarray, " row"]:
        """How far each call lies from its threshold, as a share of the way to 0 or 1; else the class's probability."""
        called = self.decide(probabilities, threshold)
        if threshold is None:
            return probabilities[np.arange(len(called)), called]
        cut = np.broadcast_to(np.asarray(threshold, dtype=np.float64), (len(probabilities),))
        safe = np.where(np.isnan(cut), 0.5, cut)
        beyond = np.where(called == 1, probabilities[:, 1] - safe, safe - probabilities[:, 1])
        room = np.where(called == 1, 1.0 - safe, safe)
        return np.divide(beyond, room, out=np.ones(len(called)), where=room > 0.0)

    def brier_losses(
        self, probabilities: Float[np.ndarray, "row class"], truth: Int[np.ndarray, " row"]
    ) -> Float[np.ndarray, " row"]:
        """The squared error of the positive class's probability, in [0, 1] (Brier's own, in [0, 2], is twice that)."""
        return np.square(probabilities[:, 1] - truth)

    def brier_of_shares(self, shares: Sequence[float]) -> float:
        """Half of the sum over both classes, since the binary score counts the positive class alone (Brier 1950)."""
        return (1.0 - sum(one**2 for one in shares)) / 2

    def average_precision_at_chance(self, shares: Sequence[float]) -> float:
        """The prevalence."""
        return shares[1]

    def decision_kinds(self) -> tuple[DecisionKind, ...]:
        negative, positive = self.classes
        agrees = "The reference standard agrees."
        return (
            DecisionKind(f"Right: called {positive}", agrees, frozenset({(positive, positive)})),
            DecisionKind(f"Right: called {negative}", agrees, frozenset({(negative, negative)})),
            DecisionKind(
                f"Wrong: called {positive}",
                f"The reference standard says {negative}: false positives.",
                frozenset({(negative, positive)}),
            ),
            DecisionKind(
                f"Wrong: called {negative}",
                f"The reference standard says {positive}: false negatives.",
                frozenset({(positive, negative)}),
            ),
        )

    def distinguish(self, *, passive: bool = False) -> str:
        negative, positive = self.classes
        return f"{positive} be distinguished from {negative}" if passive else f"distinguish {positive} from {negative}"

    def ranked(self) -> str:
        return f"ranked {self.classes[1]} above {self.classes[0]}"

    def decision_rule(self, threshold: str) -> str:
        return threshold
