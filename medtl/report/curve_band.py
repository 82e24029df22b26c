"""The band around a pooled curve: where the curve lies when other patients had been drawn.

In: truth and score per row, and whose row it is. Out: a lower and an upper curve on a fixed grid, pointwise, from
bootstrap resamples of patients (percentile, 95 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

RESAMPLES = 400
"""Enough for a band that is looked at; the numbers in the tables have their own, larger bootstrap."""

GRID = np.linspace(0.0, 1.0, 101)
PERCENTILES = (2.5, 97.5)
ROWS_AT_ONCE = 2_000_000
"""Resampled rows held in memory together, about 16 MB for each array."""


@dataclass(frozen=True)
class Band:
    """Lower and upper curve over `x`."""

    x: Float[np.ndarray, " point"]
    low: Float[np.ndarray, " point"]
    high: Float[np.ndarray, " point"]


def curve_band(
    truth: Bool[np.ndarray, " row"],
    score: Float[np.ndarray, " row"],
    *,
    patients: Sequence[str],
    kind: Literal["roc", "precision_recall"],
    seed: int,
) -> Band | None:
    """The pointwise 95 % band of a ROC or precision-recall curve, or None when a class is absent."""
    if truth.all() or not truth.any():
        return None
    order = np.argsort(-score, kind="stable")
    sorted_score, sorted_truth = score[order], truth[order]
    ends_tie = np.append(np.diff(sorted_score) != 0, True)
    _, patient_of_row = np.unique(np.asarray(patients), return_inverse=True)
    patient_of_row = patient_of_row[order]
    count = int(patient_of_row.max()) + 1
    rng = np.random.default_rng(seed)
    curves: list[Float[np.ndarray, " point"]] = []
    step = max(1, ROWS_AT_ONCE // len(score))
    for start in range(0, RESAMPLES, step):
        drawn = rng.multinomial(count, np.full(count, 1 / count), size=min(step, RESAMPLES - start))
        weights = drawn[:, patient_of_row].astype(float)
        true_positives = np.cumsum(weights * sorted_truth, axis=1)[:, ends_tie]
        false_positives = np.cumsum(weights * ~sorted_truth, axis=1)[:, ends_tie]
        for hits, alarms in zip(true_positives, false_positives, strict=True):
            if hits[-1] > 0 and alarms[-1] > 0:
                curves.append(_on_grid(hits, alarms, kind=kind))
    if not curves:
        return None
    low, high = np.percentile(np.stack(curves), PERCENTILES, axis=0)
    return Band(x=GRID, low=low, high=high)


def _on_grid(
    hits: Float[np.ndarray, " step"], alarms: Float[np.ndarray, " step"], *, kind: Literal["roc", "precision_recall"]
) -> Float[np.ndarray, " point"]:
    sensitivity = np.append(0.0, hits / hits[-1])
    if kind == "roc":
        return np.interp(GRID, np.append(0.0, alarms / alarms[-1]), sensitivity)
    called = np.maximum(hits + alarms, np.finfo(float).tiny)
    precision = hits / called
    first = np.argmax(hits + alarms > 0)
    return np.interp(GRID, sensitivity[1:][first:], precision[first:])
