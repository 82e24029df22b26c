"""Classes that count the same in training, and the way back to their shares.

In: the training cases' classes. Out: weights of the loss or draws of cases, and the shift of the log odds that undoes
them. Weights w make the loss least at probabilities proportional to w times the true ones, and so do draws at rates
proportional to w: subtracting log w from the logits gives the true ones back (Saerens 2002,
doi 10.1162/089976602753284446; Elkan 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch.utils.data import WeightedRandomSampler

from medtl.adaptation import Classifier


@dataclass(frozen=True)
class ClassBalance:
    """How classes are made to count the same. `weights` (class,) have the mean 1 over the training cases."""

    by: Literal["weights", "sampling"]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, targets: Sequence[int], *, by: Literal["weights", "sampling"], classes: int) -> ClassBalance:
        """The balance of training cases with these classes: n / (classes * n of the class)."""
        counts = np.bincount(targets, minlength=classes)
        return cls(by, tuple((len(targets) / (classes * np.maximum(counts, 1))).tolist()))

    @property
    def of_loss(self) -> tuple[float, ...] | None:
        """The weights that the loss takes; None where the draws are balanced instead."""
        return self.weights if self.by == "weights" else None

    @property
    def shift(self) -> Float[np.ndarray, " class"]:
        """How much larger a class's logit is after this training than its share in the cohort makes it."""
        return np.log(self.weights)

    def drawn(self, case_ids: Sequence[str], targets: Sequence[int], *, seed: int) -> tuple[str, ...]:
        """As many cases as there are, drawn with replacement so that each class is equally likely; else all once."""
        if self.by != "sampling":
            return tuple(case_ids)
        sampler = WeightedRandomSampler(
            [self.weights[target] for target in targets],
            num_samples=len(case_ids),
            replacement=True,
            generator=torch.Generator().manual_seed(seed),
        )
        return tuple(case_ids[index] for index in sampler)

    def take_up(self, classifier: Classifier) -> None:
        """Make a fitted head state what a balanced cohort would have, so that the training starts at its optimum."""
        self._add(classifier, self.shift)

    def undo(self, classifier: Classifier) -> None:
        """Make the head state probabilities for the classes' shares in training again."""
        self._add(classifier, -self.shift)

    @staticmethod
    def _add(classifier: Classifier, shift: Float[np.ndarray, " class"]) -> None:
        with torch.no_grad():
            classifier.head.bias.add_(torch.from_numpy(shift).to(classifier.head.bias))
