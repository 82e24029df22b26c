"""Options of several verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(help="Folder for the run. Default: runs/<name>-<fingerprint>.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, e.g. --set recipe.epochs=5. May be repeated."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Tie = Annotated[
    bool, typer.Option("--tie-duplicates", help="Keep patients whose images look nearly the same in one fold.")
]
AsWritten = Annotated[
    bool,
    typer.Option("--ids-as-written", help="Patient ids that differ only in capitals, zeros or blanks are two people."),
]
Processes = Annotated[
    int | None, typer.Option(help="Worker processes on the processor; each takes the next fold that is free.")
]
Gpus = Annotated[str | None, typer.Option(help="Train one fold a GPU on so many of them, or on `all`.")]
Limit = Annotated[int | None, typer.Option(help="Study at most so many patients of each class.")]


def changes_of(
    changes: list[str] | None,
    *,
    limit_patients: int | None = None,
    tie_duplicates: bool = False,
    ids_as_written: bool = False,
) -> list[str]:
    """The `key=value` changes of a command line, those of its own options among them."""
    limit = [f"limit_patients={limit_patients}"] if limit_patients is not None else []
    tie = ["folds.tie_near_duplicates=true"] if tie_duplicates else []
    written = ["ids_as_written=true"] if ids_as_written else []
    return [*(changes or []), *limit, *tie, *written]
