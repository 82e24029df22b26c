"""Balanced accuracy: the mean sensitivity over all classes.

In: decisions. Out: the value with the classes' Wilson intervals combined.
"""

from __future__ import annotations

from medtl.evaluation.decided import rate_estimate
from medtl.evaluation.estimate import Estimate
from medtl.evaluation.metrics.metric import EvaluatedUnits, Metric


def balanced_accuracy_estimate(tested: EvaluatedUnits) -> Estimate:
    """The mean of every class's sensitivity, with its interval by patient."""
    return rate_estimate("sensitivity", tested.decisions, tested.resampling, of_every_class=True)


BALANCED_ACCURACY = Metric(
    name="balanced_accuracy",
    label="Balanced accuracy",
    in_words="balanced accuracy",
    better="higher",
    needs="decisions",
    interval="wilson",
    chance=lambda _outcome, shares: 1.0 / len(shares),
    estimate=balanced_accuracy_estimate,
    source="Brodersen et al., ICPR 2010; intervals combined as Zou and Donner, Stat Med 2008;27:1693",
)
