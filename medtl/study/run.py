"""The staircase: one study, told in order, from the manifest to the pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtl import encoders, evaluation, imaging, report, training
from medtl.controls import run_controls
from medtl.folds import FoldTable, read_folds, write_folds
from medtl.imaging.cache_studies import noting_study
from medtl.policies import policy_of
from medtl.predictions import PredictionTable, concatenate
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record.controls import write_controls
from medtl.record.journal import RunJournal
from medtl.record.metrics import write_metrics
from medtl.record.run_folder import RunFolder
from medtl.record.sealed import seal_of, write_seal
from medtl.record.studied_cohort import studied_cohort, write_case_tables, write_cohort
from medtl.study.audit import alike_by_features, write_audit_with_pictures
from medtl.study.cohort import Recruited, announce_left_out, announced, audit_and_split, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import fingerprint_of, resolve_encoders
from medtl.study.fold import check_maps, run_fold
from medtl.study.needs import announce_needs
from medtl.study.settings import Study, write_study_of_run
from medtl.study.workers import WorkerSettings, work_in_processes


def run_study(
    study: Study,
    *,
    out: Path | None = None,
    device: str = "auto",
    resume: bool = False,
    workers: Sequence[WorkerSettings] = (),
    prepare_only: bool = False,
    ranks: training.Ranks = training.ALONE,
) -> Path:
    """Run a study and give its folder: `runs/<name>-<fingerprint>`, or `out`.

    Args:
        study: The study.
        out: The folder of the run.
        device: Where this process computes: auto, cpu, cuda, or cuda:1 and so on.
        resume: Go on with a run that was stopped, at its last finished epoch.
        workers: Processes that work on the folds; without any, this process does.
        prepare_only: Stop when the folds are drawn and the features computed, for `medtl fold`.
        ranks: Processes that share each fit; this one is the first, and the others `take_part_in_run`.
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
    announce_needs(study, cohort, resolved, run=run, device=chosen_device, threads=[one.threads for one in workers])
    cache = imaging.PreparedCache.shared()
    with run.held() as hold, noting_study(cache.folder, study.name):
        run.claim(fingerprint=fingerprint, resume=resume, brought=brought)
        write_study_of_run(study, run.path, fingerprint=fingerprint)
        cards = [encoder.card for encoder in resolved.values()]
        record = RunJournal.begin(run, fingerprint=fingerprint, seed=study.seed, device=chosen_device.type, cards=cards)

        with record.timed("preparation"):
            prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=cache)
        recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
        announce_left_out(recruited.cohort)
        cohort, table = recruited.cohort, _kept_folds(recruited, run / names.FOLDS, is_foreign=study.folds.foreign)
        write_case_tables(cohort, prepared.facts, run.path)
        write_cohort(studied_cohort(cohort, without_scans=recruited.blind), run.path)
        if recruited.sealed is not None and study.folds.sealed is not None:
            write_seal(seal_of(recruited.sealed, prepared.facts, study.folds.sealed), run.path)

        with record.timed("features"):
            data = study_data(
                study, cohort, prepared, groups=recruited.groups, encoders=resolved, device=chosen_device, ranks=ranks
            )
        write_audit_with_pictures(
            recruited,
            prepared,
            run.path,
            alike=alike_by_features(recruited, data.last_stage(study.encoder).of(list(data.content))),
        )
        variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
        if prepare_only:
            say(f"{run.path.name} is prepared: its folds are {', '.join(map(str, table.folds))}.")
            return run.path
        with hold.lent(), ranks.at_work(run.path):
            if workers:
                work_in_processes(run, table.folds, workers)
                record.take_up(f"fold {fold}" for fold in table.folds)
            for fold in table.folds:
                with run.held_fold(fold):
                    if not run.is_finished(fold):
                        with record.timed(f"fold {fold}"):
                            run_fold(study, data, variants, table=table, fold=fold, run=run)

        with record.timed("controls"):
            controls, permuted = run_controls(data, table, study.controls, encoder=study.encoder)
            write_controls(controls, run.path)
            if permuted is not None:
                permuted.write(run / names.CONTROLS_PREDICTIONS)

        with record.timed("saliency checks"):
            check_maps(study, data, variants, table=table, run=run)

        predictions = concatenate([PredictionTable.read(run.fold(fold) / names.PREDICTIONS) for fold in table.folds])
        predictions.write(run / names.PREDICTIONS)
        judged = evaluation.evaluate(predictions, resamples=study.resamples, seed=study.seed, settings=study.evaluation)
        write_metrics(judged, run.path)
        record.finish()
        report.write_reports(run.path, metrics=judged)
    for line in report.result_lines(run.path, metrics=judged):
        say(line)
    return run.path


def _kept_folds(recruited: Recruited, path: Path, *, is_foreign: bool) -> FoldTable:
    if not path.is_file() and not is_foreign:
        write_folds(recruited.folds, path)
    return read_folds(path, cohort=recruited.cohort, drawn=None if is_foreign else recruited.folds)
