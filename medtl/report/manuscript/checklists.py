"""The tables of CLAIM and TRIPOD+AI: what the run says, what the authors state, and what is still to complete.

In: a run, its numbers and the authors' statements. Out: frozen rows in the guidelines' order.
"""

from __future__ import annotations

from dataclasses import dataclass

from medtl.record.run import Run
from medtl.report.html.numbers import count
from medtl.report.manuscript.checklist_answers import answers_of
from medtl.report.manuscript.checklist_items import ITEMS, TITLES, Guideline, Item
from medtl.report.manuscript.statements import Statements
from medtl.report.results.judged import Judged

TO_COMPLETE = "To complete"


@dataclass(frozen=True)
class ItemRow:
    """One item: `place` is the section that shows it; `still` is what is left to state, empty when nothing is."""

    item: Item
    section: str | None
    answer: str
    stated: str
    still: str

    @property
    def is_open(self) -> bool:
        """Whether neither the run nor the authors say anything on it."""
        return not self.answer and not self.stated


@dataclass(frozen=True)
class Checklist:
    """One guideline's table; `summary` counts what is filled."""

    guideline: Guideline
    title: str
    rows: tuple[ItemRow, ...]
    summary: str


def checklists_of(run: Run, judged: Judged, statements: Statements) -> tuple[Checklist, ...]:
    """Both tables."""
    answers = answers_of(run, judged)
    lists = []
    for guideline, items in ITEMS.items():
        rows = []
        for item in items:
            answer, stated = answers[guideline].get(item.number), statements.of(guideline, item.number) or ""
            rows.append(
                ItemRow(
                    item=item,
                    section=answer.section if answer else None,
                    answer=answer.answer if answer else "",
                    stated=stated,
                    still=answer.still if answer and not stated else "",
                )
            )
        lists.append(Checklist(guideline, TITLES[guideline], tuple(rows), _summary(rows)))
    return tuple(lists)


def _summary(rows: list[ItemRow]) -> str:
    answer, stated = sum(bool(row.answer) for row in rows), sum(bool(row.stated) for row in rows)
    missing = sum(row.is_open for row in rows)
    return (
        f"Of {count(len(rows), 'entry', plural='entries')} the run fills {answer}, the authors state {stated}, and "
        f"{missing} {'is' if missing == 1 else 'are'} to complete in statements.yaml."
    )
