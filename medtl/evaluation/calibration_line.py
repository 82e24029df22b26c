"""Calibration intercept and slope: whether risks are right on average and rightly spread.

In: probabilities of one class and whether it was true. Out: the two numbers with intervals by patient. A perfect
model has intercept 0 and slope 1; a slope below 1 means probabilities that are too extreme, as overfitted models give.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import percentile_interval
from medtl.evaluation.resampling import CHUNK_CELLS, Resampling

SMALLEST_RISK = 1e-6
"""Probabilities are clipped to [1e-6, 1 - 1e-6] before the logit: a network's exact 0 or 1 has no logit."""

STEPS = 30
"""Newton steps at most; a likelihood with a maximum is reached in under ten."""

SETTLED = 1e-10
"""A step below this has reached the maximum."""

STEEPEST = 200.0
"""A slope or intercept beyond this runs away: the probabilities separate the classes and there is no maximum."""


class CalibrationLine(BaseModel):
    """`intercept` is calibration-in-the-large: the mean shift in logits with the slope held at 1. `slope` is that of
    the logit in a logistic regression with its own intercept (Cox, Biometrika 1958;45:562)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    intercept: Estimate
    slope: Estimate


def logits(score: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Log-odds of clipped probabilities."""
    clipped = np.clip(score, SMALLEST_RISK, 1.0 - SMALLEST_RISK)
    return np.log(clipped) - np.log1p(-clipped)


def calibration_line(
    positive: Bool[np.ndarray, " unit"],
    score: Float[np.ndarray, " unit"],
    patients: tuple[str, ...],
    resampling: Resampling,
) -> CalibrationLine:
    """Intercept and slope with percentile intervals by patient, or why there are none."""
    count = len(set(patients))
    if positive.all() or not positive.any():
        nothing = Estimate(value=None, reason="only one class among the judged", n=count)
        return CalibrationLine(intercept=nothing, slope=nothing)
    x, y = logits(score), positive.astype("float64")
    once = np.ones((1, len(y)))
    found = np.concatenate([fit_offset(x, y, once), fit_line(x, y, once)[:, 1]])
    drawn = [np.empty((0, 2))]
    if resampling.reason is None:
        drawn = [
            np.stack([fit_offset(x, y, part), fit_line(x, y, part)[:, 1]], axis=1)
            for weights in resampling.weights(patients)
            for part in np.array_split(weights, max(1, 4 * weights.size // CHUNK_CELLS))
        ]
    draws = np.concatenate(drawn)
    why = "the probabilities separate the classes completely, so that no slope fits best"

    def estimate(place: int) -> Estimate:
        value = Undefined(why) if np.isnan(found[place]) else float(found[place])
        return percentile_interval(value, draws[:, place], n=count, reason=resampling.reason)

    return CalibrationLine(intercept=estimate(0), slope=estimate(1))


def fit_line(
    x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"], weights: Float[np.ndarray, "draw unit"]
) -> Float[np.ndarray, "draw 2"]:
    """Intercept and slope of a logistic regression without penalty, for each weighting; NaN where none is best."""
    line = np.zeros((len(weights), 2))
    line[:, 1] = 1.0
    open_ = np.arange(len(weights))
    for _ in range(STEPS):
        part = weights[open_]
        said = _sigmoid(line[open_, :1] + line[open_, 1:] * x)
        wrong, spread = part * (y - said), part * said * (1.0 - said)
        first, second = wrong.sum(axis=1), wrong @ x
        a, b, c = spread.sum(axis=1), spread @ x, spread @ (x * x)
        volume = a * c - b * b
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([(c * first - b * second) / volume, (a * second - b * first) / volume], axis=1)
        line[open_] += step
        lost = ~np.isfinite(step).all(axis=1) | (np.abs(line[open_]) > STEEPEST).any(axis=1)
        line[open_[lost]] = np.nan
        open_ = open_[~lost & (np.abs(step) > SETTLED).any(axis=1)]
        if not len(open_):
            return line
    line[open_] = np.nan
    return line


def fit_offset(
    x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"], weights: Float[np.ndarray, "draw unit"]
) -> Float[np.ndarray, " draw"]:
    """The shift in logits that makes the mean risk the observed share, for each weighting."""
    shift = np.zeros(len(weights))
    for _ in range(STEPS):
        said = _sigmoid(shift[:, None] + x)
        bend = (weights * said * (1.0 - said)).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip((weights * (y - said)).sum(axis=1) / bend, -2.0, 2.0)
        shift = shift + step
        if np.nanmax(np.abs(step), initial=0.0) <= SETTLED:
            break
    return np.where(np.abs(step) <= 1e-6, shift, np.nan)


def _sigmoid(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
