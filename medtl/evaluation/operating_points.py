"""What the declared decision does to patients: proportions, predictive values, and points read from the ROC curve.

In: decisions at the validation thresholds, and two-class units. Out: numbers with intervals.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import roc_curve

from medtl.evaluation.clusters import patients_of_a_class
from medtl.evaluation.decided import share_estimate
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import share_interval
from medtl.evaluation.resampling import Resampling, error_of
from medtl.evaluation.thresholds import SAME_INDEX, Decisions
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking, Steps

FEWEST_BEYOND = 2.0
"""Patients whom the fixed rate has to leave on the other side: at a specificity of 0.95, 40 negatives for 2 of them."""

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Proportions(BaseModel):
    """Proportions of the pooled decisions with Wilson's interval by patient.

    Predictive values and accuracy hold at this cohort's `prevalence`.
    """

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


def proportions(decisions: Decisions | Undefined, *, reason: str | None = None) -> Proportions | Undefined:
    """Every proportion of two-class decisions, by patient; without intervals for the reason given."""
    if isinstance(decisions, Undefined):
        return decisions
    have, called = decisions.truth == 1, decisions.called == 1

    def share(right: Bool[np.ndarray, " decision"], among: Bool[np.ndarray, " decision"], nobody: str) -> Estimate:
        owners = tuple(name for name, counts in zip(decisions.patients, among, strict=True) if counts)
        return share_estimate(right[among], owners, nobody=nobody, reason=reason)

    return Proportions(
        prevalence=float(have.mean()) if len(have) else 0.0,
        sensitivity=share(called, have, "nobody has the positive class"),
        specificity=share(~called, ~have, "nobody has the negative class"),
        positive_predictive_value=share(have, called, "nobody was called positive"),
        negative_predictive_value=share(~have, ~called, "nobody was called negative"),
        accuracy=share(have == called, np.ones(len(have), dtype=bool), "nobody was judged"),
    )


def predictive_values(
    found: Proportions | Undefined, resampling: Resampling, *, prevalence: float
) -> PredictiveValues | Undefined:
    """Both predictive values at the stated prevalence.

    The interval of a ratio of rates comes from those of the rates (MOVER-R: Donner and Zou, Stat Methods Med Res
    2012;21:347), carried over by Bayes' rule.
    """
    if isinstance(found, Undefined):
        return found
    found_rate, spared_rate = found.sensitivity, found.specificity
    missed, alarmed = _other_side(found_rate), _other_side(spared_rate)
    odds = prevalence / (1.0 - prevalence)
    patients = len(resampling.patients)
    return PredictiveValues(
        prevalence=prevalence,
        positive=_at_odds(found_rate, alarmed, odds=odds, which="positive", n=patients, reason=resampling.reason),
        negative=_at_odds(spared_rate, missed, odds=1.0 / odds, which="negative", n=patients, reason=resampling.reason),
    )


def readings(units: Units, resampling: Resampling, *, at_least: tuple[float, ...]) -> tuple[Reading, ...]:
    """Sensitivity at each specificity, and specificity at each sensitivity.

    Wilson's interval, corrected near 0 and 1, with as many trials as the spread over resampled patients is worth.
    """
    positive, score = units.against_the_rest(1)
    if positive.all() or not positive.any():
        return ()
    false_rate, true_rate, _ = roc_curve(positive, score, drop_intermediate=False)
    ranking = Ranking.of(positive, score)
    drawn = [_rates(ranking.steps(weights)) for weights in resampling.weights(units.patients)]
    negatives, positives = patients_of_a_class(units)
    found = []
    for of in ("sensitivity", "specificity"):
        judged, held = (positives, negatives) if of == "sensitivity" else (negatives, positives)
        for fixed in at_least:
            value = float(_read(false_rate[None], true_rate[None], of=of, fixed=fixed)[0])
            draws = [_read(false, true, of=of, fixed=fixed) for false, true in drawn]
            estimate = _reading(
                value,
                np.concatenate(draws) if draws else np.empty(0),
                judged=judged,
                beyond=(1.0 - fixed) * held,
                n=units.patient_count,
                reason=resampling.reason,
            )
            found.append(Reading(of=of, at_least=fixed, value=estimate))
    return tuple(found)


def _reading(
    value: float, draws: Float[np.ndarray, " draw"], *, judged: int, beyond: float, n: int, reason: str | None
) -> Estimate:
    if reason is None and beyond < FEWEST_BEYOND - SAME_INDEX:
        reason = f"no interval: the fixed rate leaves fewer than {FEWEST_BEYOND:g} patients on the other side"
    found = Undefined(reason) if reason is not None else error_of(draws)
    if isinstance(found, Undefined):
        return Estimate(value=value, reason=found.reason, n=n)
    low, high = share_interval(np.array(value), np.array(found.error**2), at_most=float(judged))
    return Estimate(value=value, low=float(low), high=float(high), n=n, skipped=found.skipped)


def _other_side(rate: Estimate) -> Estimate:
    """The share of those who were not called so."""
    if rate.value is None:
        return rate
    if rate.low is None or rate.high is None:
        return Estimate(value=1.0 - rate.value, reason=rate.reason, n=rate.n)
    return Estimate(value=1.0 - rate.value, low=1.0 - rate.high, high=1.0 - rate.low, n=rate.n)


def _at_odds(
    right: Estimate,
    wrong: Estimate,
    *,
    odds: float,
    which: Literal["positive", "negative"],
    n: int,
    reason: str | None,
) -> Estimate:
    if right.value is None or wrong.value is None:
        return Estimate(value=None, reason=right.reason or wrong.reason, n=n)
    if not right.value and not wrong.value:
        return Estimate(value=None, reason=f"nobody was called {which}", n=n)
    value = odds * right.value / (odds * right.value + wrong.value)
    if reason is not None or right.low is None or right.high is None or wrong.low is None or wrong.high is None:
        return Estimate(value=value, reason=reason or right.reason or wrong.reason, n=n)
    a, b = right.value, wrong.value
    least, most = right.low * (2.0 * a - right.low), right.high * (2.0 * a - right.high)
    widest, narrowest = wrong.high * (2.0 * b - wrong.high), wrong.low * (2.0 * b - wrong.low)
    low = least / (a * b + max((a * b) ** 2 - least * widest, 0.0) ** 0.5) if least > 0.0 else 0.0
    high = (a * b + max((a * b) ** 2 - most * narrowest, 0.0) ** 0.5) / narrowest if narrowest > 0.0 else np.inf
    ends = [1.0 if np.isinf(ratio) else odds * ratio / (odds * ratio + 1.0) for ratio in (low, high)]
    return Estimate(value=value, low=min(ends[0], value), high=max(ends[1], value), n=n)


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
