"""Where a probability becomes a decision.

In: validation units of one fold and model. Out: a threshold with its origin; and test units sorted by it. Test units
never take part in choosing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from sklearn.metrics import roc_curve

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.settings import ThresholdRule
from medtl.evaluation.units import Units

SAME_INDEX = 1e-12
"""Youden indices closer than this are equal: rates are ratios of counts, rounding stays below it."""


YOUDEN = ThresholdRule()
"""The rule when the study declares none."""


class Threshold(BaseModel):
    """From which probability of the positive class on a unit is called positive.

    With more than two classes the rule is `argmax` and there is no value: the most probable class is called. `n` is
    the number of validation patients, `youden` the index (sensitivity + specificity - 1) reached on them; a fixed
    threshold was chosen on nobody. `reason` says why there is no threshold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rule: Literal["youden", "sensitivity", "specificity", "cost_ratio", "fixed", "argmax"]
    value: float | None
    chosen_on: Literal["validation"] | None
    n: NonNegativeInt
    youden: float | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decided units: the patient of each, true and called class as indices in `classes`.

    With repeats a unit is decided once per repeat, each time by its own fold's threshold.
    """

    patients: tuple[str, ...]
    truth: Int[np.ndarray, " decision"]
    called: Int[np.ndarray, " decision"]
    classes: tuple[str, ...]

    @property
    def confusion(self) -> Int[np.ndarray, "truth called"]:
        """How often each class was called each class."""
        size = len(self.classes)
        return np.bincount(self.truth * size + self.called, minlength=size * size).reshape(size, size)


def choose_threshold(validation: Units, *, rule: ThresholdRule = YOUDEN) -> Threshold:
    """The threshold that the declared rule takes on validation units; test units have no part in it.

    `youden`: the highest Youden index (Youden, Cancer 1950;3:32). `sensitivity`: the highest threshold that reaches the
    declared sensitivity; `specificity`: the lowest that keeps the declared specificity. `cost_ratio`: the lowest cost,
    counting a missed positive as so many false alarms, at the validation patients' own prevalence. `fixed`: the
    declared threshold, without asking them.

    It lies half-way between the lowest score called positive and the next lower one. Among equally good ones the
    lowest is taken, which has the highest sensitivity. Where the lowest score has to be called positive, all are
    (value 0). With more than two classes no threshold is needed and the rule becomes `argmax`.
    """
    if not validation.outcome.has_threshold:
        return Threshold(rule="argmax", value=None, chosen_on=None, n=validation.patient_count)
    patients = validation.patient_count
    if rule.rule == "fixed":
        return Threshold(rule="fixed", value=rule.at, chosen_on=None, n=0)
    if absent := validation.absent_classes:
        why = f"no threshold: no {' and no '.join(absent)} among {patients} validation patients"
        return Threshold(rule=rule.rule, value=None, chosen_on="validation", n=patients, reason=why)
    truth, score = validation.against_the_rest(1)
    false_positive, true_positive, cuts = roc_curve(truth, score, drop_intermediate=False)
    best = _taken(rule, false_positive, true_positive, counts=validation.class_counts)
    value = _half_way_down(float(cuts[best]), float(cuts[best + 1])) if best + 1 < len(cuts) else 0.0
    index = float(true_positive[best] - false_positive[best])
    return Threshold(rule=rule.rule, value=min(value, 1.0), chosen_on="validation", n=patients, youden=index)


def _taken(
    rule: ThresholdRule,
    false_positive: Float[np.ndarray, " cut"],
    true_positive: Float[np.ndarray, " cut"],
    *,
    counts: tuple[int, ...],
) -> int:
    """The index of the taken cut; cuts descend, so that both rates ascend."""
    if rule.rule == "sensitivity" and rule.at_least is not None:
        return int(np.flatnonzero(true_positive >= rule.at_least - SAME_INDEX)[0])
    if rule.rule == "specificity" and rule.at_least is not None:
        return int(np.flatnonzero(1.0 - false_positive >= rule.at_least - SAME_INDEX)[-1])
    worth = true_positive - false_positive
    if rule.rule == "cost_ratio" and rule.cost_ratio is not None:
        negatives, positives = counts
        worth = rule.cost_ratio * positives / (positives + negatives) * true_positive
        worth = worth - negatives / (positives + negatives) * false_positive
    return int(np.flatnonzero(worth >= worth.max() - SAME_INDEX)[-1])


def decide(units: Units, *, threshold: Threshold) -> Decisions | Undefined:
    """Call each unit a class: by the threshold, or the most probable class (the first one of equals)."""
    if threshold.reason is not None:
        return Undefined(threshold.reason)
    called = units.outcome.decide(units.probabilities, threshold.value)
    return Decisions(patients=units.patients, truth=units.truth, called=called, classes=units.classes)


def _half_way_down(score: float, lower: float) -> float:
    middle = (score + lower) / 2.0
    return middle if lower < middle else score
