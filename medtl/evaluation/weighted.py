"""Ranking metrics for many weightings of the same units at once: what a bootstrap computes.

In: weights (how often each unit counts), who is positive, the scores. Out: one number per weighting, NaN where a class
has no weight. With all weights 1 they are scikit-learn's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from medtl.evaluation.resampling import Resampling
from medtl.evaluation.thresholds import Decisions


@dataclass(frozen=True, eq=False)
class Ranking:
    """Units of one class against the rest, by descending score; units of equal score form a step."""

    order: Int[np.ndarray, " unit"]
    positive: Float[np.ndarray, " unit"]
    starts: Int[np.ndarray, " step"]
    cuts: Float[np.ndarray, " step"]

    @classmethod
    def of(cls, positive: Bool[np.ndarray, " unit"], score: Float[np.ndarray, " unit"]) -> Ranking:
        """Rank by descending score."""
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]][: len(ranked)])
        return cls(order, positive[order].astype("float64"), starts, ranked[starts])

    def steps(self, weights: Float[np.ndarray, "draw unit"]) -> Steps:
        """The weight of positives and of all units called positive, step by step."""
        ranked = weights[:, self.order]
        true = ranked * self.positive
        if len(self.starts) < len(self.order):
            true, ranked = (np.add.reduceat(part, self.starts, axis=1) for part in (true, ranked))
        return Steps(true, ranked - true)


@dataclass(frozen=True, eq=False)
class Steps:
    """Positive and negative weight in each step of equal scores, by descending score, for each draw."""

    positive: Float[np.ndarray, "draw step"]
    negative: Float[np.ndarray, "draw step"]

    def auroc(self) -> Float[np.ndarray, " draw"]:
        """The share of positive-negative pairs in the right order, ties half."""
        above = np.cumsum(self.positive, axis=1) - 0.5 * self.positive
        pairs = self.positive.sum(axis=1) * self.negative.sum(axis=1)
        return _divide(np.einsum("ds,ds->d", above, self.negative), pairs)

    def average_precision(self) -> Float[np.ndarray, " draw"]:
        """Precision at each step, weighted by the recall that the step adds; NaN without positives or negatives."""
        found = np.cumsum(self.positive, axis=1)
        called = found + np.cumsum(self.negative, axis=1)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        total = found[:, -1]
        mean = _divide(np.einsum("ds,ds->d", precision, self.positive), total)
        return np.where(called[:, -1] > total, mean, np.nan)


def confusion_draws(decisions: Decisions, resampling: Resampling) -> Float[np.ndarray, "draw truth called"]:
    """The confusion matrix in each resample."""
    size = len(decisions.classes)
    cells = np.eye(size * size)[decisions.truth * size + decisions.called]
    parts = [weights @ cells for weights in resampling.weights(decisions.patients)]
    return np.concatenate(parts).reshape(-1, size, size)


def _divide(part: Float[np.ndarray, " draw"], whole: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
