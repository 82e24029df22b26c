"""The eight metrics of one model on one set of units, each with its interval.

In: units with probabilities, their decisions (or why there are none), and resampled patients. Out: `Metrics`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from medtl.evaluation.calibration import brier_losses, log_losses
from medtl.evaluation.clusters import patients_of_a_class, too_few, variance_of_mean
from medtl.evaluation.decided import balanced_accuracy_estimate, mcc_estimate, rate_estimate
from medtl.evaluation.delong import auroc_estimate
from medtl.evaluation.discrimination import average_precision
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import log_interval, logit_interval, share_interval
from medtl.evaluation.resampling import Resampling, error_of
from medtl.evaluation.study_metrics import Metrics
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import average_precision_draws

SPREAD_IS_SHORT_BY = 1.1
"""The standard error of average precision over resamples comes out a tenth too small where patients are tested out of
fold (10 % by patient, 14 % by image over the cells: docs/coverage.md)."""


def measure(units: Units, decisions: Decisions | Undefined, resampling: Resampling) -> Metrics:
    """Every metric with its interval by patient, or with the reason why it or its interval is missing."""
    return Metrics(
        auroc=auroc_estimate(units, reason=resampling.reason),
        average_precision=_average_precision(units, resampling),
        balanced_accuracy=balanced_accuracy_estimate(decisions, resampling),
        mcc=mcc_estimate(decisions, resampling),
        sensitivity=rate_estimate("sensitivity", decisions, resampling),
        specificity=rate_estimate("specificity", decisions, resampling),
        brier=_loss(brier_losses(units), units, resampling),
        log_loss=_loss(log_losses(units), units, resampling),
    )


def _average_precision(units: Units, resampling: Resampling) -> Estimate:
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


def _loss(losses: Float[np.ndarray, " unit"], units: Units, resampling: Resampling) -> Estimate:
    """The mean loss; its interval on the logarithmic scale, since few large losses make it skewed."""
    value, patients = float(losses.mean()), units.patient_count
    reason = resampling.reason or too_few(units, for_the_mix=True)
    error = 0.0 if reason is not None else variance_of_mean(losses, units.patients) ** 0.5
    if reason is None and (error <= 0.0 or value <= 0.0):
        reason = "no interval: the loss is the same for every patient"
    if reason is not None:
        return Estimate(value=value, reason=reason, n=patients)
    low, high = log_interval(value, error, degrees=min(patients_of_a_class(units)) - 1)
    return Estimate(value=value, low=low, high=high, n=patients)
