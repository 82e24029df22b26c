"""Specificity: the share of units outside the positive class that was not called so.

In: decisions. Out: the value with Wilson's interval by patient. With more than two classes it is the unweighted mean
over the classes, each against the rest.
"""

from __future__ import annotations

from medtl.evaluation.decided import rate_estimate
from medtl.evaluation.metrics.metric import MEAN_OF_CLASSES, Metric

SPECIFICITY = Metric(
    name="specificity",
    label="Specificity",
    in_words="specificity",
    better="higher",
    needs="decisions",
    interval="wilson",
    chance=lambda _outcome, _shares: None,
    estimate=lambda tested: rate_estimate("specificity", tested.decisions, tested.resampling),
    source="Yerushalmy, Public Health Rep 1947;62:1432; interval Wilson, JASA 1927;22:209",
    several_classes=MEAN_OF_CLASSES,
    is_headline=True,
)
