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
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import combined, wilson
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.thresholds import Decisions
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


def rate_estimate(
    kind: Kind, decisions: Decisions | Undefined, resampling: Resampling, *, of_every_class: bool = False
) -> Estimate:
    """Sensitivity or specificity of the positive class, or the mean over classes with more than two.

    `of_every_class` takes the mean over the negative class too.
    """
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=len(resampling.patients))
    classes = range(len(decisions.classes)) if of_every_class else outcome_of(decisions.classes).judged
    return _mean_of_rates([(kind, index) for index in classes], decisions, resampling)


def members_of(kind: Kind, index: int, decisions: Decisions) -> Bool[np.ndarray, " decision"]:
    """Who counts for the rate of a class: the units of the class, or all others."""
    return decisions.truth == index if kind == "sensitivity" else decisions.truth != index


def _mean_of_rates(rates: Sequence[tuple[Kind, int]], decisions: Decisions, resampling: Resampling) -> Estimate:
    patients = len(resampling.patients)
    absent = without_a_class(decisions)
    found = [_rate(kind, index, decisions, reason=resampling.not_requested) for kind, index in rates]
    if any(one.value is None for one in found):
        return Estimate(value=None, reason=absent or "nobody was decided", n=patients)
    ends = [(one.value or 0.0, one.low or 0.0, one.high or 0.0) for one in found]
    parts, lows, highs = (np.array(column) / len(rates) for column in zip(*ends, strict=True))
    value = float(parts.sum())
    if resampling.not_requested is not None:
        return Estimate(value=value, reason=resampling.not_requested, n=patients)
    low, high = combined(parts, lows, highs)
    return Estimate(value=value, low=max(float(low), 0.0), high=min(float(high), 1.0), n=patients)


def _rate(kind: Kind, index: int, decisions: Decisions, *, reason: str | None) -> Estimate:
    members = members_of(kind, index, decisions)
    right = (decisions.called == index) == (kind == "sensitivity")
    owners = tuple(name for name, counts in zip(decisions.patients, members, strict=True) if counts)
    return share_estimate(right[members], owners, nobody="nobody was decided", reason=reason)


def without_a_class(decisions: Decisions) -> str | None:
    """Which classes have no decision; None where each has one."""
    confusion = decisions.confusion
    names = [name for name, count in zip(decisions.classes, confusion.sum(axis=1), strict=True) if count == 0]
    return f"no {' and no '.join(names)} among the {int(confusion.sum())} judged" if names else None
