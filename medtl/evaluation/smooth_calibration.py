"""Smooth calibration error, with what a perfectly calibrated model of the same probabilities would show at most.

In: probabilities of one class and whether it was true. Out: the error and its limit under calibration. Bins of equal
width make a perfect model look miscalibrated at small n (pinned by a test); the smooth error and its limit do not.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from scipy.fft import dct, idct

from medtl.evaluation.estimate import CONFIDENCE

GRID = 512
"""Cells of [0, 1]; residuals are put into the middle of their cell, an error of at most 0.001 in probability."""

SIMULATIONS = 1000
"""Perfectly calibrated worlds for the limit: the upper 5 % rest on 50."""

HALVINGS = 14
"""Bisections of the bandwidth: to 1/16384."""


class SmoothError(BaseModel):
    """smECE with the limit that 95 % of perfectly calibrated models with the same probabilities stay below.

    `exceeded` is the share of simulated perfect models with at least this error, (1 + count) / (1 + simulations): the
    one-sided p value. Both are one test: the error is above `null_high` exactly when `exceeded` is at most 0.05.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float
    null_high: float
    exceeded: float
    simulations: NonNegativeInt


def smooth_error(
    positive: Bool[np.ndarray, " unit"], score: Float[np.ndarray, " unit"], *, seed: int, scope: str
) -> SmoothError:
    """The smooth calibration error (Blasiok and Nakkiran, arXiv 2309.12236) and its simulated limit under calibration.

    The residuals (truth minus probability) are smoothed over the probability by a Gaussian that is reflected at 0 and 1
    and their mean absolute value is taken; the bandwidth is the one that equals the error itself.
    """
    cells = np.minimum((score * GRID).astype("int64"), GRID - 1)
    order = np.argsort(cells, kind="stable")
    chance = np.random.default_rng(int.from_bytes(sha256(f"{seed}|smooth|{scope}".encode()).digest()[:8], "big"))
    truths = np.empty((SIMULATIONS + 1, len(score)), dtype=bool)
    truths[0] = positive[order]
    for row in range(1, SIMULATIONS + 1):
        truths[row] = chance.random(len(score)) < score[order]
    starts = np.flatnonzero(np.r_[True, np.diff(cells[order]) > 0])
    residuals = np.zeros((SIMULATIONS + 1, GRID))
    events = np.add.reduceat(truths, starts, axis=1, dtype="float64")
    residuals[:, cells[order][starts]] = (events - np.add.reduceat(score[order], starts)) / len(score)
    errors = _fixed_point(residuals)
    beyond = int((1.0 - CONFIDENCE) * (1 + SIMULATIONS)) - 1
    return SmoothError(
        value=float(errors[0]),
        null_high=float(np.sort(errors[1:])[-1 - beyond]),
        exceeded=float((1 + np.count_nonzero(errors[1:] >= errors[0])) / (1 + SIMULATIONS)),
        simulations=SIMULATIONS,
    )


def _fixed_point(residuals: Float[np.ndarray, "world cell"]) -> Float[np.ndarray, " world"]:
    """The bandwidth at which the smoothed error equals it; the error falls as the bandwidth grows."""
    waves = dct(residuals, axis=1, norm="ortho")
    low, high = np.zeros(len(residuals)), np.ones(len(residuals))
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        larger = _smoothed(waves, middle) > middle
        low, high = np.where(larger, middle, low), np.where(larger, high, middle)
    return (low + high) / 2.0


def _smoothed(
    waves: Float[np.ndarray, "world cell"], width: Float[np.ndarray, " world"]
) -> Float[np.ndarray, " world"]:
    """Sum of absolute smoothed residuals: a reflected Gaussian damps cosine k by exp(-(pi k width)^2 / 2)."""
    k = np.arange(waves.shape[1])
    damped = waves * np.exp(-0.5 * (np.pi * k * width[:, None]) ** 2)
    return np.abs(idct(damped, axis=1, norm="ortho")).sum(axis=1)
