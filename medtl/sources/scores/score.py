"""What every transferability score says of itself, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from medtl.evaluation.estimate import Undefined

CONSTANT = 1e-6
"""Of the largest feature: what float32 leaves of equal features that were computed in other batches."""


@dataclass(frozen=True, eq=False)
class TrainingFeatures:
    """The features of a training part, in float64, with class indices and the group that each case belongs to.

    `source_probabilities` are what the source's own classifier says of each case, None where it has none.
    """

    features: Float[np.ndarray, "case feature"]
    labels: Int[np.ndarray, "case"]
    groups: tuple[str, ...]
    classes: int
    seed: int
    source_probabilities: Float[np.ndarray, "case source_class"] | None = None

    @property
    def one_hot(self) -> Float[np.ndarray, "case class"]:
        """A column for each class."""
        return np.eye(self.classes)[self.labels]

    @property
    def are_constant(self) -> bool:
        """Whether every case has the same features, so that no score is defined."""
        return bool((np.ptp(self.features, axis=0) <= CONSTANT * np.abs(self.features).max()).all())

    def principal(self, dimensions: int) -> Float[np.ndarray, "case component"]:
        """The first principal components, at most so many and fewer than cases."""
        centred = self.features - self.features.mean(axis=0)
        left, singular, _ = np.linalg.svd(centred, full_matrices=False)
        kept = min(dimensions, len(centred) - 1, int((singular > singular[0] * 1e-10).sum()))
        return left[:, :kept] * singular[:kept]


@dataclass(frozen=True)
class TransferScore:
    """One score: `value` is higher for a source that promises more, `source` is the formula's paper."""

    name: str
    label: str
    value: Callable[[TrainingFeatures], float | Undefined]
    source: str
