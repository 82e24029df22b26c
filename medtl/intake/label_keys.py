"""Which row of a labels file is for which case: by a name that means one thing on both sides, or not at all.

A name is a path (of a file or a folder) or an id. A path may be written in full or by its last parts; it then has to
be the only one that ends so. What could be meant by several names is a collision, never the first of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medtl.intake.file_offer import without_ending
from medtl.intake.offer import Offer

KeyKind = Literal["case", "image", "series_uid", "folder", "accession_number", "study_uid", "patient_id"]

KEY_COLUMNS: dict[KeyKind, tuple[str, ...]] = {
    "case": ("case", "case_id"),
    "image": (
        "image",
        "file",
        "filename",
        "image_path",
        "file_path",
        "path",
        "image_id",
        "image_name",
        "image_index",
        "id_code",
    ),
    "series_uid": ("series_uid", "SeriesInstanceUID"),
    "folder": ("folder",),
    "accession_number": ("accession_number", "AccessionNumber"),
    "study_uid": ("study_uid", "StudyInstanceUID"),
    "patient_id": ("patient_id", "PatientID", "participant_id"),
}
"""Columns that may name the case of a row, the most particular first. Capitals, blanks and `_` do not matter."""

PATHS: tuple[KeyKind, ...] = ("case", "image", "folder")
WORDS: dict[KeyKind, str] = {
    "case": "files", "image": "files", "folder": "folders", "series_uid": "series", "study_uid": "studies",
    "accession_number": "examinations", "patient_id": "patients",
}  # fmt: skip
"""What a key names several of."""


@dataclass(frozen=True)
class Key:
    """A column of a table, and what it names."""

    column: str
    kind: KeyKind


def keys_in(header: Sequence[str]) -> tuple[Key, ...]:
    """The columns that may name a case, in the order in which they are tried."""
    plain = {_plain(name): name for name in reversed(header)}
    found = []
    for kind, columns in KEY_COLUMNS.items():
        column = next((plain[_plain(name)] for name in columns if _plain(name) in plain), None)
        if column is not None:
            found.append(Key(column, kind))
    return tuple(found)


def _plain(column: str) -> str:
    return re.sub(r"[\s_-]", "", column).casefold()


@dataclass(frozen=True)
class Names:
    """All names of one kind that a collection has: `full` as they are, `endings` by their last parts.

    Values are the indices of the offers. `parts_needed` is the number of last parts that make paths distinct.
    """

    full: Mapping[str, tuple[int, ...]]
    endings: Mapping[str, frozenset[str]]
    above: tuple[str, ...]
    parts_needed: int

    def meant_by(self, value: str) -> tuple[str, ...]:
        """The full names that a cell may mean: one, none, or the several that end so."""
        name = value.replace("\\", "/").removeprefix("./").rstrip("/") if self.endings else value
        if name in self.full:
            return (name,)
        if name in self.endings:
            return tuple(sorted(self.endings[name]))
        return self._below_the_root(name)

    def _below_the_root(self, name: str) -> tuple[str, ...]:
        """A path that begins above the collection's own folder, written in full below it."""
        parts = name.split("/")
        for cut in range(1, len(parts)):
            above, rest = tuple(part for part in parts[:cut] if part), "/".join(parts[cut:])
            if rest in self.full and above == self.above[len(self.above) - len(above) :]:
                return (rest,)
        return ()


def names_in(offers: Sequence[Offer], kind: KeyKind, *, root: Path) -> Names:
    """The names of this kind among the offers."""
    full: dict[str, set[int]] = defaultdict(set)
    endings: dict[str, set[str]] = defaultdict(set)
    for index, offer in enumerate(offers):
        for name in _names_of(offer, kind, root=root):
            full[name].add(index)
            for ending in _endings(name, kind, is_path=bool(offer.path)):
                endings[ending].add(name)
        short = offer.names.get("case", "") if kind == "case" else ""
        if short and short not in full:
            endings[short].update(_names_of(offer, kind, root=root))
    return Names(
        {name: tuple(sorted(indices)) for name, indices in full.items()},
        {ending: frozenset(names) for ending, names in endings.items()},
        root.absolute().parts[1:],
        _parts_needed(tuple(full)),
    )


def _names_of(offer: Offer, kind: KeyKind, *, root: Path) -> tuple[str, ...]:
    """Of a case or an image the paths of its files, of anything else the one name that it has."""
    if kind not in ("case", "image"):
        return (name,) if (name := offer.names.get(kind, "")) else ()
    if own := offer.names.get("image", ""):
        return (own,)
    if "series_uid" in offer.names and (kind == "image" or "case" in offer.names):
        return tuple(file.relative_to(root).as_posix() for file in offer.files)
    return (offer.names["case"],) if kind == "case" and "case" in offer.names else ()


def _endings(name: str, kind: KeyKind, *, is_path: bool) -> tuple[str, ...]:
    """The last parts of a path, one, two, … , with and without the ending of a file.

    A patient who was read from a path is named like one; an id of a header is not cut at its slashes.
    """
    if kind not in PATHS and not (kind == "patient_id" and is_path):
        return ()
    parts = name.split("/")
    tails = ["/".join(parts[-count:]) for count in range(1, len(parts) + 1)]
    return (
        tuple(tails)
        if kind in ("folder", "patient_id")
        else tuple(dict.fromkeys([*tails, *map(without_ending, tails)]))
    )


def _parts_needed(names: Sequence[str]) -> int:
    deepest = max((name.count("/") + 1 for name in names), default=1)
    return next(
        (n for n in range(1, deepest) if len({"/".join(name.split("/")[-n:]) for name in names}) == len(names)), deepest
    )
