"""The pages for everybody: headings in order, pictures in words, heads of tables, no meaning in colour alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from medtl.report import write_reports

EMPTY = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@pytest.fixture(scope="module", autouse=True)
def figures_as_words() -> None:
    """Figures are drawn, as they are on a page."""


class Outline(HTMLParser):
    """Headings by level with their text; cells of heads with their scope; marks with the text that follows them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[list[str]] = []
        self.scopes: list[str | None] = []
        self.marks: list[str] = []
        self.pictures: list[str | None] = []
        self.regions: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in EMPTY:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([tag, ""])
        if tag == "th":
            self.scopes.append(found.get("scope"))
        if tag in ("img", "svg"):
            self.pictures.append(found.get("alt", found.get("aria-label")))
        if found.get("class") == "mark" or (tag == "i" and "background" in (found.get("style") or "")):
            self.marks.append("")
        if found.get("role") == "region":
            self.regions.append(found.get("aria-label") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            self.headings[-1][1] += data
        if self.marks and not self.marks[-1].strip():
            self.marks[-1] += data


@pytest.fixture(scope="module")
def outlines(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outline, ...]:
    folder = run_writer(tmp_path_factory.mktemp("everybody"), run_recipe(patients=24, fold_count=2, resamples=100))
    (folder / "statements.yaml").write_text("claim: {5: Retrospective.}\n")
    return tuple(Outline(page.read_text(encoding="utf-8")) for page in write_reports(folder))


def test_headings_go_down_one_level_at_a_time_and_none_is_empty(outlines: tuple[Outline, ...]) -> None:
    for outline in outlines:
        levels = [int(tag[1]) for tag, _ in outline.headings]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert all(text.strip() for _, text in outline.headings)


def test_every_tag_that_is_opened_is_closed(outlines: tuple[Outline, ...]) -> None:
    for outline in outlines:
        assert not outline.unbalanced
        assert not outline.open


def test_every_picture_has_words_and_every_head_of_a_table_says_what_it_heads(outlines: tuple[Outline, ...]) -> None:
    for outline in outlines:
        assert outline.pictures
        assert all(text and text.strip() for text in outline.pictures)
        assert set(outline.scopes) <= {"col", "row", "colgroup"}
        assert all(outline.regions)


def test_no_colour_stands_without_a_word(outlines: tuple[Outline, ...]) -> None:
    for outline in outlines:
        assert outline.marks
        assert all(re.search(r"\w", text) for text in outline.marks)


def test_what_is_left_to_complete_is_said_in_words(outlines: tuple[Outline, ...], tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "medtl" / "report" / "templates" / "blocks.html.j2"
    assert re.findall(r'class="open">([^<]+)<', source.read_text()) == ["To complete", "To complete:"]
