"""A run on two processes, killed at random instants and in the middle of writes: it ends in the same bytes.

`TEST_KILLS=30` in the environment kills so many times, and another `TEST_SEED` at other instants; `pytest -s` says at
which. Every third kill is in the middle of a write: of a kind of files that is drawn first, then of one of them.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from disturbing import Disturbed

from medtl.record.run_seal import verified

pytestmark = pytest.mark.usefixtures("own_places")

KILLS = int(os.environ.get("TEST_KILLS", "2"))
A_WRITE = 3
"""Every so manieth kill is in the middle of a write."""

Medtl = Callable[..., Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any]) -> Path:
    return new_cohort(tmp_path_factory.mktemp("killed-workers") / "data").write(
        adaptation={"policy": ["lp_ft"]},
        recipe={"epochs": 2, "batch_size": 8},
        controls={"permutations": 3, "thumbnail": False, "border_only": False},
        saliency={"checks": True, "cases_per_fold": 2},
    )


class Killings:
    """Runs on two processes, one after the other, and what ended them."""

    def __init__(self, study: Path, folder: Path, medtl: Medtl) -> None:
        self._study, self._folder, self._medtl = study, folder, medtl
        self.rounds, self.told, self.lasts = 0, list[str](), math.inf
        self.begin_anew()

    def begin_anew(self) -> None:
        """The next run starts with an empty cache."""
        self.rounds += 1
        self.one = Disturbed(self._study, self._folder / f"{self.rounds}", self._medtl)
        self.one.disk.mkdir(parents=True)
        shutil.rmtree(self._folder / f"{self.rounds - 1}", ignore_errors=True)

    def start(self, *, disturb: str = "") -> BaseProcess:
        """The command in a process of its own, which leads a group that its workers belong to."""

        def work() -> None:
            os.setpgid(0, 0)
            os._exit(self.one.do("--processes", 2, "--resume", disturb=disturb))

        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        return process

    def ended(self, process: BaseProcess) -> int:
        """Its exit code, once its workers have ended too."""
        process.join(1800)
        assert process.exitcode is not None
        deadline = time.monotonic() + 600
        while (left := members(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, "no worker outlives its parent"
        return process.exitcode

    def kill_within(self, name: str) -> None:
        """Have the process that writes this file end in the middle of it."""
        code = self.ended(self.start(disturb=name))
        assert self.one.was_disturbed, f"{name} was not written again"
        self._note(f"within {name}", code)

    def kill_after(self, seconds: float, chance: random.Random) -> bool:
        """End the parent or one of its workers after so long; no, where the run has finished before."""
        began, process = time.monotonic(), self.start()
        process.join(seconds)
        if process.exitcode is not None:
            assert self.ended(process) == 0, self.one.said
            self.lasts = min(self.lasts, time.monotonic() - began)
            return False
        found = [one for one in members(process.pid) if one != process.pid]
        victim = chance.choice(found) if found and chance.random() < 0.5 else process.pid
        assert victim is not None
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        who = "the parent" if victim == process.pid else f"one of {len(found)} workers"
        self._note(f"{who} after {seconds:.1f} s", self.ended(process))
        return True

    def _note(self, what: str, code: int) -> None:
        log = self.one.run / "events.jsonl"
        lines = log.read_text().splitlines() if log.is_file() else []
        parts = [line.partition('"part": "')[2].partition('"')[0] for line in lines if '"did"' in line]
        self.told.append(f"run {self.rounds}: {what}, exit code {code}; done: {', '.join(dict.fromkeys(parts))}")
        assert code in (0, 5, -signal.SIGKILL), self.one.said


def members(group: int | None) -> list[int]:
    """The living processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of = path.read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.append(int(path.parent.name))
    return found


def kind_of(name: str) -> str:
    """Of a write, by the stage to which it belongs."""
    kinds = {
        "log": ": " in name,
        "cache": name.startswith("cache"),
        "state": "/training/" in name,
        "page": Path(name).suffix == ".html" or "/figures/" in name or "/tables/" in name,
        "fold": "/fold_" in name,
    }
    return next((kind for kind, is_so in kinds.items() if is_so), "run")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_at_any_instant_a_run_on_two_processes_ends_in_the_bytes_of_one_that_was_not(
    study: Path, medtl: Medtl, tmp_path: Path
) -> None:
    chance = random.Random(f"{os.environ.get('TEST_SEED', '')}|killed workers")
    killings = Killings(study, tmp_path, medtl)
    began = time.monotonic()
    assert killings.one.do() == 0, killings.one.said
    killings.lasts = time.monotonic() - began
    undisturbed, writes = killings.one.contents(), killings.one.seen

    killings.begin_anew()
    kills = compared = 0
    while kills < KILLS or killings.one.run.exists():
        fresh = sorted(writes - killings.one.seen)
        if kills == KILLS:
            assert killings.ended(killings.start()) == 0, killings.one.said
        elif kills % A_WRITE == 0 and fresh:
            kind = chance.choice(sorted({kind_of(name) for name in fresh}))
            killings.kill_within(chance.choice([name for name in fresh if kind_of(name) == kind]))
            kills += 1
            continue
        elif killings.kill_after(chance.uniform(0, killings.lasts), chance):
            kills += 1
            continue
        ended = killings.one.contents()
        assert sorted(ended) == sorted(undisturbed)
        assert [name for name in undisturbed if ended[name] != undisturbed[name]] == [], killings.told
        assert "is whole" in verified(killings.one.run)
        compared += 1
        killings.begin_anew()
    print(*killings.told, f"{kills} kills, {compared} runs compared, {killings.lasts:.1f} s undisturbed", sep="\n")
    assert compared
