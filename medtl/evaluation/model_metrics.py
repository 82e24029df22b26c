"""One model judged: in a fold, over the folds, and pooled out of fold.

In: the predictions of one model, per patient or per image. Out: judgements. Each fold's threshold comes from its own
validation rows and is used on its own test rows only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medtl.evaluation.across_folds import Spread, spread_of
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.measure import measure
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.settings import ThresholdRule
from medtl.evaluation.study_metrics import Judgement, Metrics, Spreads, Unit, UnitMetrics
from medtl.evaluation.thresholds import YOUDEN, Decisions, Threshold, choose_threshold, decide
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable


def judge_model(
    table: PredictionTable, *, unit: Unit, resamples: int, seed: int, rule: ThresholdRule = YOUDEN
) -> UnitMetrics:
    """Every fold, their spread, and the pooled out-of-fold numbers of one model."""
    test = table.of(role="test")
    judged = [judge_fold(table, fold, unit=unit, resamples=resamples, seed=seed, rule=rule) for fold in test.folds]
    folds = tuple(judgement for judgement, _ in judged)
    decisions = pool([decided for _, decided in judged], test.folds)
    pooled = _judge(
        units_of(test), decisions, fold=None, threshold=None, scope=f"{unit}|pooled", resamples=resamples, seed=seed
    )
    return UnitMetrics(folds=folds, over_folds=_over([fold.metrics for fold in folds]), pooled=pooled)


def judge_fold(
    table: PredictionTable, fold: int, *, unit: Unit, resamples: int, seed: int, rule: ThresholdRule = YOUDEN
) -> tuple[Judgement, Decisions | Undefined]:
    """One fold of one model, and its decisions for pooling."""
    units = units_of(table.of(role="test", fold=fold))
    threshold = choose_threshold(units_of(table.of(role="validation", fold=fold)), rule=rule)
    decisions = decide(units, threshold=threshold)
    judgement = _judge(
        units,
        decisions,
        fold=fold,
        threshold=threshold,
        scope=f"{unit}|fold {fold}",
        resamples=resamples,
        seed=seed,
    )
    return judgement, decisions


def decided_by_fold(table: PredictionTable, *, rule: ThresholdRule) -> dict[int, Decisions | Undefined]:
    """The decisions on each fold's test units by the threshold of its validation units."""
    return {
        fold: decide(
            units_of(table.of(role="test", fold=fold)),
            threshold=choose_threshold(units_of(table.of(role="validation", fold=fold)), rule=rule),
        )
        for fold in table.of(role="test").folds
    }


def pool(decided: Sequence[Decisions | Undefined], folds: Sequence[int]) -> Decisions | Undefined:
    """All folds' decisions together, or why not: one fold without a threshold would leave its cases out."""
    made: list[Decisions] = []
    for fold, decisions in zip(folds, decided, strict=True):
        if isinstance(decisions, Undefined):
            return Undefined(f"fold {fold}: {decisions.reason}")
        made.append(decisions)
    return Decisions(
        patients=tuple(patient for decisions in made for patient in decisions.patients),
        truth=np.concatenate([decisions.truth for decisions in made]),
        called=np.concatenate([decisions.called for decisions in made]),
        classes=made[0].classes,
    )


def _judge(
    units: Units,
    decisions: Decisions | Undefined,
    *,
    fold: int | None,
    threshold: Threshold | None,
    scope: str,
    resamples: int,
    seed: int,
) -> Judgement:
    resampling = resample_patients(units, resamples=resamples, seed=seed, scope=scope)
    counts = units.class_counts
    return Judgement(
        fold=fold,
        units=len(units),
        patients=units.patient_count,
        class_counts=counts,
        prevalence=tuple(count / len(units) for count in counts),
        threshold=threshold,
        confusion=None if isinstance(decisions, Undefined) else _as_counts(decisions),
        metrics=measure(units, decisions, resampling),
    )


def _as_counts(decisions: Decisions) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in decisions.confusion)


def _over(folds: Sequence[Metrics]) -> Spreads:
    def spread(estimates: list[Estimate]) -> Spread:
        return spread_of([estimate.value for estimate in estimates])

    return Spreads(
        auroc=spread([metrics.auroc for metrics in folds]),
        average_precision=spread([metrics.average_precision for metrics in folds]),
        balanced_accuracy=spread([metrics.balanced_accuracy for metrics in folds]),
        mcc=spread([metrics.mcc for metrics in folds]),
        sensitivity=spread([metrics.sensitivity for metrics in folds]),
        specificity=spread([metrics.specificity for metrics in folds]),
        brier=spread([metrics.brier for metrics in folds]),
        log_loss=spread([metrics.log_loss for metrics in folds]),
    )
