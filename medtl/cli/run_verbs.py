"""Verbs of a run: run, fold, slurm; and what makes a script of a study."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medtl.cli.exit_codes import share_the_processor, speaking, write_any_name
from medtl.cli.options import AsWritten, Changes, Device, Gpus, Limit, Out, Processes, Resume, Tie, changes_of
from medtl.cli.torchrun import is_one_of_several, met_ranks, refuse_sharing_twice, refuse_untrained
from medtl.errors import ConfigurationError

if TYPE_CHECKING:
    from medtl.study.settings import Study


@speaking
def run(
    study: Annotated[Path, typer.Argument(help="A study in YAML.")],
    out: Out = None,
    changes: Changes = None,
    device: Device = "auto",
    limit_patients: Limit = None,
    resume: Resume = False,
    tie_duplicates: Tie = False,
    ids_as_written: AsWritten = False,
    processes: Processes = None,
    gpus: Gpus = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Stop when folds are drawn and features computed; see `fold`.")
    ] = False,
) -> None:
    """Run a study: patient-level folds, frozen probe, adapted encoders, metrics with intervals, Grad-CAM, reports."""
    from medtl.study.settings import read_study

    chosen = changes_of(
        changes, limit_patients=limit_patients, tie_duplicates=tie_duplicates, ids_as_written=ids_as_written
    )
    _run(
        lambda: read_study(study, changes=chosen), out=out, device=device, resume=resume, processes=processes,
        gpus=gpus, prepare_only=prepare_only,
    )  # fmt: skip


@speaking
def fold(
    run: Annotated[Path, typer.Argument(help="The folder of a run that was prepared: `medtl run ... --prepare-only`.")],
    number: Annotated[int | None, typer.Option("--fold", help="This fold; without it every fold that is free.")] = None,
    device: Device = "auto",
    as_worker: Annotated[Path | None, typer.Option("--as-worker", hidden=True)] = None,
) -> None:
    """Work on folds of a prepared run, in a job array or on several machines that share its folder.

    A fold that another process works on is left to it, and a finished one is left as it is. When all are finished,
    `medtl run STUDY --out RUN --resume` makes the controls, the checks and the pages.
    """
    from medtl.cli.exit_codes import stop_when_input_closes
    from medtl.heartbeat import signing
    from medtl.study.opened import work_on_folds

    if as_worker is not None:
        stop_when_input_closes()
    with nullcontext() if as_worker is None else signing(as_worker):
        finished = work_on_folds(run, fold=number, device=device)
    for one in finished:
        print(run / f"fold_{one}")


@speaking
def slurm(
    studies: Annotated[list[Path], typer.Argument(help="Studies in YAML; each becomes three jobs of its own.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the run of one study. Default: runs/<name>.")] = None,
    changes: Changes = None,
    partition: Annotated[str | None, typer.Option(help="Of the cluster; sinfo lists them.")] = None,
    account: Annotated[str | None, typer.Option(help="That the time is charged to.")] = None,
    time: Annotated[
        str | None, typer.Option(help="Limit of each job, such as 4:00:00; it is queued again at it.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="Of each job, such as 16G.")] = None,
    cpus: Annotated[int, typer.Option(help="Of each job.")] = 4,
    gpus_per_fold: Annotated[int, typer.Option(help="1, or 0 to train on the processor.")] = 1,
    at_once: Annotated[int | None, typer.Option(help="Folds at once at most.")] = None,
    container: Annotated[str | None, typer.Option(help="An Apptainer image in which medtl is installed.")] = None,
    submit: Annotated[bool, typer.Option("--submit", help="Hand the jobs to sbatch and print their numbers.")] = False,
) -> None:
    """Write a study as Slurm jobs: one prepares, an array works on a fold a task, one closes with controls and pages.

    The files lie in RUN/slurm and can be read and edited; `bash RUN/slurm/submit.sh` hands them in, and `medtl status
    RUN` says how far they are. A job that nears its time limit keeps its state and is queued again. Environment
    variables and the folder are those of who submits.
    """
    from medtl.study.settings import read_study
    from medtl.study.slurm import SUBMIT, ClusterSettings, submit_jobs, write_jobs

    if out is not None and len(studies) > 1:
        raise ConfigurationError("--out names the folder of one run, and several studies were given: leave it out.")
    requested = ClusterSettings(partition, account, time, memory, cpus, gpus_per_fold, at_once, container)
    for study in [read_study(path, changes=changes or []) for path in studies]:
        jobs = write_jobs(study, out or Path("runs") / study.name, requested)
        print(" ".join(submit_jobs(jobs)) if submit else jobs.folder / SUBMIT)


def pipeline(study: Study) -> None:
    """Make a script of a study: the options of `medtl run`, and `--print-study` for its YAML.

    Raises:
        ConfigurationError: the manifest does not exist.
    """

    @speaking
    def script(
        manifest: Annotated[Path | None, typer.Option(help="Where the manifest lies on this machine.")] = None,
        out: Out = None,
        changes: Changes = None,
        device: Device = "auto",
        limit_patients: Limit = None,
        resume: Resume = False,
        processes: Processes = None,
        gpus: Gpus = None,
        print_study: Annotated[bool, typer.Option("--print-study", help="Print the study as YAML and stop.")] = False,
    ) -> None:
        from medtl.cohort.delimited import file_and_sheet
        from medtl.study.settings import as_yaml, with_changes

        also = [f"manifest={manifest}"] if manifest else []
        chosen = with_changes(study, [*also, *changes_of(changes, limit_patients=limit_patients)])
        if print_study:
            print(as_yaml(chosen, folder=Path.cwd()), end="")
        elif not file_and_sheet(chosen.manifest)[0].is_file():
            raise ConfigurationError(
                f"The manifest {chosen.manifest.name} does not exist where this script looks for it "
                f"({study.manifest.as_posix()}, from here). Say where it lies with --manifest."
            )
        else:
            _run(lambda: chosen, out=out, device=device, resume=resume, processes=processes, gpus=gpus)

    script.__doc__ = f"{study.question or study.name}"
    alone = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
    alone.command()(script)
    share_the_processor()
    write_any_name()
    alone()


def _run(
    read: Callable[[], Study], *, out: Path | None, device: str, resume: bool, processes: int | None, gpus: str | None,
    prepare_only: bool = False,
) -> None:  # fmt: skip
    from medtl.record.run_folder import REPORT
    from medtl.study.other_ranks import take_part_in_run
    from medtl.study.run import run_study
    from medtl.study.workers import workers_of

    if is_one_of_several():
        with met_ranks(device) as (ranks, own_device):
            if ranks.is_first:
                refuse_sharing_twice(processes=processes, gpus=gpus, prepare_only=prepare_only)
                study = read()
                refuse_untrained(study)
                print(run_study(study, out=out, device=own_device, resume=resume, ranks=ranks) / REPORT)
            else:
                take_part_in_run(ranks, device=own_device)
        return
    workers = workers_of(processes=processes, gpus=None if gpus is None else _count_of(gpus), device=device)
    device = workers[0].device if workers else device  # features are those of the workers' kind of device
    run = run_study(read(), out=out, device=device, resume=resume, workers=workers, prepare_only=prepare_only)
    print(run if prepare_only else run / REPORT)


def _count_of(gpus: str) -> int | Literal["all"]:
    if gpus == "all":
        return "all"
    if not gpus.isdecimal():
        raise ConfigurationError(f"--gpus takes a number or all; got {gpus!r}.")
    return int(gpus)
