"""How much the cache holds, and what nobody has used for longest, removed on request; never while a study is at work.

In: the cache's folder. Out: its parts with their sizes, or what was removed. Everything in the cache can be computed
again. A process that uses the cache holds a shared lock on it until the process ends.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from medtl.errors import ConfigurationError
from medtl.files import is_temporary
from medtl.imaging import cache_studies
from medtl.locks import exclusive, share_for_life

IN_USE = ".in-use"
SECONDS_A_DAY = 86_400
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
WHAT = {
    "prepared": "prepared scans",
    "features": "frozen features",
    "activations": "maps of frozen stages",
    "pretraining": "states of pretraining",
    "fine_tuned": "networks of learning curves",
}


@dataclass(frozen=True)
class CachePart:
    """One kind of entries."""

    name: str
    files: int
    bytes: int

    @property
    def in_words(self) -> str:
        """Its size, and what it holds."""
        return f"{_size(self.bytes):>10}  {self.files:>7} files  {WHAT.get(self.name, self.name)}"


def use_cache(folder: Path) -> None:
    """Hold the cache for this process, together with others, until it ends; nothing is removed from it meanwhile.

    Raises:
        Locked: somebody is removing entries at this moment.
    """
    with suppress(OSError):  # a cache that cannot be written is refused or replaced elsewhere
        folder.mkdir(parents=True, exist_ok=True)
        share_for_life(folder / IN_USE, refusal="Old entries of the cache are being removed: wait a moment.")


def note_use(entry: Path) -> None:
    """Note that an entry is used by the study at work, and once a day when: the oldest nobody has used for longest."""
    cache_studies.note_entry(entry)
    with suppress(OSError):  # another user's
        if time.time() - entry.stat().st_mtime > SECONDS_A_DAY:
            os.utime(entry)


def cache_parts(folder: Path) -> tuple[CachePart, ...]:
    """What the cache holds, kind by kind."""
    sizes: dict[str, list[int]] = {}
    for path, size, _ in _entries(folder):
        sizes.setdefault(path.relative_to(folder).parts[0], []).append(size)
    return tuple(CachePart(name, len(sizes[name]), sum(sizes[name])) for name in sorted(sizes))


def lines_by_study(folder: Path) -> tuple[str, ...]:
    """The size of what each study uses, a line for each, and of what none does; none where no study was noted."""
    parts = cache_studies.parts_by_study(folder, {path: size for path, size, _ in _entries(folder)})
    if [part.name for part in parts] in ([], [cache_studies.NOBODY]):
        return ()
    return tuple(
        f"{_size(part.bytes):>10}  {part.name}"
        + (f", {_size(part.own_bytes)} of it for no other study" if part.name != cache_studies.NOBODY else "")
        for part in parts
    )


def remove_oldest(folder: Path, *, keep_bytes: int) -> tuple[int, int]:
    """Remove what was not used for longest until no more than so many bytes are left; gives files and bytes removed.

    Raises:
        Locked: a study uses the cache.
    """
    refusal = (
        "A study is using the cache, so nothing was removed. Wait for it; medtl status RUN says how far it is."
    )  # fmt: skip
    with exclusive(folder / IN_USE, refusal=refusal):
        found = sorted((used, size, path) for path, size, used in _entries(folder))
        left, files, removed = sum(size for _, size, _ in found), 0, 0
        for _, size, path in found:
            if left <= keep_bytes:
                break
            with suppress(OSError):  # another user's, who does not share it
                path.unlink()
                left, files, removed = left - size, files + 1, removed + size
        cache_studies.forget_removed(folder)
    return files, removed


def bytes_of(words: str) -> int:
    """The bytes in `50GB`, `500 MB` or `0`.

    Raises:
        ConfigurationError: it is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]B)?\s*", words, flags=re.IGNORECASE)
    if match is None or (match[2] is None and float(match[1]) != 0):
        raise ConfigurationError(f"--keep takes a size such as 50GB or 500MB; got {words!r}.")
    return int(float(match[1]) * UNITS.get((match[2] or "KB").upper(), 1))


def _entries(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Every finished file below the parts, with its size and when it was used last."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if is_temporary(path.name) or name.parts[0] in (IN_USE, cache_studies.FOLDER):
            continue
        with suppress(OSError):  # removed by another process
            if path.is_file():
                found = path.stat()
                yield path, found.st_size, found.st_mtime


def _size(count: int) -> str:
    for unit in ("TB", "GB", "MB", "KB"):
        if count >= UNITS[unit]:
            return f"{count / UNITS[unit]:.1f} {unit}"
    return f"{count} B"
