"""The summary: one sheet of A4 for a reader who will not open the report.

In: the view of a run that the study page has. Out: summary.html beside it: the question, the verdict, who was studied,
one figure, the numbers, the surest case of two kinds with its map, the limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from medtl.evaluation.metrics import known
from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.report.figures.from_predictions import curves_drawn
from medtl.report.findings.run_state import PHANTOMS
from medtl.report.findings.verdict import VerdictBlock, strongest_concern, verdict_of
from medtl.report.html.blocks import Block, Prose, SideBySide
from medtl.report.html.numbers import joined
from medtl.report.html.page import Link, heading_of
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.manuscript.methods_paragraph import limits_of
from medtl.report.results.view import View
from medtl.report.sections.looked import gallery_of
from medtl.report.sections.model_tables import models_table
from medtl.report.sections.who import flow_diagram

MAPS = 2
CONCERNS = 3
LIMITS = 2


def write_summary_page(view: View) -> Path:
    """Write summary.html into the run folder; its figures are those of the study page."""
    path = view.run.folder / names.SUMMARY
    write_atomically(path, summary_page(view).as_html())
    return path


def summary_page(view: View) -> Page:
    """The page as a value."""
    run, head = view.run, heading_of(view.run, fold=None)
    return Page(
        head=replace(head, kind="Summary", title=f"{head.heading}, summary · medtl", links=_LINKS),
        notice=tuple(badge.sentence for badge in head.badges),
        opening=(VerdictBlock(verdict_of(run, view.judged, view.findings), run.outcome.primary_metric),),
        sections=shown(SECTIONS, view),
        origin=Origin(f"Written by medtl {head.version} from the files of this run folder alone; study"),
        has_contents=False,
        kind="summary",
    )


def _who(view: View) -> Iterator[Block]:
    flow = flow_diagram(view.run)
    gone = f" ({'; '.join(flow.reasons)})" if flow.reasons else ""
    yield Prose(
        (
            f"{flow.files} files found, {flow.excluded} left out{gone}. {flow.cases} cases of {flow.patients} "
            f"patients: {joined(flow.classes)}.",
        )
    )


def _how_well(view: View) -> Iterator[Block | None]:
    drawn = curves_drawn(view.run, view.judged, fold=None)
    yield SideBySide(drawn[:1], "Further concerns and limits", _reasons(view))
    run, columns = view.run, (known.PRIMARY, *known.headlines())
    table = models_table(run.models, run.chosen_model, run.planned_folds, view.judged, fold=None, metrics=columns)
    yield replace(table, notes=("95 % intervals by patient.",), name="")  # its CSV is the whole table's


def _reasons(view: View) -> tuple[str, ...]:
    """The strongest concerns after the one in the verdict, and what no such study can say."""
    first = strongest_concern(view.findings)
    further = [one.title for one in view.findings if one.question and one.kind != PHANTOMS]
    concerns = tuple(title for title in further if not first.startswith(title))[:CONCERNS]
    return (*concerns, *limits_of(view.run, view.judged)[:LIMITS])


def _looked(view: View) -> Iterator[Block | None]:
    found = gallery_of(view)
    if found is None:
        yield Prose(("No maps were made.",))
        return
    some = tuple(replace(row, shown=row.shown[:1]) for row in found.rows if row.shown)
    yield replace(found, rows=some[:MAPS])


SECTIONS: tuple[Section[View], ...] = (
    Section("who", "Who was studied", _who), Section("well", "How well", _how_well),
    Section("looked", "Where it looked", _looked),
)  # fmt: skip

_LINKS = (Link("Full report", names.REPORT),)
