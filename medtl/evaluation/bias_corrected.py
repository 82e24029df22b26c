"""The bootstrap interval that corrects for bias and skew (BCa), beside the plain percentiles.

In: draws of a metric and its values with one patient left out. Out: an interval. Where it differs much from the
percentile interval, the metric is skewed at this number of patients and the reader should see both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from medtl.evaluation.discrimination import auroc, classes_judged
from medtl.evaluation.estimate import CONFIDENCE, Estimate, Undefined
from medtl.evaluation.resampling import CHUNK_CELLS, Resampling, strata_of
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking, auroc_draws


def bca_interval(
    value: float, draws: Float[np.ndarray, " draw"], left_out: Sequence[Float[np.ndarray, " patient"]]
) -> tuple[float, float] | Undefined:
    """Both ends (Efron, JASA 1987;82:171; several strata as in Davison and Hinkley 1997, section 5.4).

    `left_out` holds, per stratum of the draws, the metric without each of its patients.
    """
    kept = draws[~np.isnan(draws)]
    below = (np.count_nonzero(kept < value) + np.count_nonzero(kept <= value)) / (2.0 * len(kept))
    if not 0.0 < below < 1.0:
        return Undefined("no interval: every resample lies on one side of the value")
    top = bottom = 0.0
    for each in left_out:
        count = len(each)
        influence = (count - 1) * (each.mean() - each)
        top += float((influence**3).sum()) / count**3
        bottom += float((influence**2).sum()) / count**2
    if bottom <= 0.0:
        return Undefined("no interval: the metric is the same whichever patient is left out")
    acceleration = top / (6.0 * bottom**1.5)
    middle = norm.ppf(below)
    ends = middle + norm.ppf([0.5 - CONFIDENCE / 2.0, 0.5 + CONFIDENCE / 2.0])
    low, high = np.quantile(kept, norm.cdf(middle + ends / (1.0 - acceleration * ends)))
    return float(low), float(high)


def auroc_bca(units: Units, resampling: Resampling) -> Estimate:
    """The AUROC with its BCa interval, from the same resamples as its percentile interval."""
    value, patients = auroc(units), units.patient_count
    if isinstance(value, Undefined):
        return Estimate(value=None, reason=value.reason, n=patients)
    if resampling.reason is not None:
        return Estimate(value=value, reason=resampling.reason, n=patients)
    place = {name: index for index, name in enumerate(resampling.patients)}
    without = _auroc_without_each(units, [place[name] for name in units.patients])
    if np.isnan(without).any():
        return Estimate(value=value, reason="no interval: a class has a single patient", n=patients)
    found = bca_interval(
        value, auroc_draws(units, resampling), [without[members] for members in strata_of(units).values()]
    )
    if isinstance(found, Undefined):
        return Estimate(value=value, reason=found.reason, n=patients)
    return Estimate(value=value, low=found[0], high=found[1], n=patients)


def _auroc_without_each(units: Units, patient_of: Sequence[int]) -> Float[np.ndarray, " patient"]:
    owner, count = np.array(patient_of), units.patient_count
    rows = max(1, CHUNK_CELLS // max(1, len(units)))
    rankings = [Ranking.of(*units.against_the_rest(index)) for index in classes_judged(units)]
    parts = []
    for start in range(0, count, rows):
        weights = (owner[None] != np.arange(start, min(start + rows, count))[:, None]).astype("float64")
        parts.append(np.mean([ranking.steps(weights).auroc() for ranking in rankings], axis=0))
    return np.concatenate(parts)
