"""How sure a number is: one method for each kind of number, each tried in a simulation (docs/coverage.md).

In: a value with its variance, or a count. Out: both ends of its 95 % interval. The model of each fold is taken as it
is: an interval is about the patients, and says nothing of training again on others. The spread over folds is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.special import expit, logit
from scipy.stats import beta, norm
from scipy.stats import t as student

from medtl.evaluation.estimate import CONFIDENCE

Z = float(norm.ppf(0.5 + CONFIDENCE / 2.0))
"""Standard errors on each side of an interval by the normal law."""


def wilson(
    successes: Shaped[np.ndarray, "*shape"] | float, trials: Shaped[np.ndarray, "*shape"] | float
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Wilson's 95 % interval of a proportion (Wilson, JASA 1927;22:209), for one or more trials each.

    Neither needs to be whole: images of one patient count as fewer trials than they are.
    """
    count: Any = np.asarray(trials, dtype="float64")
    share = np.asarray(successes, dtype="float64") / count
    middle = (share + Z**2 / (2.0 * count)) / (1.0 + Z**2 / count)
    half = Z / (1.0 + Z**2 / count) * np.sqrt(np.clip(share * (1.0 - share), 0.0, None) / count + (Z / 2 / count) ** 2)
    return np.asarray(np.clip(middle - half, 0.0, share)), np.asarray(np.clip(middle + half, share, 1.0))


def share_interval(
    value: Float[np.ndarray, "*shape"] | float,
    variance: Float[np.ndarray, "*shape"] | float,
    *,
    at_most: Float[np.ndarray, "*shape"] | float,
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Wilson's interval with the number of trials that the variance is worth, value (1 - value) / variance.

    Each end reaches at least the exact one-sided 95 % limit (the correction near 0 and 1 of Brown, Cai and DasGupta,
    Stat Sci 2001;16:101, with the binomial in place of the Poisson law).

    With one trial of 45 missed, Wilson's own upper end leaves out shares of which one sample in 8 shows just that.

    Args:
        value: shares between 0 and 1.
        variance: of each; 0 where every resample gives the same.
        at_most: trials where the variance is 0 or nearly so: the patients that the share rests on.
    """
    spread = np.clip(value * (1.0 - value), 0.0, None)
    informs = (spread > 0.0) & (variance > spread / at_most)
    worth = np.divide(spread, variance, out=np.broadcast_to(at_most, np.shape(value)).astype("float64"), where=informs)
    low, high = wilson(value * worth, worth)
    least, most = least_share(value * worth, worth), 1.0 - least_share((1.0 - value) * worth, worth)
    return np.asarray(np.minimum(low, least)), np.asarray(np.maximum(high, most))


def least_share(
    successes: Float[np.ndarray, "*shape"] | float, trials: Float[np.ndarray, "*shape"] | float
) -> Float[np.ndarray, "*shape"]:
    """The smallest share of which 5 samples in 100 show so many successes or more; 0 where there is none.

    Clopper and Pearson, Biometrika 1934;26:404. Neither number needs to be whole.
    """
    count = np.clip(successes, 0.0, trials)
    limit = beta.ppf(1.0 - CONFIDENCE, np.where(count > 0.0, count, 1.0), trials - count + 1.0)
    return np.where(count > 0.0, limit, 0.0)


def logit_interval(value: float, error: float, *, degrees: int) -> tuple[float, float]:
    """A t interval on the logit scale, for a value between 0 and 1 with its standard error; it never leaves 0 to 1."""
    half = _quantile(degrees) * error / (value * (1.0 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def log_interval(value: float, error: float, *, degrees: int) -> tuple[float, float]:
    """A t interval on the logarithmic scale, for a positive value with its standard error."""
    half = _quantile(degrees) * error / value
    return float(value * np.exp(-half)), float(value * np.exp(half))


def fisher_interval(value: float, error: float) -> tuple[float, float]:
    """A normal interval of a correlation on Fisher's scale; it never leaves -1 to 1."""
    half = Z * error / (1.0 - value**2)
    return float(np.tanh(np.arctanh(value) - half)), float(np.tanh(np.arctanh(value) + half))


def t_interval(value: float, error: float, *, degrees: int) -> tuple[float, float]:
    """A t interval of a value without bounds."""
    half = _quantile(degrees) * error
    return value - half, value + half


def combined(
    parts: Float[np.ndarray, "part *shape"],
    low: Float[np.ndarray, "part *shape"],
    high: Float[np.ndarray, "part *shape"],
    *,
    correlation: Float[np.ndarray, "*shape"] | float = 0.0,
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """The interval of a sum from those of its parts (MOVER: Zou and Donner, Stat Med 2008;27:1693).

    `correlation` is that of two parts; more are taken as independent.
    """
    total, below, above = parts.sum(axis=0), parts - low, high - parts
    crossed = np.zeros((2, *total.shape))
    if len(parts) == 2:
        crossed = 2.0 * correlation * np.stack([below[0] * below[1], above[0] * above[1]])
    down = np.sqrt(np.clip((below**2).sum(axis=0) + crossed[0], 0.0, None))
    up = np.sqrt(np.clip((above**2).sum(axis=0) + crossed[1], 0.0, None))
    return np.asarray(total - down), np.asarray(total + up)


def _quantile(degrees: int) -> float:
    return float(student.ppf(0.5 + CONFIDENCE / 2.0, max(degrees, 1)))
