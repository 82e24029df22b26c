"""The parts of a study that need the models of its folds: one fold from training to its maps, and the checks of maps.

Each fold is worked on under its own lock, so that several processes can share the folds of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from medtl import evaluation, explanation, files, training
from medtl.folds import FoldTable
from medtl.record import run_folder as names
from medtl.record.metrics import read_fold_metrics, write_metrics
from medtl.record.run_folder import RunFolder
from medtl.study.settings import Study
from medtl.training.variant import Variant


def run_fold(
    study: Study,
    data: training.StudyData,
    variants: Sequence[Variant],
    *,
    table: FoldTable,
    fold: int,
    run: RunFolder,
) -> None:
    """Train, evaluate and explain one fold, and write what came out into its folder, DONE.json last.

    Args:
        study: The study's settings.
        data: Its cases, scans, encoders and frozen features.
        variants: What is trained: each encoder with each policy and recipe.
        table: The folds of the study.
        fold: The number of this one; the process holds it (`RunFolder.held_fold`).
        run: The folder of the run.
    """
    own = training.FoldData(data, fold, table.split(fold), run.fold(fold) / names.TRAINING)
    fitted = training.variants.train_variants(own, variants, is_selecting=study.selection is not None)
    training.variants.write_fold(fitted, folder=run.fold(fold))
    metrics = evaluation.evaluate_fold(
        fitted.predictions, fold, resamples=study.resamples, seed=study.seed, settings=study.evaluation
    )
    write_metrics(metrics, run.fold(fold))
    explanation.explain_fold(
        fitted.classifier,
        fitted.predictions.of(model=fitted.primary, role="test"),
        model=fitted.primary,
        cohort=data.cohort,
        prepared=data.prepared,
        preparation=data.preparation,
        settings=study.explanation,
        saliency=study.saliency,
        folder=run.fold(fold) / names.SALIENCY,
        threshold=_threshold_of(metrics, fitted.primary),
    )
    run.finish_fold(fold)


def check_maps(
    study: Study, data: training.StudyData, variants: Sequence[Variant], *, table: FoldTable, run: RunFolder
) -> None:
    """Check the saliency maps of every finished fold's primary model, where the study asks for it."""
    if not study.saliency.checks:
        return
    models = explanation.FoldModels(
        folds=table,
        fitted=lambda fold: training.fold_inference.primary_of_fold(data, variants, folder=run.fold(fold)),
        finished={fold: files.sha256_of_file(run.fold(fold) / names.DONE) for fold in table.folds},
        stage=study.explanation.stage,
        threshold=partial(_threshold_of_finished, run),
    )
    explanation.check_saliency(data, models, study.saliency, path=run / names.SALIENCY_CHECKS)


def _threshold_of_finished(run: RunFolder, fold: int, model: str) -> float | None:
    return _threshold_of(read_fold_metrics(run.fold(fold)), model)


def _threshold_of(metrics: evaluation.FoldMetrics, model: str) -> float | None:
    """The threshold at which a fold's model calls a patient; None where the outcome has none."""
    found = metrics.of(model).patient.threshold
    return None if found is None else found.value
