"""One model evaluated: in a fold, over the folds, and pooled out of fold.

In: the predictions of one model, per patient or per image, and its decided folds. Out: performances. Each fold's
threshold comes from its own validation rows and is used on its own test rows only.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.evaluation.classification_metrics import classification_metrics, spreads_over_folds
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.fold_decisions import DecidedFold, pooled_decisions
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.study_metrics import Performance, Unit, UnitMetrics
from medtl.evaluation.thresholds import Decisions, Threshold
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable


def evaluate_model(
    table: PredictionTable, decided: Sequence[DecidedFold], *, unit: Unit, resamples: int, seed: int
) -> UnitMetrics:
    """Every fold, their spread, and the pooled out-of-fold numbers of one model.

    Args:
        table: the model's predictions.
        decided: its folds, as `decide_folds` gives them for this table.
        unit: what a row of the table is.
        resamples: bootstrap resamples; 0 leaves out every interval.
        seed: the study's seed.
    """
    folds = tuple(evaluate_decided_fold(one, unit=unit, resamples=resamples, seed=seed) for one in decided)
    pooled = _performance(
        units_of(table.of(role="test")),
        pooled_decisions(decided),
        fold=None,
        threshold=None,
        scope=f"{unit}|pooled",
        resamples=resamples,
        seed=seed,
    )
    return UnitMetrics(folds=folds, over_folds=spreads_over_folds([fold.metrics for fold in folds]), pooled=pooled)


def evaluate_decided_fold(one: DecidedFold, *, unit: Unit, resamples: int, seed: int) -> Performance:
    """One fold of one model."""
    return _performance(
        one.units,
        one.decisions,
        fold=one.fold,
        threshold=one.threshold,
        scope=f"{unit}|fold {one.fold}",
        resamples=resamples,
        seed=seed,
    )


def _performance(
    units: Units,
    decisions: Decisions | Undefined,
    *,
    fold: int | None,
    threshold: Threshold | None,
    scope: str,
    resamples: int,
    seed: int,
) -> Performance:
    resampling = resample_patients(units, resamples=resamples, seed=seed, scope=scope)
    counts = units.class_counts
    return Performance(
        fold=fold,
        units=len(units),
        patients=units.patient_count,
        class_counts=counts,
        prevalence=tuple(count / len(units) for count in counts),
        threshold=threshold,
        confusion=None if isinstance(decisions, Undefined) else _as_counts(decisions),
        metrics=classification_metrics(units, decisions, resampling),
    )


def _as_counts(decisions: Decisions) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in decisions.confusion)
