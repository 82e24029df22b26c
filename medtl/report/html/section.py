"""A section of a page, and a page as a list of sections.

A section says what it shows of its subject, block by block; one without blocks is not on the page, nor in its contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from medtl.report.html.blocks import Block, Folded, unfolded
from medtl.report.html.page import Heading, render

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Section(Generic[Subject]):
    """`anchor` is its address on the page, `blocks` what it shows; None among them is left out."""

    anchor: str
    title: str
    blocks: Callable[[Subject], Iterable[Block | None]]


@dataclass(frozen=True)
class ShownSection:
    """A section with its blocks."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Origin:
    """What the foot of a page says of where it is from, around a fingerprint."""

    before: str
    after: str = "."


@dataclass(frozen=True)
class Page:
    """A page: heading, opening blocks, sections; `notice` stands at the top of the text."""

    head: Heading
    opening: tuple[Block, ...]
    sections: tuple[ShownSection, ...]
    origin: Origin
    notice: tuple[str, ...] = ()
    has_contents: bool = True
    kind: str = ""

    @property
    def has_folds(self) -> bool:
        """Whether a part of the page is folded."""
        return any(isinstance(block, Folded) for section in self.sections for block in section.blocks)

    def as_html(self) -> str:
        """The page as one self-contained file, with the scripts that its blocks need, each once."""
        blocks = unfolded(block for section in self.sections for block in section.blocks)
        needed = [name for block in blocks for name in getattr(block, "scripts", ())]
        return render("page.html.j2", self, scripts=tuple(dict.fromkeys(needed)))


def shown(sections: Sequence[Section[Subject]], subject: Subject) -> tuple[ShownSection, ...]:
    """The sections that have something to say of the subject, in order."""
    found = (
        ShownSection(one.anchor, one.title, tuple(block for block in one.blocks(subject) if block is not None))
        for one in sections
    )
    return tuple(one for one in found if one.blocks)
