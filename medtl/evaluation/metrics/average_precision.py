"""Average precision: mean precision over the steps of recall.

In: units with probabilities. Out: the value with an interval from resampled patients, on the logit scale. With more
than two classes it is the unweighted mean over the classes, each against the rest.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from sklearn.metrics import average_precision_score

from medtl.evaluation.clusters import patients_of_a_class, too_few
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import logit_interval, share_interval
from medtl.evaluation.metrics.metric import MEAN_OF_CLASSES, EvaluatedUnits, Metric
from medtl.evaluation.resampling import Resampling, error_of
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking

SPREAD_IS_SHORT_BY = 1.1
"""The standard error of average precision over resamples comes out a tenth too small where patients are tested out of
fold (10 % by patient, 14 % by image over the cells: docs/coverage.md)."""


def average_precision(units: Units) -> float | Undefined:
    """Mean precision over the recall steps, without interpolation.

    Undefined when a class has no unit, since without negatives it is 1 whatever the model predicts.
    """
    return units.without_a_class or float(
        np.mean([average_precision_score(*units.against_the_rest(index)) for index in units.outcome.judged])
    )


def average_precision_draws(units: Units, resampling: Resampling) -> Float[np.ndarray, " draw"]:
    """Average precision in each resample, the mean over classes with more than two."""
    rankings = [Ranking.of(*units.against_the_rest(index)) for index in units.outcome.judged]
    parts = [
        np.mean([ranking.steps(weights).average_precision() for ranking in rankings], axis=0)
        for weights in resampling.weights(units.patients)
    ]
    return np.concatenate(parts)


def average_precision_estimate(tested: EvaluatedUnits) -> Estimate:
    """The value with its interval, or the reason why either is missing."""
    units, resampling = tested.units, tested.resampling
    value, patients = average_precision(units), units.patient_count
    if isinstance(value, Undefined):
        return Estimate(value=None, reason=value.reason, n=patients)
    reason = resampling.reason or too_few(units, for_the_mix=True)
    if reason is not None:
        return Estimate(value=value, reason=reason, n=patients)
    found = error_of(average_precision_draws(units, resampling))
    if isinstance(found, Undefined):
        return Estimate(value=value, reason=found.reason, n=patients)
    fewest = min(patients_of_a_class(units))
    if found.error <= 0.0 or not 0.0 < value < 1.0:
        low, high = (float(end) for end in share_interval(np.array(value), np.array(0.0), at_most=float(fewest)))
    else:
        low, high = logit_interval(value, SPREAD_IS_SHORT_BY * found.error, degrees=fewest - 1)
    return Estimate(value=value, low=low, high=high, n=patients, skipped=found.skipped)


AVERAGE_PRECISION = Metric(
    name="average_precision",
    label="Average precision",
    in_words="average precision",
    better="higher",
    needs="ranking",
    interval="bootstrap",
    chance=lambda outcome, shares: outcome.average_precision_at_chance(shares),
    estimate=average_precision_estimate,
    source="Davis and Goadrich, ICML 2006; the sum of scikit-learn's average_precision_score",
    several_classes=MEAN_OF_CLASSES,
    digits=3,
)
