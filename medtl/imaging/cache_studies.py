"""Which study uses which entries of the cache, so that sizes can be said by study.

In: a block in which a study works. Out: a list below `studies` in the cache, a file for each set of entries, named by
its hash, so that several processes never write the same file with different content. A list holds paths of entries,
which are hashes; nothing of a scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from medtl.errors import ResourceExhausted
from medtl.files import sha256_of, write_atomically

FOLDER = "studies"
NOBODY = "noted for no study"
DIGITS = 16
_used: list[set[Path]] = []
"""Of each block that is open, the entries that were used in it."""


@dataclass(frozen=True)
class StudyPart:
    """What one study has in the cache; `own_bytes` no other one uses."""

    name: str
    bytes: int
    own_bytes: int


@contextmanager
def noting_study(folder: Path, name: str) -> Iterator[None]:
    """Keep a list of the entries of the cache that are used in the block; where it cannot be written, none is kept."""
    found = set[Path]()
    _used.append(found)
    try:
        yield
    finally:
        _used[:] = [one for one in _used if one is not found]
        with suppress(OSError, ResourceExhausted):
            _keep(folder, name, found)


def note_entry(entry: Path) -> None:
    """Note an entry that is read or written."""
    for found in _used:
        found.add(entry)


def parts_by_study(folder: Path, sizes: dict[Path, int]) -> tuple[StudyPart, ...]:
    """What each study has among entries of these sizes, and at the end what none has."""
    entries = {name: {path for path in _listed(folder, name) if path in sizes} for name in _names(folder)}
    users: dict[Path, int] = {}
    for path in (path for found in entries.values() for path in found):
        users[path] = users.get(path, 0) + 1
    parts = [
        StudyPart(name, sum(map(sizes.__getitem__, found)), sum(sizes[path] for path in found if users[path] == 1))
        for name, found in entries.items()
        if found
    ]
    rest = sum(size for path, size in sizes.items() if path not in users)
    return (*parts, *([StudyPart(NOBODY, rest, rest)] if rest else []))


def forget_removed(folder: Path) -> None:
    """Remove the lists of which no entry is left."""
    for name in _names(folder):
        for path in _lists(folder, name):
            if not any(one.is_file() for one in _entries(folder, path)):
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):  # others are left in it
            (folder / FOLDER / name).rmdir()


def _keep(folder: Path, name: str, found: set[Path]) -> None:
    names = sorted(path.relative_to(folder).as_posix() for path in found if path.is_relative_to(folder))
    if not names:
        return
    text = "\n".join(names) + "\n"
    path = folder / FOLDER / name / f"{sha256_of(text.encode())[:DIGITS]}.txt"
    if not path.is_file():
        write_atomically(path, text, shared=folder)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / FOLDER).glob("*") if path.is_dir())


def _lists(folder: Path, name: str) -> Iterator[Path]:
    yield from (folder / FOLDER / name).glob("[!.]*.txt")


def _listed(folder: Path, name: str) -> set[Path]:
    return {path for one in _lists(folder, name) for path in _entries(folder, one)}


def _entries(folder: Path, listed: Path) -> list[Path]:
    with suppress(OSError, UnicodeDecodeError):  # another user's, who does not share it
        return [folder / line for line in listed.read_text(encoding="utf-8").splitlines()]
    return []
