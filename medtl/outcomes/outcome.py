"""The interface of an outcome: what cohort, folds, training, evaluation and report ask of what is predicted.

What further outcomes would answer (none is built yet):

| question            | several labels          | ordinal              | continuous         | time to event        |
|---------------------|-------------------------|----------------------|--------------------|----------------------|
| cells of a case     | one a finding, 0/1/none | one grade            | one number         | a time and an event  |
| strata of the folds | rarest findings first   | grade                | fifths of values   | event, then time     |
| columns             | p_<finding>, key target | p_<grade>            | predicted          | risk, p_<horizon>    |
| width of the head   | findings                | grades - 1           | 1                  | 1                    |
| activation          | sigmoid                 | cumulative sigmoid   | identity           | identity             |
| loss                | masked cross-entropy    | cumulative link      | squared error      | Cox partial          |
| decision            | a threshold a finding   | most probable grade  | none               | risk above a cut     |
| primary metric      | AUROC, mean of findings | weighted kappa       | absolute error     | concordance (Harrell)|

`classes` are then findings, grades, or empty; a question that has no answer (the positive class of a number) is None or
empty, never a guess.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from medtl.errors import IntegrityFailure

PROBABILITY = "p_"
"""What a probability column's name begins with; the class's name follows."""

Activation = Literal["softmax"]
Loss = Literal["cross_entropy"]


@dataclass(frozen=True)
class DecisionKind:
    """A kind of decision that a gallery shows: its pairs of reference standard and decision, in words."""

    title: str
    explanation: str
    pairs: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Outcome(ABC):
    """What is predicted, with its classes in the study's order."""

    classes: tuple[str, ...]
    name: ClassVar[str]
    activation: ClassVar[Activation]
    loss: ClassVar[Loss]

    @classmethod
    @abstractmethod
    def takes(cls, classes: Sequence[str]) -> bool:
        """Whether classes of this number are of this kind."""

    @property
    @abstractmethod
    def positive_class(self) -> str | None:
        """The class whose probability is the score, or None where each class stands against the rest."""

    @property
    @abstractmethod
    def judged(self) -> tuple[int, ...]:
        """The classes, by index, whose numbers against the rest are given and averaged."""

    @property
    @abstractmethod
    def has_threshold(self) -> bool:
        """Whether a decision needs a threshold."""

    @property
    @abstractmethod
    def primary_metric(self) -> str:
        """The primary metric in words."""

    @property
    @abstractmethod
    def recalibrations(self) -> tuple[str, ...]:
        """The methods of recalibration that fit, the default first."""

    @abstractmethod
    def decide(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Int[np.ndarray, " row"]:
        """The class that each row is called, by index; `threshold` is one for all rows or one a row (NaN: none)."""

    @abstractmethod
    def certainty(
        self,
        probabilities: Float[np.ndarray, "row class"],
        threshold: float | Float[np.ndarray, " row"] | None,
    ) -> Float[np.ndarray, " row"]:
        """How sure each call is, 0 to 1."""

    @abstractmethod
    def brier_losses(
        self, probabilities: Float[np.ndarray, "row class"], truth: Int[np.ndarray, " row"]
    ) -> Float[np.ndarray, " row"]:
        """Each row's part of the Brier score."""

    @abstractmethod
    def brier_of_shares(self, shares: Sequence[float]) -> float:
        """The Brier score of always stating the classes' shares."""

    @abstractmethod
    def average_precision_at_chance(self, shares: Sequence[float]) -> float:
        """The average precision of scores that know nothing."""

    @abstractmethod
    def decision_kinds(self) -> tuple[DecisionKind, ...]:
        """Right and wrong decisions as a gallery shows them, the right ones first."""

    @abstractmethod
    def distinguish(self, *, passive: bool = False) -> str:
        """The task as a phrase after "to" ("distinguish ill from well"), or after "can" in the passive."""

    @abstractmethod
    def ranked(self) -> str:
        """What a model did, as a phrase before "with an AUROC of"."""

    @abstractmethod
    def decision_rule(self, threshold: str) -> str:
        """How a decision is made: the threshold's words where there is one."""

    def targets(self, labels: Iterable[str]) -> Int[np.ndarray, " case"]:
        """The target of each label, as the index of its class.

        Raises:
            IntegrityFailure: a label is none of the classes.
        """
        index_of = {label: index for index, label in enumerate(self.classes)}
        labels = list(labels)
        unknown = sorted({label for label in labels if label not in index_of})
        if unknown:
            raise IntegrityFailure(
                f"The label {unknown[0]!r} is none of the classes {', '.join(self.classes)}. Tables of different "
                "studies were mixed; give those of one.",
                unknown=unknown,
            )
        return np.array([index_of[label] for label in labels], dtype=np.int64)

    def strata(self, labels: Iterable[str]) -> tuple[str, ...]:
        """What folds are stratified by, one a case: each part of a division holds every stratum."""
        return tuple(labels)

    @property
    def columns(self) -> tuple[str, ...]:
        """The probability columns of predictions.csv, in order."""
        return tuple(PROBABILITY + label for label in self.classes)

    @property
    def head_width(self) -> int:
        """How many numbers the network's head gives a case."""
        return len(self.classes)

    @property
    def article(self) -> str:
        """The article before the primary metric."""
        return "an" if self.primary_metric[0] in "AEIOU" else "a"
