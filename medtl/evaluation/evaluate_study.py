"""A study or a fold evaluated from its table of predictions alone.

In: predictions.csv as a table. Out: every number of the page, per fold and pooled out of fold, per patient and per
image. Thresholds come from each fold's validation rows; the intervals from resampled patients.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.errors import ConfigurationError
from medtl.evaluation.clinical_utility import clinical_utility
from medtl.evaluation.comparison import compare_pairs
from medtl.evaluation.fold_decisions import decide_fold, decide_folds
from medtl.evaluation.model_metrics import evaluate_decided_fold, evaluate_model
from medtl.evaluation.prediction_findings import prediction_findings
from medtl.evaluation.settings import EvaluationSettings
from medtl.evaluation.study_metrics import FoldMetrics, ModelInFold, ModelMetrics, StudyMetrics
from medtl.evaluation.thresholds import YOUDEN
from medtl.findings import sentences
from medtl.policies import reference_model
from medtl.predictions import PredictionTable, per_patient

RESAMPLES = 2000
"""Bootstrap resamples by default: each tail of 2.5 % then rests on 50 draws."""


def evaluate(
    table: PredictionTable,
    *,
    resamples: int = RESAMPLES,
    seed: int,
    settings: EvaluationSettings | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> StudyMetrics:
    """Evaluate a study: every model per patient (primary) and per image, and pairs of models on the same patients.

    Scores pool over folds after averaging a case's repeats; decisions are made in each fold by its own threshold and
    then pooled. The result does not depend on the order of rows.

    Args:
        table: predictions of all folds and models, validation and test.
        resamples: bootstrap resamples; 0 leaves out every interval.
        seed: the study's seed; the draws follow from it.
        settings: what the study declares; None judges by the Youden index and leaves out the appraisal.
        pairs: which models are compared, each with the one it is held against; None: every other with the probe.

    Raises:
        ConfigurationError: a model has no test predictions, or a negative number of resamples.
    """
    _must_be_tested(table)
    patients, rule = per_patient(table), settings.threshold if settings else YOUDEN
    if pairs is None:
        reference = reference_model()
        pairs = [(model, reference) for model in table.models if model != reference and reference in table.models]
    decided = {model: decide_folds(patients.of(model=model), rule=rule) for model in table.models}
    appraisal = None
    if settings is not None:
        appraisal = clinical_utility(patients, decided, settings, pairs=pairs, resamples=resamples, seed=seed)
    return StudyMetrics(
        classes=table.classes,
        positive_class=table.positive_class,
        resamples=resamples,
        seed=seed,
        folds=table.of(role="test").folds,
        models=tuple(
            ModelMetrics(
                model=model,
                patient=evaluate_model(
                    patients.of(model=model), decided[model], unit="patient", resamples=resamples, seed=seed
                ),
                image=evaluate_model(
                    table.of(model=model),
                    decide_folds(table.of(model=model), rule=rule),
                    unit="image",
                    resamples=resamples,
                    seed=seed,
                ),
            )
            for model in table.models
        ),
        comparisons=compare_pairs(patients, pairs, resamples=resamples, seed=seed),
        appraisal=appraisal,
        notes=sentences(prediction_findings(table)),
    )


def evaluate_fold(
    table: PredictionTable,
    fold: int,
    *,
    resamples: int = RESAMPLES,
    seed: int,
    settings: EvaluationSettings | None = None,
) -> FoldMetrics:
    """Evaluate one fold; the numbers are those that `evaluate` gives for it.

    Raises:
        ConfigurationError: there is no such fold, a model has no test predictions in it, or a negative number of
            resamples.
    """
    images = table.of(fold=fold)
    _must_be_tested(images)
    patients, rule = per_patient(images), settings.threshold if settings else YOUDEN
    return FoldMetrics(
        fold=fold,
        classes=table.classes,
        positive_class=table.positive_class,
        resamples=resamples,
        seed=seed,
        models=tuple(
            ModelInFold(
                model=model,
                patient=evaluate_decided_fold(
                    decide_fold(patients.of(model=model), fold, rule=rule),
                    unit="patient",
                    resamples=resamples,
                    seed=seed,
                ),
                image=evaluate_decided_fold(
                    decide_fold(images.of(model=model), fold, rule=rule), unit="image", resamples=resamples, seed=seed
                ),
            )
            for model in images.models
        ),
        notes=sentences(prediction_findings(images)),
    )


def _must_be_tested(table: PredictionTable) -> None:
    tested = table.of(role="test").models
    untested = [model for model in table.models if model not in tested]
    if untested or not tested:
        raise ConfigurationError(
            f"Expected test predictions of every model in {_folds(table.folds)}, got none of "
            f"{', '.join(untested) or 'any model'}: a model can only be judged on cases it was tested on.",
            models=tuple(untested),
        )


def _folds(folds: tuple[int, ...]) -> str:
    return f"fold {folds[0]}" if len(folds) == 1 else f"{len(folds)} folds"
