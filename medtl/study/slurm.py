"""A study as jobs of Slurm: sbatch files that a person can read, edit and submit, or have submitted.

In: a study, the folder of its run, and what to ask the cluster for. Out: study.yaml in the run folder, and three jobs
in `RUN/slurm` (one prepares, an array works on the folds, one closes) with submit.sh, which hands them to sbatch with
their dependencies. Their logs lie in `RUN/logs`. The jobs name no place but the run folder, as it was given, and run in
the folder in which they are submitted.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.encoders import WeightStore
from medtl.errors import ConfigurationError, ResourceExhausted
from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.record.run_folder import RunFolder
from medtl.study.cohort import read_cohort
from medtl.study.encoders import fingerprint_of, resolve_encoders
from medtl.study.settings import Study, write_study_of_run

PREPARE, FOLDS, CLOSE, SUBMIT = "prepare.sbatch", "folds.sbatch", "close.sbatch", "submit.sh"
WARNING_SECONDS = 120
"""Before the time limit, when a job is told to stop and is queued again."""

STOPPED = 4
"""The exit code of a run that was stopped and can go on."""


@dataclass(frozen=True)
class ClusterSettings:
    """What each job asks the cluster for; None leaves it to the cluster. `at_once` are folds that run together."""

    partition: str | None = None
    account: str | None = None
    time: str | None = None
    memory: str | None = None
    cpus: int = 4
    gpus_a_fold: int = 1
    at_once: int | None = None
    container: str | None = None


@dataclass(frozen=True)
class JobFiles:
    """The files of one study's jobs, and the numbers of the folds."""

    folder: Path
    folds: tuple[int, ...]


def write_jobs(study: Study, run: Path, settings: ClusterSettings) -> JobFiles:
    """Write a study and its jobs into the folder of its run; jobs that were there are replaced.

    Raises:
        ConfigurationError: more than one GPU a fold, a path or an option that a line of sbatch cannot hold, weights
            that are not here, or a folder that holds another run.
    """
    if settings.gpus_a_fold not in (0, 1):
        raise ConfigurationError(
            f"--gpus-per-fold is 0 (processor) or 1; got {settings.gpus_a_fold}. A fold is trained on one GPU, and "
            "several folds at once on several."
        )
    for word in (str(run), settings.partition, settings.account, settings.time, settings.memory):
        if word is not None and any(character in word for character in "\n\r\"'"):
            raise ConfigurationError(f"{word!r} cannot stand in a line of sbatch: it has a quote or a line break.")
    study, resolved = resolve_encoders(study, store=WeightStore.from_environment())
    fingerprint = fingerprint_of(study, resolved)
    RunFolder(run).claim(fingerprint=fingerprint, resume=True)
    run = _as_seen_from_here(run)
    folds = _folds_of(study)
    write_study_of_run(study, run, fingerprint=fingerprint)
    started = _medtl(settings)
    device = "cuda" if settings.gpus_a_fold else "cpu"
    whole = shlex.join(["run", str(run / names.STUDY), "--out", str(run), "--device", device, "--resume"])
    commands = {
        PREPARE: f"{started} {whole} --prepare-only",
        FOLDS: f'{started} fold {shlex.quote(str(run))} --fold "$SLURM_ARRAY_TASK_ID" --device {device}',
        CLOSE: f"{started} {whole}",
    }
    folder = run / names.JOBS
    for name, command in commands.items():
        write_atomically(folder / name, _job(name, command, study=study, run=run, settings=settings, folds=folds))
    write_atomically(folder / SUBMIT, _submission(folder))
    (run / names.LOGS).mkdir(parents=True, exist_ok=True)
    return JobFiles(folder, folds)


def submit_jobs(jobs: JobFiles) -> tuple[str, ...]:
    """Hand the jobs to sbatch, each after the one before it; gives their numbers.

    Raises:
        ConfigurationError: there is no sbatch here, or it refuses a job; its own words are in the message.
    """
    if shutil.which("sbatch") is None:
        raise ConfigurationError(
            f"There is no sbatch on this machine. The jobs are written: submit them with bash {jobs.folder / SUBMIT} "
            "where there is one."
        )
    numbers: list[str] = []
    for name in (PREPARE, FOLDS, CLOSE):
        after = [f"--dependency=afterok:{numbers[-1]}", "--kill-on-invalid-dep=yes"] if numbers else []
        done = subprocess.run(
            ["sbatch", "--parsable", *after, str(jobs.folder / name)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            if numbers:
                subprocess.run(["scancel", *numbers], capture_output=True, check=False)
            raise ConfigurationError(
                f"sbatch refused {name}: {done.stderr.strip()}. No job is left in the queue; the files in "
                f"{jobs.folder} can be edited."
            )
        numbers.append(done.stdout.strip().partition(";")[0])
    if not all(numbers):
        raise ResourceExhausted("sbatch gave no job number; look with squeue whether the jobs are queued.")
    return tuple(numbers)


def _as_seen_from_here(run: Path) -> Path:
    """The path below this folder, in which the jobs are submitted; as it was given where it lies elsewhere."""
    here, there = Path.cwd().resolve(), run.resolve()
    return there.relative_to(here) if there.is_relative_to(here) else run


def _folds_of(study: Study) -> tuple[int, ...]:
    """The folds' numbers; where a column of the manifest says which there are, it is read."""
    if study.folds.column is None:
        return tuple(range(study.folds.count * study.folds.repeats))
    if study.folds.official is not None:
        return (0,)
    return tuple(range(len({case.split for case in read_cohort(study).cases})))


def _medtl(settings: ClusterSettings) -> str:
    """How a job calls medtl: by its name, which the environment that submits it has; or inside of a container."""
    if settings.container is None:
        return "medtl"
    graphics = " --nv" if settings.gpus_a_fold else ""
    return f"apptainer exec{graphics} {shlex.quote(settings.container)} medtl"


def _job(name: str, command: str, *, study: Study, run: Path, settings: ClusterSettings, folds: Sequence[int]) -> str:
    log = "%x-%A_%a.log" if name == FOLDS else "%x-%j.log"
    at_once = f"%{settings.at_once}" if settings.at_once else ""
    requested = {
        "job-name": {PREPARE: "prepare", FOLDS: "fold", CLOSE: "close"}[name],
        "output": f'"{(run / names.LOGS / log).as_posix()}"',
        "open-mode": "append",
        "partition": settings.partition,
        "account": settings.account,
        "time": settings.time,
        "mem": settings.memory,
        "cpus-per-task": str(settings.cpus),
        "gres": f"gpu:{settings.gpus_a_fold}" if settings.gpus_a_fold else None,
        "array": f"{folds[0]}-{folds[-1]}{at_once}" if name == FOLDS else None,
        "requeue": "",
        "signal": f"B:USR1@{WARNING_SECONDS}" if settings.time else None,
    }
    lines = [f"#SBATCH --{key}{f'={value}' if value else ''}" for key, value in requested.items() if value is not None]
    number = "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}" if name == FOLDS else "$SLURM_JOB_ID"
    return "\n".join(
        [
            "#!/bin/bash",
            *lines,
            f"# {study.name}: {WHAT[name]} Submit from the folder in which medtl slurm was called.",
            f"export OMP_NUM_THREADS={settings.cpus}",
            f"{command} &",
            "work=$!",
            f"# Told to stop, medtl keeps its state and ends with {STOPPED}; the job is queued again then.",
            "trap 'kill -USR1 $work 2>/dev/null' USR1 TERM",
            "wait $work; code=$?",
            "while kill -0 $work 2>/dev/null; do wait $work; code=$?; done",
            f'if [ "$code" -eq {STOPPED} ]; then scontrol requeue "{number}" && sleep 60; fi',
            "exit $code",
            "",
        ]
    )


WHAT = {
    PREPARE: "prepares scans, features and folds.",
    FOLDS: "works on one fold a task.",
    CLOSE: "makes controls, checks of the maps, metrics and pages when all folds are finished.",
}


def _submission(folder: Path) -> str:
    def sbatch(name: str, after: str = "") -> str:
        waits = f' --dependency="afterok:${after}" --kill-on-invalid-dep=yes' if after else ""
        return f"sbatch --parsable{waits} {shlex.quote((folder / name).as_posix())}"

    return "\n".join(
        [
            "#!/bin/bash",
            "set -euo pipefail",
            f"prepare=$({sbatch(PREPARE)})",
            f"folds=$({sbatch(FOLDS, 'prepare')})",
            f"close=$({sbatch(CLOSE, 'folds')})",
            'echo "$prepare $folds $close"',
            "",
        ]
    )
