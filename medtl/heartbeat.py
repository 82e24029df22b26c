"""A sign of life: files whose time is renewed by work that is done, never by a clock.

In: the file of a part in work, and each batch, case, sentence or file as it is finished. Out: the file's time, by which
another process sees for how long nothing was finished. Only the main thread renews it: a thread that runs on while the
work hangs is no sign of life.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from medtl.errors import ConfigurationError

VARIABLE = "MEDTL_STALLED_MINUTES"
DEFAULT_MINUTES = 30.0
"""A batch of large volumes takes seconds on a processor, a network's file system that is restarted some minutes."""

SECONDS_BETWEEN = 0.5
"""Between two renewals at least: work on small scans finishes hundreds of batches a second."""

_files: list[Path] = []
_signs: list[Path] = []
"""Those of the files in which stands, for who started this process, which part it works on."""

_renewed = [0.0]


def seconds_allowed() -> float:
    """For how long a part may finish nothing: MEDTL_STALLED_MINUTES, else 30 minutes.

    Raises:
        ConfigurationError: the variable holds no number above 0.
    """
    written = os.environ.get(VARIABLE, "").strip()
    try:
        minutes = float(written) if written else DEFAULT_MINUTES
    except ValueError:
        minutes = math.nan
    if not minutes > 0:
        raise ConfigurationError(
            f"{VARIABLE} is a number of minutes above 0, such as 60; got {written!r}. Without it, a part that finishes "
            f"nothing for {DEFAULT_MINUTES:.0f} minutes is taken to hang."
        )
    return minutes * 60


@contextmanager
def beating(file: Path) -> Iterator[None]:
    """Renew the time of this file with what is finished in the block, from its beginning on."""
    _files.append(file)
    _renew(file)
    try:
        yield
    finally:
        _files.remove(file)


@contextmanager
def signing(file: Path) -> Iterator[None]:
    """As `beating`, for a file in which stands what this process works on, as `begin` says it."""
    _signs.append(file)
    try:
        with beating(file):
            yield
    finally:
        _signs.remove(file)


def begin(part: str) -> None:
    """Say that this process begins to work on a part."""
    for file in _signs:
        with suppress(OSError):
            file.write_text(part, encoding="utf-8")
    for file in _files:
        _renew(file)


def beat() -> None:
    """Say that something was finished."""
    now = time.monotonic()
    if now - _renewed[0] < SECONDS_BETWEEN or threading.current_thread() is not threading.main_thread():
        return
    _renewed[0] = now
    for file in _files:
        _renew(file)


def seconds_since(file: Path) -> float | None:
    """For how long nothing was finished; None where the file is gone.

    By the clock that writes the file's time: that of a file server may differ from this machine's by an hour.
    """
    try:
        return max(0.0, _now_in(file.parent) - file.stat().st_mtime)
    except OSError:
        return None


def _now_in(folder: Path) -> float:
    """The time that a new file in the folder gets; this machine's, where none may be written there."""
    try:
        with tempfile.TemporaryFile(dir=folder) as new:
            return os.fstat(new.fileno()).st_mtime
    except OSError:
        return time.time()


def _renew(file: Path) -> None:
    with suppress(OSError):  # the lock of another user, who shares a folder
        os.utime(file)
