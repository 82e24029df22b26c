"""What the declared decision does to patients: proportions, predictive values, and points read from the ROC curve.

In: decisions at the validation thresholds, and two-class units. Out: numbers with intervals.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_curve

from medtl.evaluation.discrimination import sensitivity, specificity
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import percentile_interval, wilson
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.thresholds import SAME_INDEX, Decisions
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking, Steps, confusion_draws

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Proportions(BaseModel):
    """Proportions of the pooled decisions with Wilson's interval; the values hold at this cohort's `prevalence`."""

    model_config = _FROZEN

    prevalence: float
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    negative_predictive_value: Estimate
    accuracy: Estimate


class PredictiveValues(BaseModel):
    """Predictive values at a stated prevalence, from sensitivity and specificity by Bayes' rule."""

    model_config = _FROZEN

    prevalence: float
    positive: Estimate
    negative: Estimate


class Reading(BaseModel):
    """The highest sensitivity at a specificity of at least `at_least`, or the reverse.

    Read from the pooled ROC curve of the test patients: it describes the curve and is no threshold to be used.
    """

    model_config = _FROZEN

    of: Literal["sensitivity", "specificity"]
    at_least: float
    value: Estimate


def proportions(decisions: Decisions | Undefined) -> Proportions | Undefined:
    """Wilson's intervals, which need every decision to be of another patient."""
    if isinstance(decisions, Undefined):
        return decisions
    if len(set(decisions.patients)) < len(decisions.patients):
        return Undefined("a patient was decided more than once, so the decisions are not independent")
    (right_negative, false_positive), (false_negative, right_positive) = decisions.confusion.tolist()
    have, have_not = false_negative + right_positive, right_negative + false_positive
    return Proportions(
        prevalence=have / max(have + have_not, 1),
        sensitivity=_share(right_positive, have, "nobody has the positive class"),
        specificity=_share(right_negative, have_not, "nobody has the negative class"),
        positive_predictive_value=_share(right_positive, right_positive + false_positive, "nobody was called positive"),
        negative_predictive_value=_share(right_negative, right_negative + false_negative, "nobody was called negative"),
        accuracy=_share(right_positive + right_negative, have + have_not, "nobody was judged"),
    )


def predictive_values(
    decisions: Decisions | Undefined, resampling: Resampling, *, prevalence: float
) -> PredictiveValues | Undefined:
    """Both predictive values at the stated prevalence, with percentile intervals by patient."""
    if isinstance(decisions, Undefined):
        return decisions
    patients = len(set(decisions.patients))
    counts = confusion_draws(decisions, resampling) if resampling.reason is None else np.empty((0, 2, 2))

    def estimate(share_right: float, which: Literal["positive", "negative"]) -> Estimate:
        whole = _bayes(decisions.confusion, share_right, which)
        value = Undefined(f"nobody was called {which}") if np.isnan(whole) else float(whole)
        return percentile_interval(value, _bayes(counts, share_right, which), n=patients, reason=resampling.reason)

    return PredictiveValues(
        prevalence=prevalence, positive=estimate(prevalence, "positive"), negative=estimate(prevalence, "negative")
    )


def readings(units: Units, resampling: Resampling, *, at_least: tuple[float, ...]) -> tuple[Reading, ...]:
    """Sensitivity at each specificity and specificity at each sensitivity, with percentile intervals by patient."""
    positive, score = units.against_the_rest(1)
    if positive.all() or not positive.any():
        return ()
    false_rate, true_rate, _ = roc_curve(positive, score, drop_intermediate=False)
    ranking = Ranking.of(positive, score)
    drawn = [_rates(ranking.steps(weights)) for weights in resampling.weights(units.patients)]
    found = []
    for of in ("sensitivity", "specificity"):
        for fixed in at_least:
            value = float(_read(false_rate[None], true_rate[None], of=of, fixed=fixed)[0])
            draws = [_read(false, true, of=of, fixed=fixed) for false, true in drawn]
            estimate = percentile_interval(
                value,
                np.concatenate(draws) if draws else np.empty(0),
                n=units.patient_count,
                reason=resampling.reason,
            )
            found.append(Reading(of=of, at_least=fixed, value=estimate))
    return tuple(found)


def _share(part: int, whole: int, reason: str) -> Estimate:
    if not whole:
        return Estimate(value=None, reason=reason, n=0)
    low, high = wilson(np.array(part), np.array(whole))
    return Estimate(value=part / whole, low=float(low), high=float(high), n=whole)


def _bayes(
    counts: Shaped[np.ndarray, "*draw truth called"], prevalence: float, which: Literal["positive", "negative"]
) -> Float[np.ndarray, "*draw"]:
    found, spared = sensitivity(counts), specificity(counts)
    right = found * prevalence if which == "positive" else spared * (1.0 - prevalence)
    wrong = (1.0 - spared) * (1.0 - prevalence) if which == "positive" else (1.0 - found) * prevalence
    called = np.asarray(right + wrong)
    return np.divide(right, called, out=np.full(called.shape, np.nan), where=called > 0.0)


def _rates(steps: Steps) -> tuple[Float[np.ndarray, "draw step"], Float[np.ndarray, "draw step"]]:
    true, false = np.cumsum(steps.positive, axis=1), np.cumsum(steps.negative, axis=1)
    start = np.zeros((len(true), 1))
    with np.errstate(invalid="ignore"):
        return np.hstack([start, false / false[:, -1:]]), np.hstack([start, true / true[:, -1:]])


def _read(
    false_rate: Float[np.ndarray, "draw cut"],
    true_rate: Float[np.ndarray, "draw cut"],
    *,
    of: Literal["sensitivity", "specificity"],
    fixed: float,
) -> Float[np.ndarray, " draw"]:
    if of == "sensitivity":
        return np.where(1.0 - false_rate >= fixed - SAME_INDEX, true_rate, 0.0).max(axis=1)
    return np.where(true_rate >= fixed - SAME_INDEX, 1.0 - false_rate, 0.0).max(axis=1)
