"""A worker process that hangs: stopped by its parent, with the fold named and no other one harmed."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from medtl import heartbeat
from medtl.errors import ConfigurationError, ResourceExhausted
from medtl.record.run_folder import RunFolder
from medtl.study import workers
from medtl.study.workers import WorkerSettings, work_in_processes, workers_of

SECONDS = 8.0
"""For which a worker may be quiet here: long enough for Python to start on a busy machine."""

pytestmark = pytest.mark.usefixtures("own_places")

WORKER = """
import sys, threading, time
from pathlib import Path
from medtl import heartbeat
from medtl.locks import is_held
from medtl.record.at_work import at_work
from medtl.record.run_folder import RunFolder

run, sign, hangs = RunFolder(Path(sys.argv[4])), Path(sys.argv[-1]), Path(sys.argv[4]).parent / "hangs"

def beat_by_the_clock():
    while True:
        heartbeat.beat()
        time.sleep(0.05)

threading.Thread(target=beat_by_the_clock, daemon=True).start()
number = int(sign.name)
with heartbeat.signing(sign), run.held_fold(number), at_work("abc", f"fold {number}"):
    for _ in range(20):
        time.sleep(0.1)
        heartbeat.beat()
    if str(number) in hangs.read_text():
        time.sleep(600)
    other = run.fold(1) / ".lock"
    while not other.exists() or is_held(other):  # at work for longer than anybody may be quiet
        time.sleep(0.1)
        heartbeat.beat()
    run.finish_fold(number)
"""
"""A worker that finishes a batch every 0.1 s; where it is to hang, a thread of its own runs on."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of two folds, whose workers are processes that only seem to train."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    stub = tmp_path / "python"
    stub.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(workers.sys, "executable", str(stub))
    monkeypatch.setattr(workers, "SECONDS_TO_STOP_STALLED", 5.0)
    monkeypatch.setenv(heartbeat.VARIABLE, str(SECONDS / 60))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    return run


def test_a_worker_that_hangs_is_stopped_with_5_and_the_other_one_finishes_its_fold(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path.parent / "hangs").write_text("1")
    with pytest.raises(ResourceExhausted) as caught:
        work_in_processes(run, [0, 1], [WorkerSettings("cpu")] * 2)
    assert run.finished_folds() == (0,), "at work until the other one was stopped"
    said = str(caught.value)
    assert said.startswith("fold 1: no progress for ")
    assert "so its worker process was stopped. Fold 1 is not finished, the others are kept: run again with" in said
    assert "set MEDTL_STALLED_MINUTES to more minutes" in said
    assert re.search(r"fold 1: no progress for \d+ s; its worker process is stopped\.", capsys.readouterr().err)
    with run.held_fold(1):
        pass  # nobody holds it any more


@pytest.mark.parametrize("written", ["0", "-3", "many", "nan"])
def test_minutes_that_are_no_number_above_0_are_refused_before_any_work(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(heartbeat.VARIABLE, written)
    message = f"MEDTL_STALLED_MINUTES is a number of minutes above 0, such as 60; got '{written}'"
    with pytest.raises(ConfigurationError, match=message):
        workers_of(processes=2, gpus=None)
