"""ROC curves with a band from resampled patients, and precision-recall curves.

In: predictions of one model and role. Out: the curve's points, and the pointwise 95 % band of the ROC curve on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sklearn.metrics as oracle
from jaxtyping import Bool, Float

from medtl.evaluation.calibration import ReliabilityCurve, class_index, reliability_curve
from medtl.evaluation.clusters import patients_of_a_class
from medtl.evaluation.intervals import share_interval
from medtl.evaluation.operating_points import FEWEST_BEYOND
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.units import Units, units_of
from medtl.evaluation.weighted import Ranking, Steps
from medtl.predictions import PredictionTable

GRID_POINTS = 101
"""Points of a band from 0 to 1: one per percent."""

__all__ = [
    "Band",
    "PrecisionRecallCurve",
    "ReliabilityCurve",
    "RocCurve",
    "precision_recall_curve",
    "reliability_curve",
    "roc_curve",
]

NOTHING: Float[np.ndarray, " point"] = np.empty(0)


@dataclass(frozen=True, eq=False)
class Band:
    """Pointwise 95 % interval of the curve's height at each point of the grid.

    NaN where there is none; empty when `reason` is given.
    """

    grid: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Points from (0, 0) to (1, 1); the first threshold is infinity. Empty when `reason` is given."""

    of_class: str
    false_positive_rate: Float[np.ndarray, " point"]
    true_positive_rate: Float[np.ndarray, " point"]
    thresholds: Float[np.ndarray, " point"]
    band: Band
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Points by ascending recall, from (0, 1); draw as steps. `prevalence` is the chance level.

    `thresholds` has infinity first. Empty when `reason` is given.
    """

    of_class: str
    recall: Float[np.ndarray, " point"]
    precision: Float[np.ndarray, " point"]
    thresholds: Float[np.ndarray, " point"]
    prevalence: float | None
    reason: str | None = None


def roc_curve(table: PredictionTable, *, of_class: str | None = None, resamples: int = 0, seed: int = 0) -> RocCurve:
    """The ROC curve of one class (by default the last) against the rest.

    Args:
        table: predictions of one model and role; repeats are averaged per case.
        of_class: whose probability is the score.
        resamples: resamples by patient for the band; 0 leaves it out.
        seed: the study's seed.

    Raises:
        ConfigurationError: no such class, or several models or roles in the table.
    """
    units = units_of(table)
    index = class_index(of_class, units.classes)
    name = units.classes[index]
    positive, score = units.against_the_rest(index)
    reason = _why_no_curve(positive, name)
    if reason is not None:
        return RocCurve(name, NOTHING, NOTHING, NOTHING, Band(NOTHING, NOTHING, NOTHING, reason), reason)
    false_rate, true_rate, cuts = oracle.roc_curve(positive, score, drop_intermediate=False)
    band = _band(units, index, resamples=resamples, seed=seed)
    return RocCurve(name, false_rate, true_rate, cuts, band)


def precision_recall_curve(table: PredictionTable, *, of_class: str | None = None) -> PrecisionRecallCurve:
    """The precision-recall curve of one class (by default the last) against the rest; arguments as for `roc_curve`.

    It has no band: no method that was tried covers what it promises at low recall (docs/coverage.md).

    Raises:
        ConfigurationError: no such class, or several models or roles in the table.
    """
    units = units_of(table)
    index = class_index(of_class, units.classes)
    name = units.classes[index]
    positive, score = units.against_the_rest(index)
    reason = _why_no_curve(positive, name)
    if reason is not None:
        return PrecisionRecallCurve(name, NOTHING, NOTHING, NOTHING, None, reason)
    precision, recall, cuts = oracle.precision_recall_curve(positive, score)
    return PrecisionRecallCurve(
        of_class=name,
        recall=recall[::-1],
        precision=precision[::-1],
        thresholds=np.r_[np.inf, cuts[::-1]],
        prevalence=float(positive.mean()),
    )


def _why_no_curve(positive: Bool[np.ndarray, " unit"], name: str) -> str | None:
    if not len(positive):
        return "no predictions"
    if not positive.any():
        return f"no {name} among the {len(positive)} judged"
    return f"all {len(positive)} judged are {name}" if positive.all() else None


def _band(units: Units, index: int, *, resamples: int, seed: int) -> Band:
    """Wilson's interval, corrected near 0 and 1, of the sensitivity at each 1 - specificity.

    It counts as many trials as the spread over the resamples is worth; there is none (NaN) where fewer than 2 of the
    others lie beyond.
    """
    resampling = resample_patients(units, resamples=resamples, seed=seed, scope="curve")
    if resampling.reason is not None:
        return Band(NOTHING, NOTHING, NOTHING, resampling.reason)
    grid = np.linspace(0.0, 1.0, GRID_POINTS)
    ranking = Ranking.of(*units.against_the_rest(index))
    heights = _roc_heights(ranking.steps(np.ones((1, len(units)))), grid)[0]
    drawn = np.concatenate(
        [_roc_heights(ranking.steps(weights), grid) for weights in resampling.weights(units.patients)]
    )
    counts = patients_of_a_class(units)
    low, high = share_interval(heights, drawn.var(axis=0, ddof=1), at_most=float(counts[index]))
    hidden = grid * (sum(counts) - counts[index]) < FEWEST_BEYOND
    low[hidden], high[hidden] = np.nan, np.nan
    return Band(grid, low, high)


def _roc_heights(steps: Steps, grid: Float[np.ndarray, " point"]) -> Float[np.ndarray, "draw point"]:
    true, false = (np.cumsum(part, axis=1) for part in (steps.positive, steps.negative))
    heights = [
        np.interp(grid, np.r_[0.0, x] / x[-1], np.r_[0.0, y] / y[-1])
        for x, y in zip(false, true, strict=True)
        if x[-1] > 0.0 and y[-1] > 0.0
    ]
    return np.array(heights).reshape(-1, len(grid))
