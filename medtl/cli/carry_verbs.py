"""Verbs that carry medtl or its numbers to other tools: container, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.exit_codes import speaking
from medtl.errors import ConfigurationError


@speaking
def container(
    folder: Annotated[Path, typer.Argument(help="A new folder for the recipes.")],
    cuda: Annotated[bool, typer.Option("--cuda", help="For GPUs of NVIDIA.")] = False,
) -> None:
    """Write a Dockerfile and an Apptainer definition of the medtl that is installed here, each version pinned.

    FOLDER gets requirements.txt and the wheel of medtl too, so an image is built from it alone, and pip can collect
    from it what a machine without internet installs (docs/server.md). Scans, weights and results are mounted, never
    copied. Nothing is built or downloaded here.
    """
    from medtl.study.container import write_container

    for path in write_container(folder, cuda=cuda):
        print(path)


@speaking
def export(
    run: Annotated[Path, typer.Argument(help="A run folder, finished or still at work.")],
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write TensorBoard's event files below it.")
    ] = None,
    mlflow: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write into the mlflow.db in it.")] = None,
) -> None:
    """Write a run's losses by epoch and its metrics with intervals for TensorBoard or MLflow, offline.

    Given again while the run goes on, the command adds what is new. The numbers are those of history.csv and
    metrics.json, by patient; no case, patient or path is written. Look at them with `tensorboard --logdir FOLDER`, or
    `mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db`.
    """
    from medtl.tracking import read_tracked_run, write_mlflow, write_tensorboard

    wanted = [folder for folder in (tensorboard, mlflow) if folder is not None]
    if not wanted:
        raise ConfigurationError("Say what to write: --tensorboard FOLDER, --mlflow FOLDER or both.")
    for folder in wanted:
        if folder.resolve().is_relative_to(run.resolve()):
            raise ConfigurationError(
                f"{folder.name} lies in the run folder, which holds what the run published and nothing else. Give a "
                "folder outside of it."
            )
    found = read_tracked_run(run)
    if tensorboard is not None:
        for part in write_tensorboard(found, tensorboard):
            print(part)
    if mlflow is not None:
        print(write_mlflow(found, mlflow))
