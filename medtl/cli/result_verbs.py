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


@speaking
def maps(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A new private folder outside of the run, for the objects.")
    ],
    cases: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this case, by its id in the run. May be repeated.")
    ] = None,
) -> None:
    """Write a run's saliency maps as DICOM objects that refer to the source series, for a viewer of the archive.

    Each volume gets a parametric map on the source's own slices, and cases on the run's pages a secondary capture of
    the slices that matter; radiographs get the capture alone. maps.csv says what was written and why a case was not.

    WARNING: the objects bear the name, the number and the study of the patient, as the archive needs them. FOLDER is
    made readable by you alone (0700, files 0600). Never copy it into a run folder or hand it on with results. It works
    where the scans were taken in, since only your private link tables (MEDTL_HOME) lead back to them.
    """
    from medtl.maps import export_maps

    print(export_maps(run, out, cases=cases or ()))
