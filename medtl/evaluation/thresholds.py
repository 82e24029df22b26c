"""Where a probability becomes a decision.

In: validation units of one fold and model. Out: a threshold with its origin; and test units sorted by it. Test units
never take part in choosing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from sklearn.metrics import roc_curve

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.units import Units

SAME_INDEX = 1e-12
"""Youden indices closer than this are equal: rates are ratios of counts, rounding stays below it."""


class Threshold(BaseModel):
    """From which probability of the positive class on a unit is called positive.

    With more than two classes the rule is `argmax` and there is no value: the most probable class is called. `n` is
    the number of validation patients, `youden` the index (sensitivity + specificity - 1) reached on them. `reason`
    says why there is no threshold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rule: Literal["youden", "argmax"]
    value: float | None
    chosen_on: Literal["validation"] | None
    n: NonNegativeInt
    youden: float | None = None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decided units: the patient of each, true and called class as places in `classes`.

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


def choose_threshold(validation: Units, *, rule: Literal["youden"] = "youden") -> Threshold:
    """The threshold with the highest Youden index on validation units (Youden, Cancer 1950;3:32).

    It lies half-way between the lowest score called positive and the next lower one. Among equally good ones the
    lowest is taken, which has the highest sensitivity. Where no threshold beats chance, all are called positive
    (value 0). With more than two classes no threshold is needed and the rule becomes `argmax`.
    """
    if not validation.is_binary:
        return Threshold(rule="argmax", value=None, chosen_on=None, n=validation.patient_count)
    patients = validation.patient_count
    absent = [name for name, count in zip(validation.classes, validation.class_counts, strict=True) if count == 0]
    if absent:
        why = f"no threshold: no {' and no '.join(absent)} among {patients} validation patients"
        return Threshold(rule=rule, value=None, chosen_on="validation", n=patients, reason=why)
    truth, score = validation.against_the_rest(1)
    false_positive, true_positive, cuts = roc_curve(truth, score, drop_intermediate=False)
    index = true_positive - false_positive
    best = int(np.flatnonzero(index >= index.max() - SAME_INDEX)[-1])
    value = _half_way_down(float(cuts[best]), float(cuts[best + 1])) if best + 1 < len(cuts) else 0.0
    return Threshold(rule=rule, value=value, chosen_on="validation", n=patients, youden=float(index[best]))


def decide(units: Units, *, threshold: Threshold) -> Decisions | Undefined:
    """Call each unit a class: by the threshold, or the most probable class (the first one of equals)."""
    if threshold.reason is not None:
        return Undefined(threshold.reason)
    if threshold.value is None:
        called = units.probabilities.argmax(axis=1)
    else:
        called = (units.probabilities[:, 1] >= threshold.value).astype("int64")
    return Decisions(patients=units.patients, truth=units.truth, called=called, classes=units.classes)


def _half_way_down(score: float, lower: float) -> float:
    middle = (score + lower) / 2.0
    return middle if lower < middle else score
