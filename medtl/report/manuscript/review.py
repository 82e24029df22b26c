"""The end of the study page: what a reviewer will ask, the results in words, the guidelines' tables, the references.

In: a run, its numbers, its concerns and the authors' statements. Out: one frozen value that the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl.findings import Concern
from medtl.record import run_folder as names
from medtl.record.run import Run
from medtl.report.findings.questions import Asked, asked_of
from medtl.report.html.page import Link
from medtl.report.manuscript.checklists import Checklist, checklists_of
from medtl.report.manuscript.references import Reference, references_of
from medtl.report.manuscript.results_paragraph import results_paragraph
from medtl.report.manuscript.statements import Statements
from medtl.report.results.judged import Judged

CONTENTS = (("asked", "What a reviewer will ask"),)
WORDS_CONTENTS = (("results", "Results in words"), ("guidelines", "Reporting guidelines"))
"""The sections of this part: the first stands before the methods, the others after them."""


@dataclass(frozen=True)
class Review:
    """What the last sections hold; `files` are those that lie beside the page."""

    asked: tuple[Asked, ...]
    results: str
    references: tuple[Reference, ...]
    checklists: tuple[Checklist, ...]
    files: tuple[Link, ...]


def review_of(run: Run, judged: Judged, concerns: Sequence[Concern], statements: Statements) -> Review:
    """The last sections as a value."""
    return Review(
        asked=asked_of(concerns, run.cohort.notes),
        results=results_paragraph(run, judged),
        references=references_of(run, judged),
        checklists=checklists_of(run, judged, statements),
        files=tuple(Link(name, name) for name in (names.MODEL_CARD, names.REFERENCES, names.STATEMENTS)),
    )
