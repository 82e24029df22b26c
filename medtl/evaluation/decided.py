"""Rates of the decisions with their intervals: one method for each rate, wherever it is printed.

In: decisions, and resampled patients. Out: estimates. A rate has Wilson's interval, with fewer trials where images of
one patient or repeats count several times; the mean of several rates combines their intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool

from medtl.evaluation.clusters import effective_trials
from medtl.evaluation.discrimination import mcc
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import combined, fisher_interval, wilson
from medtl.evaluation.resampling import Resampling, error_of
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.weighted import confusion_draws
from medtl.outcomes import outcome_of

Kind = Literal["sensitivity", "specificity"]


def share_estimate(
    right: Bool[np.ndarray, " decision"], patients: tuple[str, ...], *, nobody: str, reason: str | None = None
) -> Estimate:
    """The share that is true, with Wilson's interval by patient.

    Args:
        right: whether each counts.
        patients: whom each belongs to.
        nobody: why the share is undefined when there is nobody.
        reason: why there shall be no interval.
    """
    if not len(right):
        return Estimate(value=None, reason=nobody, n=0)
    value, owners = float(right.mean()), len(set(patients))
    if reason is not None:
        return Estimate(value=value, reason=reason, n=owners)
    trials = effective_trials(right, patients)
    low, high = wilson(np.array(value * trials), np.array(trials))
    return Estimate(value=value, low=float(low), high=float(high), n=owners)


def rate_estimate(kind: Kind, decisions: Decisions | Undefined, resampling: Resampling) -> Estimate:
    """Sensitivity or specificity of the positive class, or the mean over classes with more than two."""
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=len(resampling.patients))
    return _mean_of_rates([(kind, index) for index in outcome_of(decisions.classes).judged], decisions, resampling)


def balanced_accuracy_estimate(decisions: Decisions | Undefined, resampling: Resampling) -> Estimate:
    """The mean sensitivity over all classes."""
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=len(resampling.patients))
    return _mean_of_rates([("sensitivity", index) for index in range(len(decisions.classes))], decisions, resampling)


def mcc_estimate(decisions: Decisions | Undefined, resampling: Resampling) -> Estimate:
    """Matthews' correlation, with the spread over resampled patients on Fisher's scale."""
    patients = len(resampling.patients)
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=patients)
    value = float(mcc(decisions.confusion))
    if np.isnan(value):
        called = decisions.classes[int(decisions.confusion.sum(axis=0).argmax())]
        return Estimate(value=None, reason=_absent(decisions) or f"all were called {called}", n=patients)
    if resampling.reason is not None:
        return Estimate(value=value, reason=resampling.reason, n=patients)
    found = error_of(mcc(confusion_draws(decisions, resampling)))
    if isinstance(found, Undefined):
        return Estimate(value=value, reason=found.reason, n=patients)
    if abs(value) >= 1.0 or found.error <= 0.0:
        return Estimate(value=value, reason="no interval: no decision was wrong, or every one", n=patients)
    low, high = fisher_interval(value, found.error)
    return Estimate(value=value, low=low, high=high, n=patients, skipped=found.skipped)


def members_of(kind: Kind, index: int, decisions: Decisions) -> Bool[np.ndarray, " decision"]:
    """Who counts for the rate of a class: the units of the class, or all others."""
    return decisions.truth == index if kind == "sensitivity" else decisions.truth != index


def _mean_of_rates(rates: Sequence[tuple[Kind, int]], decisions: Decisions, resampling: Resampling) -> Estimate:
    patients = len(resampling.patients)
    absent = _absent(decisions)
    found = [_rate(kind, index, decisions, reason=resampling.not_asked) for kind, index in rates]
    if any(one.value is None for one in found):
        return Estimate(value=None, reason=absent or "nobody was decided", n=patients)
    ends = [(one.value or 0.0, one.low or 0.0, one.high or 0.0) for one in found]
    parts, lows, highs = (np.array(column) / len(rates) for column in zip(*ends, strict=True))
    value = float(parts.sum())
    if resampling.not_asked is not None:
        return Estimate(value=value, reason=resampling.not_asked, n=patients)
    low, high = combined(parts, lows, highs)
    return Estimate(value=value, low=max(float(low), 0.0), high=min(float(high), 1.0), n=patients)


def _rate(kind: Kind, index: int, decisions: Decisions, *, reason: str | None) -> Estimate:
    members = members_of(kind, index, decisions)
    right = (decisions.called == index) == (kind == "sensitivity")
    owners = tuple(name for name, counts in zip(decisions.patients, members, strict=True) if counts)
    return share_estimate(right[members], owners, nobody="nobody was decided", reason=reason)


def _absent(decisions: Decisions) -> str | None:
    confusion = decisions.confusion
    names = [name for name, count in zip(decisions.classes, confusion.sum(axis=1), strict=True) if count == 0]
    return f"no {' and no '.join(names)} among the {int(confusion.sum())} judged" if names else None
