"""How far a run has come, while it works and afterwards: each part done, running, stopped or waiting.

In: a run folder, and the owner's private note of who works where. Out: a frozen value and its lines. Nothing is locked
or changed, so that it can be asked at any time.
"""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medtl import heartbeat
from medtl.errors import ConfigurationError
from medtl.locks import is_held
from medtl.record import run_folder as names
from medtl.record.at_work import AtWork, who_is_at_work
from medtl.record.events import Finished, PartDone, Started, Stopped, read_events
from medtl.record.run_folder import RunFolder
from medtl.record.study import read_study

BEFORE = ("preparation", "features")
AFTER = ("controls", "saliency checks", "metrics and pages")
"""The parts before and after the folds, in order."""

LOG_LINES = 5
"""Of the log of a part that was stopped, shown below it."""

BY_A_SIGNAL = "a signal or Ctrl-C"
State = Literal["done", "running", "stopped", "waiting"]
SECONDS_A_MINUTE, SECONDS_AN_HOUR = 60, 3600


@dataclass(frozen=True)
class TrainingSeen:
    """The network that a fold trains now: how many epochs are done, and how long one takes."""

    model: str
    epochs: int
    seconds_an_epoch: float


@dataclass(frozen=True)
class PartStatus:
    """A part of a run. `seconds` it took, `who` works on it, what it trains, and why it was stopped, where known.

    `quiet_seconds`: for how long a running part finished nothing, where that is longer than it may be.
    """

    name: str
    state: State
    seconds: float | None = None
    who: AtWork | None = None
    training: TrainingSeen | None = None
    reason: str | None = None
    quiet_seconds: float | None = None
    log: tuple[str, ...] = ()

    def of_a_lost_machine(self, run: str) -> str:
        """What to do where the part is locked from another machine, whose lock a file server may keep."""
        if self.who is None or self.who.host == platform.node():
            return ""
        lock = f"{self.name.replace(' ', '_')}/{names.LOCK}" if self.name.startswith("fold ") else names.LOCK
        return (
            f" It is locked from {self.who.host} (process {self.who.process}): if that machine is gone and the lock "
            f"stays, remove {run}/{lock}."
        )


@dataclass(frozen=True)
class RunStatus:
    """A run and its parts in order. `epochs` are those of each network; `has_jobs`, whether it was given to Slurm."""

    name: str
    parts: tuple[PartStatus, ...]
    is_finished: bool
    epochs: int | None = None
    has_jobs: bool = False

    @property
    def _what_to_do(self) -> str:
        return (
            "squeue shows the jobs that wait; if there is none, go on with --resume"
            if self.has_jobs
            else "go on with --resume"
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """What a person reads: a sentence, then a line a part."""
        done = sum(part.state == "done" for part in self.parts)
        if self.is_finished:
            head = f"{self.name} is finished."
        else:
            running = [part.name for part in self.parts if part.state == "running"]
            now = f"now at work: {', '.join(running)}" if running else f"nobody works on it now: {self._what_to_do}"
            head = f"{self.name}: {done} of {len(self.parts)} parts are done; {now}."
        quiet = (
            f"{part.name}: no progress for {duration(part.quiet_seconds)}. It may hang: stop its process, and go on "
            f"with --resume.{part.of_a_lost_machine(self.name)}"
            for part in self.parts
            if part.quiet_seconds is not None
        )
        return (head, *quiet, *(line for part in self.parts for line in self._of(part)))

    def _of(self, part: PartStatus) -> Iterator[str]:
        words = [f"took {duration(part.seconds)}"] if part.seconds is not None else []
        if part.who is not None:
            job = f", job {part.who.job}" if part.who.job else ""
            words.append(f"since {part.who.since} on {part.who.host} (process {part.who.process}{job})")
        if part.training is not None:
            seen = part.training
            of_all = f" of {self.epochs}" if self.epochs else ""
            words.append(f"{seen.model}: epoch {seen.epochs}{of_all} is done, {duration(seen.seconds_an_epoch)} each")
            if self.epochs:
                left = (self.epochs - seen.epochs) * seen.seconds_an_epoch
                words.append(f"this network ends in about {duration(left)}")
        if part.reason is not None:
            words.append(part.reason)
        yield f"  {part.state:<8} {part.name:<16} {'; '.join(words)}".rstrip()
        yield from (f"             | {line}" for line in part.log)


def status_of(path: Path) -> RunStatus:
    """How far the run in this folder has come.

    Raises:
        ConfigurationError: the folder holds no run.
        IntegrityFailure: events.jsonl or environment.json was changed.
    """
    run = RunFolder(path)
    fingerprint = run.fingerprint()
    if fingerprint is None:
        raise ConfigurationError(f"{path.name} holds no run that was begun: there is no {names.ENVIRONMENT} in it.")
    events = [entry.what for entry in read_events(path)]
    since_start = max((index for index, one in enumerate(events) if isinstance(one, Started)), default=0)
    done = {one.part: one.seconds for one in events if isinstance(one, PartDone)}
    again = {one.part for one in events[since_start:] if isinstance(one, PartDone)}
    stopped = {one.part: one.error for one in events if isinstance(one, Stopped)}
    is_whole_held = is_held(run / names.LOCK)
    folds, allowed = _folds(run), heartbeat.seconds_allowed()
    has_pages = all((folder / names.REPORT).is_file() for folder in (path, *map(run.fold, folds)))
    is_finished = any(isinstance(one, Finished) for one in events[since_start:]) and not is_whole_held and has_pages
    parts: list[PartStatus] = []
    for name in (*BEFORE, *(f"fold {fold}" for fold in folds), *AFTER):
        fold = int(name.removeprefix("fold ")) if name.startswith("fold ") else None
        is_done = is_finished or (name in again if fold is None else (run.fold(fold) / names.DONE).is_file())
        if is_done:
            parts.append(PartStatus(name, "done", seconds=done.get(name)))
            continue
        is_next = is_whole_held and all(part.state == "done" for part in parts)
        lock = run / names.LOCK if fold is None else run.fold(fold) / names.LOCK
        if is_held(lock) if fold is not None else is_next:
            training = None if fold is None else _training(run.fold(fold) / names.TRAINING)
            who, quiet = who_is_at_work(fingerprint, name), heartbeat.seconds_since(lock)
            is_quiet = quiet is not None and quiet > allowed
            parts.append(
                PartStatus(name, "running", who=who, training=training, quiet_seconds=quiet if is_quiet else None)
            )
        elif name in stopped:
            log = _last_lines(run / names.LOGS, fold) if fold is not None else ()
            parts.append(
                PartStatus(
                    name,
                    "stopped",
                    reason=f"by {BY_A_SIGNAL if stopped[name] == KeyboardInterrupt.__name__ else stopped[name]}",
                    log=log,
                )
            )
        elif (who := who_is_at_work(fingerprint, name)) is not None:
            parts.append(PartStatus(name, "stopped", who=who, reason="and was ended without a word"))
        else:
            parts.append(PartStatus(name, "waiting"))
    return RunStatus(path.name, tuple(parts), is_finished, _epochs(run), (run / names.JOBS).is_dir())


def _folds(run: RunFolder) -> tuple[int, ...]:
    path = run / names.FOLDS
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return tuple(sorted({int(row["fold"]) for row in csv.DictReader(stream) if (row.get("fold") or "").isdigit()}))


def _training(folder: Path) -> TrainingSeen | None:
    """What the newest state of a fold's networks says."""
    states = sorted(folder.rglob("state-*.json"), key=lambda path: path.stat().st_mtime)
    for state in reversed(states):
        try:
            history = json.loads(state.read_bytes())["progress"]["history"]
            seconds = [float(row["seconds"]) for row in history]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if seconds:
            return TrainingSeen(state.parent.name, len(seconds), sum(seconds) / len(seconds))
    return None


def _epochs(run: RunFolder) -> int | None:
    return read_study(run.path).epochs


def _last_lines(folder: Path, fold: int) -> tuple[str, ...]:
    """The end of the newest log of a fold, where a job scheduler wrote one."""
    logs = sorted(folder.glob(f"fold-*_{fold}.log"), key=lambda path: path.stat().st_mtime)
    if not logs:
        return ()
    text = logs[-1].read_bytes()[-4096:].decode("utf-8", errors="replace")
    return tuple(line for line in text.splitlines() if line.strip())[-LOG_LINES:]


def duration(seconds: float) -> str:
    """A time as people say it: in seconds, minutes or hours."""
    if seconds < SECONDS_A_MINUTE:
        return f"{seconds:.0f} s"
    if seconds < SECONDS_AN_HOUR:
        return f"{seconds / SECONDS_A_MINUTE:.0f} min"
    return f"{seconds / SECONDS_AN_HOUR:.1f} h"
