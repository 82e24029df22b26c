"""The eight metrics of one model on one set of units, each with its interval.

In: units with probabilities, their decisions (or why there are none), and resampled patients. Out: `Metrics`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from medtl.evaluation.calibration import brier_losses, log_losses
from medtl.evaluation.discrimination import (
    auroc,
    average_precision,
    balanced_accuracy,
    mcc,
    sensitivity,
    specificity,
)
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import mean_draws, percentile_interval
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.study_metrics import Metrics
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import confusion_draws, ranking_draws

NO_DRAWS: Float[np.ndarray, " draw"] = np.empty(0)


def measure(units: Units, decisions: Decisions | Undefined, resampling: Resampling) -> Metrics:
    """Every metric with its percentile interval by patient, or with the reason why it is missing."""
    ranked: tuple[float | Undefined, float | Undefined] = (auroc(units), average_precision(units))
    losses = np.stack([brier_losses(units), log_losses(units)])
    drawn = resampling.reason is None
    auroc_drawn, precision_drawn = NO_DRAWS, NO_DRAWS
    if drawn and not isinstance(ranked[0], Undefined):
        auroc_drawn, precision_drawn = ranking_draws(units, resampling)
    brier_drawn, log_loss_drawn = mean_draws(losses, units, resampling) if drawn else (NO_DRAWS, NO_DRAWS)
    counts = confusion_draws(decisions, resampling) if drawn and isinstance(decisions, Decisions) else None

    def estimate(value: float | Undefined, draws: Float[np.ndarray, " draw"]) -> Estimate:
        return percentile_interval(value, draws, n=units.patient_count, reason=resampling.reason)

    def decided(rate: Callable[[Int[np.ndarray, ...]], Float[np.ndarray, ...]]) -> Estimate:
        draws = NO_DRAWS if counts is None else rate(counts)
        return estimate(_rate(rate, decisions), draws)

    return Metrics(
        auroc=estimate(ranked[0], auroc_drawn),
        average_precision=estimate(ranked[1], precision_drawn),
        balanced_accuracy=decided(balanced_accuracy),
        mcc=decided(mcc),
        sensitivity=decided(sensitivity),
        specificity=decided(specificity),
        brier=estimate(float(losses[0].mean()), brier_drawn),
        log_loss=estimate(float(losses[1].mean()), log_loss_drawn),
    )


def _rate(
    rate: Callable[[Int[np.ndarray, ...]], Float[np.ndarray, ...]], decisions: Decisions | Undefined
) -> float | Undefined:
    if isinstance(decisions, Undefined):
        return decisions
    confusion = decisions.confusion
    value = float(rate(confusion))
    if not np.isnan(value):
        return value
    of_class, called = confusion.sum(axis=1), confusion.sum(axis=0)
    absent = [name for name, count in zip(decisions.classes, of_class, strict=True) if count == 0]
    if absent:
        return Undefined(f"no {' and no '.join(absent)} among the {int(confusion.sum())} judged")
    return Undefined(f"all were called {decisions.classes[int(called.argmax())]}")
