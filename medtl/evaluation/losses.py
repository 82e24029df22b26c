"""The mean of a loss per unit, with its interval by patient.

In: a loss for each unit. Out: an estimate; its interval is on the logarithmic scale, since few large losses make it
skewed.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from medtl.evaluation.clusters import patients_of_a_class, too_few, variance_of_mean
from medtl.evaluation.estimate import Estimate
from medtl.evaluation.intervals import log_interval
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.units import Units


def mean_loss_estimate(losses: Float[np.ndarray, " unit"], units: Units, resampling: Resampling) -> Estimate:
    """The mean loss over units with its interval, or the reason why there is none."""
    value, patients = float(losses.mean()), units.patient_count
    reason = resampling.reason or too_few(units, for_the_mix=True)
    error = 0.0 if reason is not None else variance_of_mean(losses, units.patients) ** 0.5
    if reason is None and (error <= 0.0 or value <= 0.0):
        reason = "no interval: the loss is the same for every patient"
    if reason is not None:
        return Estimate(value=value, reason=reason, n=patients)
    low, high = log_interval(value, error, degrees=min(patients_of_a_class(units)) - 1)
    return Estimate(value=value, low=low, high=high, n=patients)
