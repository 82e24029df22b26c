"""Verbs about results that are there already."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from medtl.cli.evaluation_options import (
    Positive,
    Resamples,
    Seed,
    Threshold,
    evaluation_settings,
    rule_for,
    rule_for_all,
)
from medtl.cli.exit_codes import speaking
from medtl.cli.options import AsWritten

SECONDS_BETWEEN = 5.0
"""Between two looks at runs that are watched."""


@speaking
def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="The study page as PDF too; needs medtl[pdf].")] = False,
    statements: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A statements.yaml that fills what the run folder's own leaves empty."),
    ] = None,
) -> None:
    """Rebuild the pages of a run from its CSVs alone.

    What only you can say (intended use, the items of CLAIM and TRIPOD+AI) is asked for by statements.yaml in the run
    folder: fill it in and build the pages again.
    """
    from medtl.record.run_folder import RunFolder
    from medtl.report import write_reports

    with RunFolder(run).held() if run.is_dir() else nullcontext():
        for page in write_reports(run, statements=statements, also="pdf" if pdf else None):
            print(page)


@speaking
def status(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    watch: Annotated[bool, typer.Option("--watch", help="Say it again every five seconds until all are done.")] = False,
) -> None:
    """Say how far runs have come: what is done, running (since when, where, which epoch), stopped or waiting.

    It can be asked at any time, also on another machine that shares the folder. On which machine a part runs is told to
    the run's owner alone: it is kept in MEDTL_HOME, not in the run folder.
    """
    import time

    from medtl.record.run_status import status_of

    while True:
        found = [status_of(run) for run in runs]
        print("\n".join(line for one in found for line in one.lines), flush=True)
        if not watch or all(one.is_finished for one in found):
            break
        time.sleep(SECONDS_BETWEEN)


@speaking
def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER | RUN RUN]", help="The folder that the runs lie in, or two runs. Default: runs."
        ),
    ] = None,
    page: Annotated[bool, typer.Option("--page", help="Write FOLDER/runs.html too, with a link to each run.")] = False,
) -> None:
    """List the runs of a folder: question, encoder, models, result with its interval, concerns, date.

    Two runs stand side by side, with the settings in which they differ. Only records are read; a folder that is no run,
    or that was changed, is named below the table.
    """
    from medtl.errors import ConfigurationError
    from medtl.report.findings.run_history import entry_of, history_of, side_by_side
    from medtl.report.pages.runs_page import write_runs_page

    given = folders or [Path("runs")]
    if len(given) > 2:
        raise ConfigurationError("Give one folder that holds runs, or two runs to see them side by side.")
    if len(given) == 2:
        if page:
            raise ConfigurationError("--page is for a folder of runs: give one folder, or leave --page out.")
        print("\n".join(side_by_side(*map(entry_of, given))))
        return
    history = history_of(given[0])
    print("\n".join(history.lines))
    if page:
        print(write_runs_page(history, given[0]))


@speaking
def verify(run: Annotated[Path, typer.Argument(help="The folder of a finished run.")]) -> None:
    """Say whether a finished run is what it published: each file that was changed, lost or added since is named.

    Pages, figures and tables, which medtl report makes anew, and statements.yaml, which you fill in, are not compared.
    Exit code 0 when the run is whole, 7 when it is not, 2 when it is not finished.
    """
    from medtl.record.run_seal import verified

    print(verified(run))


@speaking
def evaluate(
    predictions: Annotated[Path, typer.Argument(help="A table of predictions (CSV), of medtl or of any other tool.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the page, the numbers and the tables.")],
    threshold: Threshold = None,
    positive: Positive = None,
    subgroup: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Judge by this column too. May be repeated. Default: site, sex, age_years."
        ),
    ] = None,
    prevalence: Annotated[
        list[float] | None,
        typer.Option(metavar="SHARE", help="Predictive values at this share of the positive class. May be repeated."),
    ] = None,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    ids_as_written: AsWritten = False,
) -> None:
    """Judge a table of predictions of any tool: discrimination, calibration, net benefit, decisions, subgroups.

    \b
    The least that it holds, the positive class last:
      case_id,patient_id,fold,truth,p_healthy,p_nodule
      c01,p01,0,healthy,0.91,0.09
      c02,p02,1,nodule,0.35,0.65
    truth is the reference standard; with one test set, fold is 0 throughout. Further columns:
      role      validation or test; thresholds are chosen on each fold's validation rows
      model     with several models in one table
      any other a covariate (site, sex, age_years) for subgroups

    \b
    With thresholds chosen on validation rows, and by site:
      medtl evaluate theirs.csv --out judged --threshold sensitivity=0.9 --subgroup site --prevalence 0.02

    The patient is the unit: a patient's cases are averaged, patients are resampled. FOLDER gets report.html,
    metrics.json, predictions.csv as it was judged, and a CSV for every figure and table. No run, no torch, no network.
    """  # noqa: D301  (click's own escape character: it keeps the lines of a paragraph)
    from medtl.predictions import read_external
    from medtl.progress import say
    from medtl.record.run_seal import refuse_changed_table
    from medtl.report.pages.predictions_page import refuse_other_results, write_predictions_page

    refuse_other_results(out)
    refuse_changed_table(predictions)
    found = read_external(predictions, positive=positive, ids_as_written=ids_as_written)
    for note in found.taken:
        say(note)
    settings = evaluation_settings(rule_for(found.table, threshold), subgroups=subgroup, prevalence=prevalence or ())
    page = write_predictions_page(
        found, source=predictions, out=out, settings=settings, resamples=resamples, seed=seed,
        threshold_declared=threshold is not None,
    )  # fmt: skip
    print(page)


@speaking
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or tables of predictions (CSV) of any tool.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="A new folder for the page, the numbers and the tables.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Compare this model of each run that has it. May be repeated. Default: the model that "
            "the run's page speaks of.",
        ),
    ] = None,
    threshold: Threshold = None,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    ids_as_written: AsWritten = False,
) -> None:
    """Compare models on the patients that all of them were tested on: differences, tests, and what they cannot show.

    \b
    Models of one run:
      medtl compare runs/first --model probe --model centroid --out compared-models

    Cases are matched by case_id; those that not every model was tested on are left out and counted. The patient is the
    unit. Differences have paired intervals by patient; where the folds are shared, a corrected test over folds, and a
    model is called better only where both agree. Models that cannot be distinguished are called so, and the simpler
    one is named.
    """  # noqa: D301  (click's own escape character: it keeps the lines of a paragraph)
    from medtl.record.run_seal import refuse_changed_table
    from medtl.report.pages.comparison_page import refuse_other_results, write_comparison_page
    from medtl.report.results.compared_models import models_to_compare, shared_settings

    refuse_other_results(out)
    for table in (path for path in runs if path.is_file()):
        refuse_changed_table(table)
    found = models_to_compare(runs, models=model or (), ids_as_written=ids_as_written)
    settings = shared_settings(found) if threshold is None else None
    if settings is None:
        settings = evaluation_settings(rule_for_all([one.rows for one in found], threshold))
    print(write_comparison_page(found, out=out, settings=settings, resamples=resamples, seed=seed))


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
