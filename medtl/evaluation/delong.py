"""The AUROC's variance without resampling, for one fixed test set and for patients apart from each other.

In: units. Out: areas with DeLong's covariance (DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837; by ranks as
Sun and Xu, IEEE SPL 2014;21:1389). It takes the model as given: pooled out-of-fold scores come from several models,
so a study's pooled number has the bootstrap's interval and this one only where a single test set is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, rankdata

from medtl.evaluation.estimate import CONFIDENCE, Estimate, Undefined
from medtl.evaluation.units import Units

FEWEST_OF_A_CLASS = 2
"""A variance needs two."""


@dataclass(frozen=True)
class Areas:
    """AUROCs of several scores on the same units, with their covariance."""

    values: Float[np.ndarray, " score"]
    covariance: Float[np.ndarray, "score score"]


def delong(positive: Bool[np.ndarray, " unit"], scores: Float[np.ndarray, "score unit"]) -> Areas | Undefined:
    """Areas and covariance of scores on the same units; undefined with fewer than 2 units of a class."""
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < FEWEST_OF_A_CLASS:
        return Undefined(f"{m} positive and {n} negative, at least {FEWEST_OF_A_CLASS} of each needed for a variance")
    ranks = rankdata(scores, axis=1)
    of_positive = (ranks[:, positive] - rankdata(scores[:, positive], axis=1)) / n
    of_negative = 1.0 - (ranks[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m
    covariance = np.atleast_2d(np.cov(of_positive)) / m + np.atleast_2d(np.cov(of_negative)) / n
    return Areas(of_positive.mean(axis=1), covariance)


def delong_of(units: Units) -> Areas | Undefined:
    """The area of two-class units whose patients each count once."""
    why = _why_not(units)
    if why is not None:
        return Undefined(why)
    positive, score = units.against_the_rest(1)
    return delong(positive, score[None])


def delong_interval(units: Units) -> Estimate:
    """The AUROC with DeLong's 95 % interval (normal, cut at 0 and 1), or the reason why there is none."""
    found = delong_of(units)
    if isinstance(found, Undefined):
        return Estimate(value=None, reason=found.reason, n=units.patient_count)
    value, variance = float(found.values[0]), float(found.covariance[0, 0])
    if variance <= 0.0:
        return Estimate(value=value, reason="every pair is in order: the variance is 0", n=units.patient_count)
    half = float(norm.ppf(0.5 + CONFIDENCE / 2.0)) * variance**0.5
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0), n=units.patient_count)


def half_width(auroc: float, *, positives: int, negatives: int) -> float:
    """Half the 95 % interval that so many patients can give (Hanley and McNeil, Radiology 1982;143:29)."""
    one, two = auroc / (2.0 - auroc), 2.0 * auroc**2 / (1.0 + auroc)
    variance = auroc * (1.0 - auroc) + (positives - 1) * (one - auroc**2) + (negatives - 1) * (two - auroc**2)
    return float(norm.ppf(0.5 + CONFIDENCE / 2.0)) * float(np.sqrt(variance / (positives * negatives)))


def _why_not(units: Units) -> str | None:
    if not units.is_binary:
        return "more than two classes"
    if units.patient_count < len(units):
        return "a patient counts more than once, so the units are not independent"
    return None
