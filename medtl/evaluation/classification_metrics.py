"""Every metric of one model on one set of units, each with its interval; and their spread over the folds.

In: units with probabilities, their decisions (or why there are none), and resampled patients. Out: a value for each
member of `metrics/known.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.evaluation.across_folds import spread_of
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.metric import EvaluatedUnits
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.study_metrics import Metrics, Spreads
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units


def classification_metrics(units: Units, decisions: Decisions | Undefined, resampling: Resampling) -> Metrics:
    """Every metric with its interval by patient, or with the reason why it or its interval is missing."""
    tested = EvaluatedUnits(units, decisions, resampling)
    return Metrics({metric.name: metric.estimate(tested) for metric in known.METRICS})


def spreads_over_folds(folds: Sequence[Metrics]) -> Spreads:
    """Each metric over the folds where it is defined."""
    return Spreads(
        {metric.name: spread_of([one[metric.name].value for one in folds]) for metric in known.METRICS},
    )
