"""What a section is made of: blocks that name the macro that shows them (templates/blocks.html.j2).

A block of one part of the report alone is defined there, with its own macro.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from medtl.report.html.page import Drawn, Link


class Block(Protocol):
    """A frozen value with the name of its macro."""

    macro: ClassVar[str]


@dataclass(frozen=True)
class Folded:
    """Blocks behind a title that opens them: what a reader with two minutes can do without."""

    macro: ClassVar[str] = "folded"
    title: str
    blocks: tuple[Block, ...]


def folded(title: str, blocks: Iterable[Block | None]) -> Folded | None:
    """Blocks to be folded, without those that are None; None where no block is left."""
    found = tuple(block for block in blocks if block is not None)
    return Folded(title, found) if found else None


def unfolded(blocks: Iterable[Block]) -> Iterator[Block]:
    """Every block, with those that are folded in the order in which they are read."""
    for block in blocks:
        if isinstance(block, Folded):
            yield from unfolded(block.blocks)
        else:
            yield block


@dataclass(frozen=True)
class Prose:
    """Sentences, a paragraph each; `kind` is a style: prose, note, quotable, or none."""

    macro: ClassVar[str] = "prose"
    sentences: tuple[str, ...]
    kind: str = "prose"


@dataclass(frozen=True)
class Subheading:
    """A heading within a section."""

    macro: ClassVar[str] = "subheading"
    title: str


@dataclass(frozen=True)
class Figure:
    """One figure on its own."""

    macro: ClassVar[str] = "alone"
    drawn: Drawn


@dataclass(frozen=True)
class SideBySide:
    """Figures beside each other and, with a title, sentences beside them."""

    macro: ClassVar[str] = "side_by_side"
    figures: tuple[Drawn, ...]
    title: str = ""
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Names and values in a plain table."""

    macro: ClassVar[str] = "facts"
    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TwoColumns:
    """Two blocks beside each other."""

    macro: ClassVar[str] = "two_columns"
    left: Facts
    right: Facts


@dataclass(frozen=True)
class Bullets:
    """A list without numbers."""

    macro: ClassVar[str] = "bullets"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SeeSection:
    """A sentence that ends in a link to a section of the same page."""

    macro: ClassVar[str] = "see_section"
    sentence: str
    anchor: str
    title: str


@dataclass(frozen=True)
class Files:
    """Links to files beside the page."""

    macro: ClassVar[str] = "files"
    links: tuple[Link, ...]
