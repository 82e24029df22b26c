"""AUROC: the chance that a positive unit scores above a negative one.

In: units with probabilities. Out: the area with DeLong's interval by patient. With more than two classes it is the
unweighted mean over the classes, each against the rest.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from medtl.evaluation.clusters import patients_of_a_class
from medtl.evaluation.delong import influence_on_auroc, variance_by_patient
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import logit_interval, share_interval
from medtl.evaluation.metrics.metric import MEAN_OF_CLASSES, Metric
from medtl.evaluation.units import Units


def auroc(units: Units) -> float | Undefined:
    """Area under the ROC curve, ties half; undefined when a class has no unit."""
    return units.without_a_class or float(
        np.mean([roc_auc_score(*units.against_the_rest(index)) for index in units.outcome.judged])
    )


def auroc_estimate(units: Units, *, reason: str | None) -> Estimate:
    """The AUROC (the mean over classes with more than two) with its interval, or without one for the reason given.

    Where every pair is in order the variance is 0, and the interval is Wilson's with the patients of the rarest
    class.
    """
    value, patients = auroc(units), units.patient_count
    if isinstance(value, Undefined):
        return Estimate(value=None, reason=value.reason, n=patients)
    if reason is not None:
        return Estimate(value=value, reason=reason, n=patients)
    fewest = min(patients_of_a_class(units))
    variance = variance_by_patient(influence_on_auroc(units), units)
    if variance <= 0.0 or not 0.0 < value < 1.0:
        low, high = (float(end) for end in share_interval(np.array(value), np.array(0.0), at_most=float(fewest)))
    else:
        low, high = logit_interval(value, variance**0.5, degrees=fewest - 1)
    return Estimate(value=value, low=low, high=high, n=patients)


AUROC = Metric(
    name="auroc",
    label="AUROC",
    in_words="AUROC",
    better="higher",
    needs="ranking",
    interval="delong",
    chance=lambda _outcome, _shares: 0.5,
    estimate=lambda tested: auroc_estimate(tested.units, reason=tested.resampling.reason),
    source="Hanley and McNeil, Radiology 1982;143:29; interval DeLong et al., Biometrics 1988;44:837",
    several_classes=MEAN_OF_CLASSES,
    digits=3,
)
