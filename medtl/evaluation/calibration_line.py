"""Calibration intercept and slope: whether risks are right on average and rightly spread.

In: probabilities of one class and whether it was true. Out: the two numbers with intervals by patient. A perfect
model has intercept 0 and slope 1; a slope below 1 means probabilities that are too extreme, as overfitted models give.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict

from medtl.evaluation.clusters import summed_by_patient
from medtl.evaluation.estimate import Estimate
from medtl.evaluation.intervals import Z, t_interval

SMALLEST_RISK = 1e-6
"""Probabilities are clipped to [1e-6, 1 - 1e-6] before the logit: a network's exact 0 or 1 has no logit."""

STEPS = 30
"""Newton steps at most; a likelihood with a maximum is reached in under ten."""

SETTLED = 1e-10
"""A step below this has reached the maximum."""

STEEPEST = 200.0
"""A slope or intercept beyond this runs away: the probabilities separate the classes and there is no maximum."""


class CalibrationLine(BaseModel):
    """The calibration line of one class.

    `intercept` is calibration-in-the-large: the mean shift in logits with the slope held at 1. `slope` is that of the
    logit in a logistic regression with its own intercept (Cox, Biometrika 1958;45:562).
    """

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
    *,
    reason: str | None,
) -> CalibrationLine:
    """Intercept and slope with Wald intervals by patient, without them for the reason given, or why there is no number.

    The variances are those of the estimating equations, summed by patient (sandwich: Huber 1967, White 1980); for the
    slope each patient's part is divided by 1 - leverage (HC3: MacKinnon and White 1985), with Student's t.
    """
    count = len(set(patients))
    if positive.all() or not positive.any():
        nothing = Estimate(value=None, reason="only one class among the judged", n=count)
        return CalibrationLine(intercept=nothing, slope=nothing)
    x, y = logits(score), positive.astype("float64")
    once = np.ones((1, len(y)))
    offset, line = float(fit_offset(x, y, once)[0]), fit_line(x, y, once)[0]
    why = "the probabilities separate the classes completely, so that no slope fits best"
    if np.isnan(line).any():
        slope = Estimate(value=None, reason=why, n=count)
    else:
        owners = np.array(patients, dtype=str)
        fewest = min(len(np.unique(owners[positive])), len(np.unique(owners[~positive])))
        error = np.nan if reason is not None else _slope_error(x, y, line, patients)
        slope = _estimate(float(line[1]), error, fewest - 1, n=count, reason=reason)
    if np.isnan(offset):
        return CalibrationLine(intercept=Estimate(value=None, reason=why, n=count), slope=slope)
    error = np.nan if reason is not None else _offset_error(x, y, offset, patients)
    return CalibrationLine(intercept=_estimate(offset, error, None, n=count, reason=reason), slope=slope)


def _estimate(value: float, error: float, degrees: int | None, *, n: int, reason: str | None) -> Estimate:
    if reason is None and not (np.isfinite(error) and 0.0 < error < STEEPEST):
        reason = "no interval: the probabilities nearly separate the classes"
    if reason is not None:
        return Estimate(value=value, reason=reason, n=n)
    low, high = t_interval(value, error, degrees=degrees) if degrees else (value - Z * error, value + Z * error)
    return Estimate(value=value, low=low, high=high, n=n)


def _offset_error(
    x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"], offset: float, patients: tuple[str, ...]
) -> float:
    probability = _sigmoid(offset + x)
    sums = summed_by_patient(y - probability, patients)
    bend = float((probability * (1.0 - probability)).sum())
    count = len(sums)
    return float(np.sqrt((sums**2).sum() * count / (count - 1)) / bend) if bend > 0.0 and count > 1 else np.nan


def _slope_error(
    x: Float[np.ndarray, " unit"],
    y: Float[np.ndarray, " unit"],
    line: Float[np.ndarray, "2"],
    patients: tuple[str, ...],
) -> float:
    probability = _sigmoid(line[0] + line[1] * x)
    spread = probability * (1.0 - probability)
    design = np.stack([np.ones_like(x), x], axis=1)
    information = (design * spread[:, None]).T @ design
    if np.linalg.cond(information) > 1.0 / np.finfo("float64").eps:
        return np.nan
    inverse = np.linalg.inv(information)
    leverage = spread * np.einsum("ui,ij,uj->u", design, inverse, design)
    parts = design * ((y - probability) / np.clip(1.0 - leverage, 0.05, None))[:, None]
    sums = np.stack([summed_by_patient(column, patients) for column in parts.T])
    return float(np.sqrt((inverse @ (sums @ sums.T) @ inverse)[1, 1]))


def fit_line(
    x: Float[np.ndarray, " unit"], y: Float[np.ndarray, " unit"], weights: Float[np.ndarray, "draw unit"]
) -> Float[np.ndarray, "draw 2"]:
    """Intercept and slope of a logistic regression without penalty, for each weighting; NaN where none is best."""
    line = np.zeros((len(weights), 2))
    line[:, 1] = 1.0
    open_ = np.arange(len(weights))
    for _ in range(STEPS):
        part = weights[open_]
        probability = _sigmoid(line[open_, :1] + line[open_, 1:] * x)
        wrong, spread = part * (y - probability), part * probability * (1.0 - probability)
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
        probability = _sigmoid(shift[:, None] + x)
        bend = (weights * probability * (1.0 - probability)).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip((weights * (y - probability)).sum(axis=1) / bend, -2.0, 2.0)
        shift = shift + step
        if np.nanmax(np.abs(step), initial=0.0) <= SETTLED:
            break
    return np.where(np.abs(step) <= 1e-6, shift, np.nan)


def _sigmoid(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 0.5 * (1.0 + np.tanh(0.5 * x))
