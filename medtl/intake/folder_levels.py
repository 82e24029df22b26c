"""The levels of folders in a collection: a split, a folder of images, sequences, sites, or maybe class or patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from medtl.intake.folder_names import is_sequence_folder, is_site, split_of
from medtl.intake.name_parts import role_of_folder

Folders = tuple[str, ...]


@dataclass(frozen=True)
class Level:
    """One level of folders, `number` 1 being the highest: its `names` with the number of images below each.

    `kind` is `split`, `image`, `sequence`, `site`, `single` (one folder holds everything) or `open`.
    """

    number: int
    names: tuple[tuple[str, int], ...]
    kind: str
    holds_all: bool

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of images below each folder."""
        return tuple(number for _, number in self.names)


def levels_of(folders: Sequence[Folders]) -> tuple[Level, ...]:
    """The levels, from the highest; `folders` are those of each image, from the collection's own folder down."""
    found = []
    for index in range(max(map(len, folders), default=0)):
        names = Counter(own[index] for own in folders if len(own) > index)
        holds_all = names.total() == len(folders)
        found.append(Level(index + 1, tuple(names.items()), _kind(tuple(names), holds_all=holds_all), holds_all))
    return tuple(found)


def _kind(names: Sequence[str], *, holds_all: bool) -> str:
    if all(map(split_of, names)):
        return "split"
    if all(role_of_folder(name) == "image" for name in names):
        return "image"
    if len(names) == 1 and holds_all:
        return "single"
    if all(map(is_sequence_folder, names)):
        return "sequence"
    return "site" if all(map(is_site, names)) else "open"


def split_in(folders: Folders, levels: Sequence[Level]) -> str:
    """The part of the official split to which an image belongs; empty where no level is a split of several parts."""
    for level in levels:
        if level.kind == "split" and len(folders) >= level.number and len({split_of(n) for n, _ in level.names}) > 1:
            return split_of(folders[level.number - 1])
    return ""
