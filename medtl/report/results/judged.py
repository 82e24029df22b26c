"""A run with its numbers: what `medtl.evaluation` says, looked up by model and fold.

In: a run folder. Out: frozen values; nothing is counted here, and the patient is the unit of everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from medtl.evaluation import (
    Appraisal,
    Estimate,
    FoldMetrics,
    StudyMetrics,
    evaluate,
    evaluate_fold,
    prediction_findings,
)
from medtl.evaluation.metrics import known
from medtl.findings import Finding, sentences
from medtl.outcomes import outcome_of
from medtl.policies import policy_of
from medtl.predictions import PredictionTable, per_patient
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.study import DeclaredStudy
from medtl.report.results.claim import Difference, Discordant


@dataclass(frozen=True)
class Chosen:
    """A fold's threshold, and on how many validation patients it was chosen."""

    value: float
    patients: int


def metric_name(classes: Sequence[str]) -> str:
    """The primary metric in words."""
    return outcome_of(classes).primary_metric


@dataclass(frozen=True, eq=False)
class Judgement:
    """One model, of one fold or pooled out of fold. `confusion` counts decisions, or is None without a threshold.

    `validation` are the patients on whom the threshold was chosen, None where it was chosen on nobody.
    """

    estimates: Mapping[str, Estimate]
    patients: int
    by_class: tuple[int, ...]
    threshold: float | None
    confusion: Int[np.ndarray, "truth called"] | None
    validation: int | None = None

    @property
    def auroc(self) -> Estimate:
        """The primary metric."""
        return self.estimates[known.PRIMARY.name]

    @property
    def counted(self) -> str:
        """What the confusion matrix counts: with repeats a patient is decided more than once."""
        total = 0 if self.confusion is None else int(self.confusion.sum())
        return "decision" if total > sum(self.by_class) else "patient"


@dataclass(frozen=True, eq=False)
class Judged:
    """All numbers that the pages tell. `patients` is the table of predictions with one row per patient.

    `pooled` is empty and `appraisal` None when only a fold was judged.
    """

    patients: PredictionTable
    pooled: Mapping[str, Judgement]
    by_fold: Mapping[str, Mapping[int, Judgement]]
    differences: tuple[Difference, ...]
    resamples: int
    findings: tuple[Finding, ...]
    appraisal: Appraisal | None = None

    @property
    def differences_that_count(self) -> tuple[Difference, ...]:
        """The differences from the reference, without those of models that are baselines only."""
        return tuple(
            one for one in self.differences if (own := policy_of(one.model)) is None or not own.is_baseline_only
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below the tables of models."""
        return sentences(self.findings)

    def thresholds(self, model: str) -> dict[int, float | None]:
        """The declared threshold of each fold by number."""
        return {fold: found.threshold for fold, found in self.by_fold[model].items()}

    def chosen_thresholds(self, model: str) -> tuple[Chosen, ...]:
        """The thresholds that were chosen on validation patients, in the order of the folds."""
        own = self.by_fold[model].values()
        return tuple(
            Chosen(one.threshold, one.validation)
            for one in own
            if one.threshold is not None and one.validation is not None
        )

    def of(self, model: str, *, fold: int | None) -> Judgement:
        """A model in a fold, or pooled (`fold` None)."""
        return self.pooled[model] if fold is None else self.by_fold[model][fold]


def evaluate_run(run: Run, *, metrics: StudyMetrics | None = None) -> Judged:
    """Every number of the run; `metrics` spares the counting when it was done before."""
    found = metrics or evaluate(
        run.predictions, resamples=run.study.resamples, seed=run.provenance.seed, settings=run.study.evaluation
    )
    return judged_of(run.predictions, found)


def judged_of(predictions: PredictionTable, found: StudyMetrics) -> Judged:
    """The pages' view of a study's metrics, and of the predictions they were made from."""
    return Judged(
        patients=per_patient(predictions),
        pooled={one.model: _judgement(one.patient.pooled) for one in found.models},
        by_fold={
            one.model: {here.fold: _judgement(here) for here in one.patient.folds if here.fold is not None}
            for one in found.models
        },
        differences=differences_of(found),
        resamples=found.resamples,
        findings=prediction_findings(predictions),
        appraisal=found.appraisal,
    )


def differences_of(metrics: StudyMetrics) -> tuple[Difference, ...]:
    """Every comparison of the metrics, in its order."""
    appraised = metrics.appraisal
    decided = {(one.model, one.reference): one.decisions for one in appraised.decisions} if appraised else {}
    tested = sum(one.adjusted is not None for one in metrics.comparisons)
    found = []
    for one in metrics.comparisons:
        own, discordant = decided.get((one.model, one.reference)), None
        if own is not None and own.p_value is not None:
            discordant = Discordant(own.only_model or 0, own.only_reference or 0, own.p_value)
        found.append(
            Difference(
                model=one.model,
                difference=one.difference,
                wins=one.over_folds.wins,
                folds=one.over_folds.folds,
                p_value=one.adjusted,
                mean_over_folds=one.over_folds.mean_difference,
                comparisons=max(tested, 1),
                decisions=discordant,
            )
        )
    return tuple(found)


def evaluate_run_fold(
    predictions: PredictionTable,
    study: DeclaredStudy,
    provenance: Provenance,
    *,
    fold: int,
    metrics: FoldMetrics | None = None,
) -> Judged:
    """The numbers of one fold, the same as those that `evaluate_run` gives for it."""
    found = metrics or evaluate_fold(
        predictions,
        fold,
        resamples=study.resamples,
        seed=provenance.seed,
        settings=study.evaluation,
    )
    own = predictions.of(fold=fold)
    return Judged(
        patients=per_patient(own),
        pooled={},
        by_fold={one.model: {fold: _judgement(one.patient)} for one in found.models},
        differences=(),
        resamples=found.resamples,
        findings=prediction_findings(own),
    )


def _judgement(found: Any) -> Judgement:
    """The pages' view of an evaluation's judgement; its class is no part of the evaluation's door."""
    return Judgement(
        estimates=found.metrics.by_name(),
        patients=found.patients,
        by_class=found.class_counts,
        threshold=None if found.threshold is None else found.threshold.value,
        confusion=None if found.confusion is None else np.array(found.confusion, dtype=np.int64),
        validation=None if found.threshold is None or found.threshold.chosen_on is None else found.threshold.n,
    )
