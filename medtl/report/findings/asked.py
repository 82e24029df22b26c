"""What a reviewer will ask: every warning that fired, as a question with its evidence and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from medtl.report.findings.questions import Asked, asked_of
from medtl.report.html.blocks import Block
from medtl.report.html.section import Section
from medtl.report.results.view import View

TITLE = "What a reviewer will ask"


@dataclass(frozen=True)
class Questions:
    """The questions in order."""

    macro: ClassVar[str] = "questions"
    asked: tuple[Asked, ...]


def _blocks(view: View) -> Iterator[Block]:
    yield Questions(asked_of(view.concerns, view.run.cohort.notes if view.is_study else ()))


ASKED = Section("asked", TITLE, _blocks)
