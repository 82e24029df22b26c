"""The end of the study page: what a reviewer will ask, the results in words, the guidelines' tables, the references.

In: a run, its numbers, its concerns and the authors' statements. Out: one frozen value that the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl import run_folder as names
from medtl.report.checklists import Checklist, checklists_of
from medtl.report.concern import Concern
from medtl.report.judged import Judged
from medtl.report.page import Link
from medtl.report.references import Reference, references_of
from medtl.report.results_paragraph import results_paragraph
from medtl.report.reviewer import Asked, asked_of
from medtl.report.run_folder import RunFolder
from medtl.report.statements import Statements

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


def review_of(run: RunFolder, judged: Judged, concerns: Sequence[Concern], statements: Statements) -> Review:
    """The last sections as a value."""
    return Review(
        asked=asked_of(concerns, run.cohort.notes),
        results=results_paragraph(run, judged),
        references=references_of(run, judged),
        checklists=checklists_of(run, judged, statements),
        files=tuple(Link(name, name) for name in (names.MODEL_CARD, names.REFERENCES, names.STATEMENTS)),
    )
