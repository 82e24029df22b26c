"""The study page: one file that serves a radiologist with two minutes and a statistician with an hour.

In: a run folder. Out: report.html in it, the same bytes each time.
"""

from __future__ import annotations

from pathlib import Path

from medtl.evaluation import StudyMetrics
from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.record.run import Run
from medtl.report.findings.reviewer_questions import REVIEWER_QUESTIONS
from medtl.report.findings.rules import findings_of
from medtl.report.findings.verdict import VerdictBlock, verdict_of
from medtl.report.html.page import heading_of
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.manuscript.closing import GUIDELINES, LIMITS, METHODS, RESULTS
from medtl.report.manuscript.supplement import write_supplement
from medtl.report.pages.figure_files import write_page_files
from medtl.report.pages.summary_page import write_summary_page
from medtl.report.results.judged import Judged, evaluate_run
from medtl.report.results.view import View
from medtl.report.sections.held_out import HELD_OUT
from medtl.report.sections.how_well import HOW_WELL
from medtl.report.sections.looked import LOOKED
from medtl.report.sections.overfitting import OVERFITTING
from medtl.report.sections.probabilities import PROBABILITIES
from medtl.report.sections.retention import RETENTION
from medtl.report.sections.subgroups import FOR_WHOM
from medtl.report.sections.who import WHO
from medtl.report.sections.wrong import WRONG

SECTIONS: tuple[Section[View], ...] = (
    WHO, HOW_WELL, HELD_OUT, PROBABILITIES, OVERFITTING, RETENTION, LOOKED, FOR_WHOM, WRONG, REVIEWER_QUESTIONS,
    METHODS, RESULTS, GUIDELINES, LIMITS,
)  # fmt: skip


def write_study_page(run: Run, *, metrics: StudyMetrics | None = None) -> Path:
    """Write report.html into the run folder; `metrics` spares the counting when it was done before."""
    view = study_view(run, evaluate_run(run, metrics=metrics))
    page = study_page(view)
    write_summary_page(view)
    write_supplement(view)
    write_page_files(page, run.folder)
    path = run.folder / names.REPORT
    write_atomically(path, page.as_html())
    return path


def study_view(run: Run, judged: Judged) -> View:
    """What the sections look at."""
    titles = {section.anchor: section.title for section in SECTIONS}
    return View(run, judged, findings=findings_of(run, judged), titles=titles)


def study_page(view: View) -> Page:
    """The page as a value."""
    run, head = view.run, heading_of(view.run, fold=None)
    verdict = verdict_of(run, view.judged, view.findings)
    return Page(
        head=head,
        notice=tuple(badge.sentence for badge in head.badges),
        opening=(VerdictBlock(verdict, run.outcome.primary_metric),),
        sections=shown(SECTIONS, view),
        origin=Origin(f"Written by medtl {head.version} from the files of this run folder alone; study"),
    )
