"""Every metric, in the order of metrics.json and of the tables."""

from __future__ import annotations

from medtl.evaluation.metrics.auroc import AUROC
from medtl.evaluation.metrics.average_precision import AVERAGE_PRECISION
from medtl.evaluation.metrics.balanced_accuracy import BALANCED_ACCURACY
from medtl.evaluation.metrics.brier import BRIER
from medtl.evaluation.metrics.log_loss import LOG_LOSS
from medtl.evaluation.metrics.mcc import MCC
from medtl.evaluation.metrics.metric import Metric, Needs
from medtl.evaluation.metrics.sensitivity import SENSITIVITY
from medtl.evaluation.metrics.specificity import SPECIFICITY

METRICS: tuple[Metric, ...] = (
    AUROC,
    AVERAGE_PRECISION,
    BALANCED_ACCURACY,
    MCC,
    SENSITIVITY,
    SPECIFICITY,
    BRIER,
    LOG_LOSS,
)

PRIMARY = AUROC
"""The metric that models are compared by."""


def metric_named(name: str) -> Metric:
    """The metric with this key in metrics.json.

    Raises:
        KeyError: there is none.
    """
    return {metric.name: metric for metric in METRICS}[name]


def names_of(*needs: Needs) -> tuple[str, ...]:
    """How the metrics that judge this are called within a sentence."""
    return tuple(metric.in_words for metric in METRICS if metric.needs in needs)


def headlines() -> tuple[Metric, ...]:
    """The metrics that stand beside the primary one in a table with few columns."""
    return tuple(metric for metric in METRICS if metric.is_headline)


def resampled() -> tuple[str, ...]:
    """How the metrics whose interval comes from resampled patients are called within a sentence."""
    return tuple(metric.in_words for metric in METRICS if metric.interval == "bootstrap")
