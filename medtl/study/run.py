"""The staircase: one study, told in order, from the manifest to the pages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from medtl import encoders, evaluation, explanation, files, imaging, report, training
from medtl.cohort import Cohort
from medtl.controls import run_controls
from medtl.folds import FoldTable, read_folds, write_folds
from medtl.policies import policy_of
from medtl.predictions import PredictionTable, concatenate
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record.controls import write_controls
from medtl.record.journal import RunJournal
from medtl.record.metrics import read_fold_metrics, write_metrics
from medtl.record.run_folder import RunFolder
from medtl.record.sealed import seal_of, write_seal
from medtl.record.studied_cohort import studied_cohort, write_case_tables, write_cohort
from medtl.study.audit import alike_by_features, write_audit_with_pictures
from medtl.study.cohort import Recruited, announced, audit_and_split, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import fingerprint_of, resolve_encoders
from medtl.study.settings import Study, write_study_of_run
from medtl.training.variant import Variant


def run_study(study: Study, *, out: Path | None = None, device: str = "auto", resume: bool = False) -> Path:
    """Run a study and give its folder: `runs/<name>-<fingerprint>`, or `out`.

    With `resume`, a run that was stopped goes on at its last finished epoch.
    """
    chosen_device = training.choose_device(device)
    brought = (names.FOLDS,) if study.folds.foreign else ()
    if out is not None:
        RunFolder(out).refuse_occupied(resume=resume, brought=brought)
    study, resolved = resolve_encoders(study, store=encoders.WeightStore.from_environment())
    if any(own is not None and own.start == "random" for own in map(policy_of, study.adaptation.trained)):
        study.recipe.refuse_lone_cases(learning="a network from scratch")
    for name, encoder in resolved.items():
        study.adaptation.refuse_unfit_stages(encoder.stages, encoder=name)
    fingerprint = fingerprint_of(study, resolved)
    run = RunFolder(out or Path("runs") / f"{study.name}-{fingerprint}")
    cohort = announced(read_cohort(study))
    with run.held():
        run.claim(fingerprint=fingerprint, resume=resume, brought=brought)
        write_study_of_run(study, run / names.STUDY, fingerprint=fingerprint)
        cards = [encoder.card for encoder in resolved.values()]
        record = RunJournal.begin(run, fingerprint=fingerprint, seed=study.seed, device=chosen_device.type, cards=cards)

        with record.timed("preparation"):
            cache = imaging.PreparedCache.shared()
            prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
        recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
        cohort, table = recruited.cohort, _kept_folds(recruited, run / names.FOLDS, is_foreign=study.folds.foreign)
        write_case_tables(cohort, prepared.facts, run.path)
        write_cohort(studied_cohort(cohort, without_scans=recruited.blind), run.path)
        if recruited.sealed is not None and study.folds.sealed is not None:
            write_seal(seal_of(recruited.sealed, prepared.facts, study.folds.sealed), run.path)

        with record.timed("features"):
            data = study_data(study, cohort, prepared, groups=recruited.groups, encoders=resolved, device=chosen_device)
        write_audit_with_pictures(
            recruited,
            prepared,
            run.path,
            alike=alike_by_features(recruited, data.last_stage(study.encoder).of(list(data.content))),
        )
        variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
        for fold in (fold for fold in table.folds if not run.is_finished(fold)):
            with record.timed(f"fold {fold}"):
                own = training.FoldData(data, fold, table.split(fold), run.fold(fold) / names.TRAINING)
                fitted = training.variants.train_variants(own, variants, is_selecting=study.selection is not None)
                training.variants.write_fold(fitted, folder=run.fold(fold))
                metrics = evaluation.evaluate_fold(
                    fitted.predictions, fold, resamples=study.resamples, seed=study.seed, settings=study.evaluation
                )
                write_metrics(metrics, run.fold(fold))
                chosen = metrics.of(fitted.primary).patient.threshold
                threshold = None if chosen is None else chosen.value
                _explain(study, fitted, cohort, prepared, folder=run.fold(fold) / names.SALIENCY, threshold=threshold)
                run.finish_fold(fold)

        with record.timed("controls"):
            controls, permuted = run_controls(data, table, study.controls, encoder=study.encoder)
            write_controls(controls, run.path)
            if permuted is not None:
                permuted.write(run / names.CONTROLS_PREDICTIONS)

        with record.timed("saliency checks"):
            _check_maps(study, run, data, variants, folds=table)

        predictions = concatenate([PredictionTable.read(run.fold(fold) / names.PREDICTIONS) for fold in table.folds])
        predictions.write(run / names.PREDICTIONS)
        judged = evaluation.evaluate(predictions, resamples=study.resamples, seed=study.seed, settings=study.evaluation)
        write_metrics(judged, run.path)
        record.finish()
        report.write_reports(run.path, metrics=judged)
    say(f"The report is {run.path / names.REPORT}")
    return run.path


def _explain(
    study: Study,
    fitted: training.variants.Fitted,
    cohort: Cohort,
    prepared: imaging.PreparedCohort,
    *,
    folder: Path,
    threshold: float | None,
) -> None:
    explanation.explain_fold(
        fitted.classifier,
        fitted.predictions.of(model=fitted.primary, role="test"),
        model=fitted.primary,
        cohort=cohort,
        prepared=prepared,
        preparation=study.preparation,
        settings=study.explanation,
        saliency=study.saliency,
        folder=folder,
        threshold=threshold,
    )


def _check_maps(
    study: Study,
    run: RunFolder,
    data: training.StudyData,
    variants: Sequence[Variant],
    *,
    folds: FoldTable,
) -> None:
    if not study.saliency.checks:
        return
    finished = {fold: files.sha256_of_file(run.fold(fold) / names.DONE) for fold in folds.folds}
    models = explanation.FoldModels(
        folds=folds,
        fitted=lambda fold: training.fold_inference.primary_of_fold(data, variants, folder=run.fold(fold)),
        finished=finished,
        stage=study.explanation.stage,
        threshold=partial(_threshold_of, run),
    )
    explanation.check_saliency(data, models, study.saliency, path=run / names.SALIENCY_CHECKS)


def _threshold_of(run: RunFolder, fold: int, model: str) -> float | None:
    """The threshold at which a finished fold's model calls a patient."""
    metrics = read_fold_metrics(run.fold(fold))
    found = metrics.of(model).patient.threshold
    return None if found is None else found.value


def _kept_folds(recruited: Recruited, path: Path, *, is_foreign: bool) -> FoldTable:
    if not path.is_file() and not is_foreign:
        write_folds(recruited.folds, path)
    return read_folds(path, cohort=recruited.cohort, drawn=None if is_foreign else recruited.folds)
