"""A prepared run, opened again to work on its folds: what a worker process and a task of a job array need.

In: the folder of a run whose folds are drawn. Out: its study, data, variants and folds, the same as in the process that
prepared it, since scans and features come from the cache and every draw from the study's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from medtl import encoders, imaging, training
from medtl.errors import ConfigurationError, Locked
from medtl.folds import FoldTable, read_folds
from medtl.imaging.cache_studies import noting_study
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record.journal import timed_part
from medtl.record.run_folder import RunFolder
from medtl.study.cohort import audit_and_split, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import fingerprint_of, resolve_encoders
from medtl.study.fold import run_fold
from medtl.study.settings import Study, read_study
from medtl.training.variant import Variant


@dataclass(frozen=True)
class OpenedRun:
    """What its folds are worked on with."""

    study: Study
    data: training.StudyData
    variants: Sequence[Variant]
    table: FoldTable
    fingerprint: str


def open_run(run: RunFolder, *, device: str = "auto", ranks: training.Ranks = training.ALONE) -> OpenedRun:
    """Open a prepared run; of several `ranks` that train together, each opens it.

    Raises:
        ConfigurationError: it is not prepared, or its manifest, weights or medtl are not those that it was prepared
            with.
    """
    if not (run / names.STUDY).is_file() or not (run / names.FOLDS).is_file():
        raise ConfigurationError(
            f"{run.path.name} holds no run whose folds are drawn. Prepare it with medtl run STUDY --out "
            f"{run.path.name} --prepare-only; if it is prepared, this machine does not see the folder in which it was."
        )
    study, resolved = resolve_encoders(read_study(run / names.STUDY), store=encoders.WeightStore.from_environment())
    fingerprint = fingerprint_of(study, resolved)
    if fingerprint != run.fingerprint():
        raise ConfigurationError(
            f"{run.path.name} was prepared with other settings, another manifest, other weights or another medtl "
            f"(fingerprint {run.fingerprint()}, here {fingerprint}). Use the same everywhere, or prepare it anew.",
            there=run.fingerprint(),
            here=fingerprint,
        )
    cohort = read_cohort(study)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    drawn = None if study.folds.foreign else recruited.folds
    table = read_folds(run / names.FOLDS, cohort=recruited.cohort, drawn=drawn)
    data = study_data(
        study, recruited.cohort, prepared, groups=recruited.groups, encoders=resolved,
        device=training.choose_device(device), ranks=ranks,
    )  # fmt: skip
    variants = training.variants_of(study.adaptation, study.recipe, study.selection, encoders=list(resolved))
    return OpenedRun(study, data, variants, table, fingerprint)


def work_on_folds(path: Path, *, fold: int | None = None, device: str = "auto") -> tuple[int, ...]:
    """Work on one fold of a prepared run, or on each that is neither finished nor worked on; gives those it finished.

    Raises:
        ConfigurationError: the run is not prepared, or has no such fold.
        Locked: another process works on this fold, or on the whole run.
    """
    run = RunFolder(path)
    opened = open_run(run, device=device)
    folds = opened.table.folds
    if fold is not None and fold not in folds:
        raise ConfigurationError(f"{path.name} has no fold {fold}; it has {', '.join(map(str, folds))}.")
    done = []
    for number in folds if fold is None else (fold,):
        with ExitStack() as held:
            held.enter_context(noting_study(imaging.default_cache_folder(), opened.study.name))
            try:
                held.enter_context(run.held_fold(number))
            except Locked:
                if fold is not None:
                    raise
                continue  # another process has it
            if run.is_finished(number):
                continue
            with timed_part(run.path, f"fold {number}", fingerprint=opened.fingerprint):
                run_fold(
                    opened.study, opened.data, opened.variants, table=opened.table, fold=number, run=run
                )  # fmt: skip
            done.append(number)
            say(f"Fold {number} of {path.name} is finished.")
    return tuple(done)
