"""Each fold of one model decided once: its threshold from its validation units, and the decisions on its test units.

In: the predictions of one model, per patient or per image. Out: one value a fold, which metrics, clinical utility and
the comparison of decisions share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.settings import ThresholdRule
from medtl.evaluation.thresholds import Decisions, Threshold, choose_threshold, decide
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable


@dataclass(frozen=True, eq=False)
class DecidedFold:
    """The test units of a fold, its threshold, and the decisions by it (or why there are none)."""

    fold: int
    units: Units
    threshold: Threshold
    decisions: Decisions | Undefined


def decide_fold(table: PredictionTable, fold: int, *, rule: ThresholdRule) -> DecidedFold:
    """Choose the fold's threshold on its validation rows and decide its test rows by it."""
    units = units_of(table.of(role="test", fold=fold))
    threshold = choose_threshold(units_of(table.of(role="validation", fold=fold)), rule=rule)
    return DecidedFold(fold=fold, units=units, threshold=threshold, decisions=decide(units, threshold=threshold))


def decide_folds(table: PredictionTable, *, rule: ThresholdRule) -> tuple[DecidedFold, ...]:
    """Every fold with test rows, in the order of their numbers."""
    return tuple(decide_fold(table, fold, rule=rule) for fold in table.of(role="test").folds)


def pooled_decisions(folds: Sequence[DecidedFold]) -> Decisions | Undefined:
    """All folds' decisions together, or why not: one fold without a threshold would leave its cases out."""
    made: list[Decisions] = []
    for one in folds:
        if isinstance(one.decisions, Undefined):
            return Undefined(f"fold {one.fold}: {one.decisions.reason}")
        made.append(one.decisions)
    return Decisions(
        patients=tuple(patient for decisions in made for patient in decisions.patients),
        truth=np.concatenate([decisions.truth for decisions in made]),
        called=np.concatenate([decisions.called for decisions in made]),
        classes=made[0].classes,
    )
