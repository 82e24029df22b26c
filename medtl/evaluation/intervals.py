"""How sure a number is: percentile intervals from resampled patients, Wilson's for a plain proportion.

In: a value and its draws, or a count. Out: an estimate. The spread over folds is not an interval and is not made here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.stats import norm

from medtl.evaluation.estimate import CONFIDENCE, Estimate, Undefined
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import auroc_draws

MOST_SKIPPED = 1.0 - CONFIDENCE
"""Share of resamples that may be undefined; more of them could fill both tails, and the interval would be a guess."""


def percentile_interval(
    value: float | Undefined, draws: Float[np.ndarray, " draw"], *, n: int, reason: str | None = None
) -> Estimate:
    """The value with the 2.5th and 97.5th percentile of its draws (Efron and Tibshirani 1993, chapter 13).

    Undefined draws (NaN) are left out and counted. There is no interval when more than 5 % are undefined, or when
    nothing was drawn, for the reason given.
    """
    if isinstance(value, Undefined):
        return Estimate(value=None, reason=value.reason, n=n)
    kept = draws[~np.isnan(draws)]
    skipped = len(draws) - len(kept)
    if not len(draws):
        return Estimate(value=value, reason=reason or "no interval: nothing was drawn", n=n)
    if skipped > MOST_SKIPPED * len(draws):
        why = f"no interval: undefined in {skipped} of {len(draws)} resamples"
        return Estimate(value=value, reason=why, n=n, skipped=skipped)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(kept, [tail, 1.0 - tail])
    return Estimate(value=value, low=float(low), high=float(high), n=n, skipped=skipped)


def mean_draws(
    losses: Float[np.ndarray, "loss unit"], units: Units, resampling: Resampling
) -> Float[np.ndarray, "loss draw"]:
    """The mean of each loss over the units, in each resample."""
    parts = [losses @ weights.T / weights.sum(axis=1) for weights in resampling.weights(units.patients)]
    return np.concatenate(parts, axis=1)


def auroc_difference_draws(first: Units, second: Units, resampling: Resampling) -> Float[np.ndarray, " draw"]:
    """AUROC of the first minus the second in each resample; both hold the same units, drawn together (paired)."""
    return auroc_draws(first, resampling) - auroc_draws(second, resampling)


def wilson(
    successes: Shaped[np.ndarray, "*shape"], trials: Shaped[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Wilson's 95 % interval of a proportion (Wilson, JASA 1927;22:209), for one or more trials each."""
    z = float(norm.ppf(0.5 + CONFIDENCE / 2.0))
    count: Any = np.asarray(trials, dtype="float64")
    share = np.asarray(successes, dtype="float64") / count
    middle = (share + z**2 / (2.0 * count)) / (1.0 + z**2 / count)
    half = z / (1.0 + z**2 / count) * np.sqrt(share * (1.0 - share) / count + z**2 / (4.0 * count**2))
    return np.clip(middle - half, 0.0, share), np.clip(middle + half, share, 1.0)
