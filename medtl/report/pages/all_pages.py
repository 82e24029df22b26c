"""All pages of a run, written from its files alone: what `medtl report RUN` does.

In: a run folder on disk. Out: the paths of the pages, the study's first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from medtl.evaluation import StudyMetrics
from medtl.record.run import read_run
from medtl.report.html.pdf import refuse_without_weasyprint, write_pdf
from medtl.report.manuscript.statements import take_statements
from medtl.report.pages.fold_page import write_fold_page
from medtl.report.pages.study_page import write_study_page


def write_reports(
    folder: Path,
    *,
    metrics: StudyMetrics | None = None,
    statements: Path | None = None,
    also: Literal["pdf"] | None = None,
) -> tuple[Path, ...]:
    """Write the study page and a page per finished fold. Needs no torch, and writes the same bytes each time.

    `metrics` spares the counting when it was just done on the same predictions. `statements` is a statements.yaml that
    lies beside the study: it fills what the run folder's own leaves empty. With `also`, the study page is written as
    PDF too, with the summary, their paths last; this needs WeasyPrint.
    """
    if also == "pdf":
        refuse_without_weasyprint()
    run = read_run(folder)
    if statements is not None:
        take_statements(statements, run=folder)
    study = write_study_page(run, metrics=metrics)
    pages = (study, *(write_fold_page(run, fold=record.fold) for record in run.folds))
    return (*pages, *write_pdf(folder)) if also == "pdf" else pages
