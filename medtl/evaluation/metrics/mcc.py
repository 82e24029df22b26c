"""MCC: Matthews' correlation of truth and decision.

In: decisions. Out: the value with the spread over resampled patients, on Fisher's scale. With several classes it is
Gorodkin's R_K.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from medtl.evaluation.decided import without_a_class
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import fisher_interval
from medtl.evaluation.metrics.metric import EvaluatedUnits, Metric
from medtl.evaluation.resampling import error_of
from medtl.evaluation.weighted import confusion_draws


def mcc(confusion: Shaped[np.ndarray, "*draw truth decided"]) -> Float[np.ndarray, "*draw"]:
    """Matthews' correlation; NaN where all units are of one class or are called one class."""
    counts = confusion.astype("float64")
    total = counts.sum(axis=(-2, -1))
    of_class, called = counts.sum(axis=-1), counts.sum(axis=-2)
    right = np.trace(counts, axis1=-2, axis2=-1)
    covariance = right * total - (of_class * called).sum(axis=-1)
    spread = (total**2 - (of_class**2).sum(axis=-1)) * (total**2 - (called**2).sum(axis=-1))
    whole = np.sqrt(spread)
    return np.divide(covariance, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def mcc_estimate(tested: EvaluatedUnits) -> Estimate:
    """The correlation with its interval, or the reason why either is missing."""
    decisions, resampling = tested.decisions, tested.resampling
    patients = len(resampling.patients)
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=patients)
    value = float(mcc(decisions.confusion))
    if np.isnan(value):
        called = decisions.classes[int(decisions.confusion.sum(axis=0).argmax())]
        return Estimate(value=None, reason=without_a_class(decisions) or f"all were called {called}", n=patients)
    if resampling.reason is not None:
        return Estimate(value=value, reason=resampling.reason, n=patients)
    found = error_of(mcc(confusion_draws(decisions, resampling)))
    if isinstance(found, Undefined):
        return Estimate(value=value, reason=found.reason, n=patients)
    if abs(value) >= 1.0 or found.error <= 0.0:
        return Estimate(value=value, reason="no interval: no decision was wrong, or every one", n=patients)
    low, high = fisher_interval(value, found.error)
    return Estimate(value=value, low=low, high=high, n=patients, skipped=found.skipped)


MCC = Metric(
    name="mcc",
    label="MCC",
    in_words="MCC",
    better="higher",
    needs="decisions",
    interval="bootstrap",
    chance=lambda _outcome, _shares: 0.0,
    estimate=mcc_estimate,
    source="Matthews, BBA 1975;405:442; several classes Gorodkin, Comput Biol Chem 2004;28:367",
)
