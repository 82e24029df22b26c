"""What a source offers, before anything is converted: cases, what it refuses, and every file it found.

Identities here are the original ones. They stay in memory and in the private link table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from medtl.imaging.for_intake import Scan

Cell = str | float | None


@dataclass(frozen=True)
class Offer:
    """One case: how to load it, and what is known of it.

    `key` names it for good, `names` are what a labels file may call it, by column. `origin` goes into the link table.
    `patient` is empty when the source does not say whose it is; `path` is then where it lies below the collection's
    folder, without an ending. `shows_text` keeps it out of the page's pictures, `is_pictured` is False where the page
    would not show it anyway. `moment_days` is its date, as a day number.
    """

    key: str = field(repr=False)
    patient: str = field(repr=False)
    files: tuple[Path, ...] = field(repr=False)
    load: Callable[[], Scan] = field(repr=False, compare=False)
    title: str = ""
    label: str = ""
    split: str = ""
    fold: str = ""
    covariates: Mapping[str, Cell] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict, repr=False)
    origin: Mapping[str, str] = field(default_factory=dict, repr=False)
    load_mask: Callable[[], Scan] | None = field(default=None, repr=False, compare=False)
    shows_text: bool = False
    moment_days: int | None = None
    path: str = field(default="", repr=False)
    is_pictured: bool = True

    def without_split(self) -> Offer:
        """The same case of a collection that has only one part."""
        return replace(self, split="")


@dataclass(frozen=True)
class Refusal:
    """Files that make no case: why, and a picture of them when that is possible and allowed."""

    key: str = field(repr=False)
    patient: str = field(repr=False)
    files: tuple[Path, ...] = field(repr=False)
    reason: str
    sentence: str
    title: str = ""
    origin: Mapping[str, str] = field(default_factory=dict, repr=False)
    preview: Callable[[], Scan] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Survey:
    """The offers, refusals, tables and notes of one source.

    `tables` are files that were read as tables (labels, participants, lists) and count as used. `notes` are sentences
    for people, without a name in them.
    """

    kind: str
    found: tuple[Path, ...] = field(repr=False)
    offers: tuple[Offer, ...] = field(repr=False)
    refusals: tuple[Refusal, ...] = field(default=(), repr=False)
    tables: tuple[Path, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()
