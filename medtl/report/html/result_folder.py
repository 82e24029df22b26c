"""A folder for results that are made anew at any time, and that never takes the place of other files.

In: a folder and the name of the file that says who wrote it. Out: the folder, ours, or a letter; and the same without
what an earlier time left.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from medtl.errors import ConfigurationError
from medtl.record import run_folder as names

SHOWN = 3
"""Files named in a letter."""


def refuse_occupied(folder: Path, *, sign: str, verb: str) -> None:
    """Refuse a folder that holds other files than an earlier call of the same verb wrote, before any work is done."""
    try:
        there = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    except OSError as error:
        raise ConfigurationError(
            f"{folder.name} cannot be used as a folder for results ({error.strerror}). Choose another with --out."
        ) from error
    if there and sign not in there:
        raise ConfigurationError(
            f"{folder.name} holds files that `medtl {verb}` did not write ({', '.join(there[:SHOWN])}). Choose an "
            "empty or new folder with --out; nothing was overwritten.",
            folder=folder.name,
        )


def claimed(folder: Path, *, sign: str, verb: str) -> Path:
    """The folder, new, empty or signed by an earlier call of the same verb."""
    refuse_occupied(folder, sign=sign, verb=verb)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise ConfigurationError(
            f"{folder.name} cannot be used as a folder for results ({error.strerror}). Choose another with --out."
        ) from error
    return folder


def clear(folder: Path) -> None:
    """Remove the figures and tables of an earlier time, which may be others than this time's."""
    for name in (names.FIGURES, names.TABLES):
        shutil.rmtree(folder / name, ignore_errors=True)
