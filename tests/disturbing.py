"""Runs on two processes that are disturbed in the write of one file: its process is killed, or its disk is full.

`Disturbed.do` gives the command in this process, whose workers are forks of it: they need no time to import. The write
that is disturbed stands in a file that all of them read; every write is noted in another one, so that a test can choose
among the writes of an undisturbed run. Time stands still.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

NEXT, SEEN, SAID = "next.txt", "seen.txt", "said.txt"
INSTANT = "2026-01-01T00:00:00+00:00"
MOST_FILES = 4096
"""That a process may have open."""

LEFT_OUT = ("events.jsonl", "DONE.json")
"""Of a run: the log, which tells of what disturbed it, and the seal, which hashes the log."""


@dataclass
class Disturbed:
    """A run in `place`/disk/run with its cache beside it; `fill` makes that disk full, else processes are killed."""

    study: Path
    place: Path
    medtl: Callable[..., Any]
    fill: Callable[[], None] | None = None

    @property
    def disk(self) -> Path:
        return self.place / "disk"

    @property
    def run(self) -> Path:
        return self.disk / "run"

    @property
    def said(self) -> str:
        """On standard error, by the last process that ended by itself."""
        return (self.place / SAID).read_text()

    @property
    def seen(self) -> set[str]:
        """The names of the files below `disk` that were written so far, and the events."""
        path = self.place / SEEN
        return {*path.read_text().splitlines()} if path.is_file() else set()

    def do(self, *words: object, disturb: str = "") -> int:
        """Run the study, and disturb the write of this name; gives the exit code."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MEDTL_CACHE", str(self.disk / "cache"))
            patch.setenv("OMP_NUM_THREADS", "1")
            self._install(patch)
            self.choose(disturb)
            done = self.medtl("run", self.study, "--out", self.run, *words)
        (self.place / SAID).write_text(done.err)
        return int(done.code)

    def choose(self, name: str) -> None:
        """The write that is disturbed next, by its name or a pattern; of no name, none."""
        (self.place / NEXT).write_text(name)

    @property
    def was_disturbed(self) -> bool:
        return not (self.place / NEXT).exists()

    def contents(self) -> dict[str, bytes]:
        """Every file of the run but its log, its seal and locks; the seals of its folds are among them."""
        paths = {path.relative_to(self.run).as_posix(): path for path in sorted(self.run.rglob("*")) if path.is_file()}
        kept = {name: path for name, path in paths.items() if name not in LEFT_OUT and path.name != ".lock"}
        return {name: path.read_bytes() for name, path in kept.items()}

    def _install(self, patch: pytest.MonkeyPatch) -> None:
        from medtl import files
        from medtl.record import events, journal
        from medtl.study import workers
        from medtl.training import fit

        begin, replace, add_bytes = files.tempfile.mkstemp, os.replace, files._add_bytes

        def begun(**words: Any) -> Any:
            opened = begin(**words)
            if self.fill and self._is_next(Path(words["dir"]) / words["prefix"][1:-1]):
                self._disturb()
            return opened

        def replaced(source: Path, target: Path) -> None:
            if not self.fill and self._is_next(Path(target)):
                os.truncate(source, os.path.getsize(source) // 2)
                self._disturb()
            replace(source, target)

        def added(path: Path, line: bytes) -> None:
            if self._is_next(path, event=line):
                if not self.fill:
                    with path.open("ab") as stream:
                        stream.write(line[: len(line) // 2])
                self._disturb()
            add_bytes(path, line)

        patch.setattr(files, "tempfile", SimpleNamespace(mkstemp=begun))
        patch.setattr(files.os, "replace", replaced)
        patch.setattr(files, "_add_bytes", added)
        for room in (events, journal):
            patch.setattr(room, "utc_now", lambda: INSTANT)
        for timed in (journal, fit):
            patch.setattr(timed, "time", SimpleNamespace(monotonic=lambda: 0.0))
        subprocesses = {name: getattr(subprocess, name) for name in ("PIPE", "DEVNULL", "TimeoutExpired")}
        patch.setattr(workers, "subprocess", SimpleNamespace(Popen=forked, **subprocesses))

    def _is_next(self, path: Path, *, event: bytes = b"") -> bool:
        if not path.is_relative_to(self.disk):
            return False
        name = path.relative_to(self.disk).as_posix() + (f": {what_of(event)}" if event else "")
        with (self.place / SEEN).open("a") as stream:
            stream.write(f"{name}\n")
        return not self.was_disturbed and fnmatch(name, (self.place / NEXT).read_text())

    def _disturb(self) -> None:
        (self.place / NEXT).unlink()
        if self.fill is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            self.fill()


def what_of(event: bytes) -> str:
    values = json.loads(event)
    return f"{values['event']} {values.get('part', '')}".strip()


def forked(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """The worker `python -m medtl ...` as a fork of this process: its own pid, pipes and signals, nothing to import."""

    def work() -> None:
        os.closerange(3, MOST_FILES)  # the locks of this process among them, and the pipe on which Popen waits
        os.environ.update(options["env"])
        sys.stdin = open(os.devnull)  # noqa: SIM115 - the pipe is read by its number
        sys.stdout, sys.stderr = io.StringIO(), open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        os._exit(worked(command[3:]))

    return subprocess.Popen(command, preexec_fn=work, **options)


def worked(words: list[str]) -> int:
    from medtl import heartbeat
    from medtl.cli import app

    heartbeat._files.clear()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    try:
        app(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
