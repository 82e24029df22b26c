"""A section of the report is one room and one line: it says what it shows, and nothing where it has nothing to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from medtl.record import read_run
from medtl.report import write_study_page
from medtl.report.html.blocks import Block, Prose
from medtl.report.html.page import Cell, Row, Table
from medtl.report.html.section import Section, shown
from medtl.report.pages import study_page
from medtl.report.results.view import View


def _blocks(view: View) -> Iterator[Block | None]:
    if len(view.run.folds) < 2:
        return
    yield Prose((f"{view.run.study.name} has {len(view.run.folds)} folds.",))
    rows = tuple(Row(f"Fold {one.fold}", (Cell(str(one.fold**2)),)) for one in view.run.folds)
    yield Table("Squares of the folds", ("Fold", "Square"), rows, name="squares")


SQUARES = Section("squares", "Squares", _blocks)


def test_a_toy_section_stands_on_the_page_in_its_contents_and_among_the_tables(
    small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_page, "SECTIONS", (*study_page.SECTIONS, SQUARES))
    html = write_study_page(read_run(small_run)).read_text(encoding="utf-8")
    assert '<a href="#squares">Squares</a></nav>' in html
    body = html[html.index('<h2 id="squares">Squares</h2>') :]
    assert "has 3 folds." in body
    assert re.search(r'<th scope="row">.*Fold 2.*</th><td>4</td>', body)
    assert (small_run / "tables" / "squares.csv").read_text().splitlines() == [
        "Fold,Square",
        "Fold 0,0",
        "Fold 1,1",
        "Fold 2,4",
    ]


def test_a_section_without_blocks_is_not_on_the_page() -> None:
    silent: Section[int] = Section("a", "A", lambda _subject: ())
    speaks: Section[int] = Section("b", "B", lambda subject: (None, Prose((str(subject),)), None))
    assert [(one.anchor, one.blocks) for one in shown((silent, speaks), 7)] == [("b", (Prose(("7",)),))]
