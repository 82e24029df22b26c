"""Verbs about results that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.speaking import speaking


@speaking
def report(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Rebuild the pages of a run from its CSVs alone."""
    from medtl.report import write_reports

    for page in write_reports(run):
        print(page)
