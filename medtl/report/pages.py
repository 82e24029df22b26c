"""All pages of a run, written from its files alone: what `medtl report RUN` does.

In: a run folder on disk. Out: the paths of the pages, the study's first.
"""

from __future__ import annotations

from pathlib import Path

from medtl.evaluation import StudyMetrics
from medtl.report.fold_page import write_fold_page
from medtl.report.run_folder import read_run
from medtl.report.study_page import write_study_page


def write_reports(folder: Path, *, metrics: StudyMetrics | None = None) -> tuple[Path, ...]:
    """Write the study page and a page per finished fold. Needs no torch, and writes the same bytes each time.

    `metrics` spares the counting when it was just done on the same predictions.
    """
    run = read_run(folder)
    study = write_study_page(run, metrics=metrics)
    return (study, *(write_fold_page(run, fold=record.fold) for record in run.folds))
