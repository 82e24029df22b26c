"""Progress of long work: a bar on a terminal, a few plain lines in a log file."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from medtl.heartbeat import beat

Item = TypeVar("Item")

_of_another_process = threading.Event()
"""Set while another process prints what there is to print; an event, since threads print too."""

QUIET_SECONDS = 20.0
"""Seconds between two lines of the same work in a log that nobody watches."""


def track(items: Iterable[Item], *, what: str, total: int | None) -> Iterator[Item]:
    """Yield the items one by one and show how far the work has come, on standard error; `total` may be unknown."""
    if _of_another_process.is_set():
        yield from _beating(items)
        return
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track as bar

        yield from bar(_beating(items), description=what, total=total, console=Console(stderr=True), transient=True)
        return
    started = reported = time.monotonic()
    for done, item in enumerate(_beating(items)):
        now = time.monotonic()
        if now - reported >= QUIET_SECONDS:
            reported = now
            of_all = "" if total is None else f" of {total}"
            say(f"{what}: {done}{of_all} ({now - started:.0f} s)")
        yield item


def _beating(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        beat()
        yield item


def say(sentence: str) -> None:
    """Print one line on standard error; standard output stays for results."""
    beat()
    if not _of_another_process.is_set():
        print(sentence, file=sys.stderr, flush=True)


@contextmanager
def quiet() -> Iterator[None]:
    """For the block, no progress is printed: another process prints it."""
    _of_another_process.set()
    try:
        yield
    finally:
        _of_another_process.clear()
