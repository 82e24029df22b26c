"""What a reviewer will ask: every finding, as a question with its evidence and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from medtl.findings import ReviewerQuestion, questions_of
from medtl.report.html.blocks import Block
from medtl.report.html.section import Section
from medtl.report.results.view import View

TITLE = "What a reviewer will ask"


@dataclass(frozen=True)
class Questions:
    """The questions in order."""

    macro: ClassVar[str] = "questions"
    questions: tuple[ReviewerQuestion, ...]


def _blocks(view: View) -> Iterator[Block]:
    yield Questions(questions_of(view.findings))


REVIEWER_QUESTIONS = Section("asked", TITLE, _blocks)
