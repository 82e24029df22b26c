"""How far a run has come: asked while it works, after it was killed, and when it is done; never by its locks' cost."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medtl.locks import exclusive, is_held
from medtl.record.at_work import at_work, who_is_at_work
from medtl.record.run_folder import RunFolder
from medtl.record.run_status import RunStatus, status_of

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


def states(found: RunStatus) -> dict[str, str]:
    return {part.name: part.state for part in found.parts}


def watched(out: Path, process: Any, wanted: Callable[[RunStatus], bool]) -> RunStatus:
    """The first status of which this is true; the process works meanwhile."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "environment.json").is_file():
            found = status_of(out)
            if wanted(found):
                return found
        time.sleep(0.02)
    raise AssertionError(f"never seen; {process.communicate()}")


def text_of(run: Path) -> str:
    files = (path for path in run.rglob("*") if path.is_file() and path.suffix not in (".safetensors", ".png"))
    return "\n".join(path.read_text(errors="replace") for path in files)


def test_a_run_is_followed_killed_and_finished(
    new_cohort: Callable[[Path], Any], medtl_process: Callable[..., Any], medtl: Medtl, tmp_path: Path
) -> None:
    study = new_cohort(tmp_path / "data").write(
        folds={"count": 2, "seed": 7}, adaptation={"policy": ["full"]}, recipe={"epochs": 6, "batch_size": 8}
    )
    out = tmp_path / "run"
    process = medtl_process("run", study, "--out", out)
    seen = watched(out, process, lambda found: any(part.training for part in found.parts))
    assert states(seen) == {
        "preparation": "done", "features": "done", "fold 0": "running", "fold 1": "waiting", "controls": "waiting",
        "saliency checks": "waiting", "metrics and pages": "waiting",
    }  # fmt: skip
    (running,) = (part for part in seen.parts if part.state == "running")
    assert running.who is not None
    assert (running.who.host, running.who.process) == (platform.node(), process.pid)
    assert running.training is not None
    assert (running.training.model, seen.epochs) == ("full", 6)
    assert seen.lines[0] == "run: 2 of 7 parts are done; now at work: fold 0."
    assert f"on {platform.node()} (process {process.pid}); full: epoch {running.training.epochs} of 6 is done" in (
        "\n".join(seen.lines)
    )
    assert platform.node() not in text_of(out), "a run folder never names a machine"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = status_of(out)
    assert states(killed)["fold 0"] == "stopped"
    assert killed.lines[0] == "run: 2 of 7 parts are done; nobody works on it now: go on with --resume."
    assert "and was ended without a word" in "\n".join(killed.lines)
    assert medtl("run", study, "--out", out, "--resume").code == 0
    done = medtl("status", out)
    assert done.out.startswith("run is finished.\n")
    assert set(states(status_of(out)).values()) == {"done"}
    assert who_is_at_work("whoever", "fold 0") is None
    assert medtl("status", out, "--watch").code == 0, "who watches a finished run is not kept waiting"


def test_a_part_that_was_refused_is_stopped_and_told_with_the_end_of_its_log(
    new_cohort: Callable[[Path], Any], medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    study = new_cohort(tmp_path / "data").write(folds={"count": 2, "seed": 7})
    assert medtl("run", study, "--out", out, "--prepare-only").code == 0

    def refused(*_given: object, **_named: object) -> None:
        raise MemoryError

    monkeypatch.setattr("medtl.study.opened.run_fold", refused)
    assert medtl("fold", out, "--fold", 1).code == 5
    (out / "logs").mkdir()
    (out / "logs" / "fold-77_1.log").write_text("\n".join(f"line {n}" for n in range(9)))
    told = medtl("status", out).out
    assert "  stopped  fold 1           by MemoryError\n             | line 4\n" in told
    assert "             | line 8" in told
    assert "  waiting  fold 0" in told
    names_a_fold_without_progress_and_leaves_one_at_work_alone(out, medtl, monkeypatch)


def names_a_fold_without_progress_and_leaves_one_at_work_alone(
    out: Path, medtl: Medtl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(out)
    lock = run.fold(0) / ".lock"
    lock.parent.mkdir()
    with exclusive(lock, refusal="no"), run.held_fold(1):
        os.utime(lock, (time.time() - 31 * 60,) * 2)
        found = medtl("status", out).out
        assert "fold 0: no progress for 31 min. It may hang: stop its process, and go on with --resume.\n" in found
        assert "fold 1: no progress" not in found
        with pytest.MonkeyPatch.context() as patch, at_work(run.fingerprint() or "", "fold 0"):
            os.utime(lock, (time.time() - 31 * 60,) * 2)
            assert "It is locked from" not in medtl("status", out).out
            patch.setattr(platform, "node", lambda: "another")
            found = medtl("status", out).out
            gone = f"(process {os.getpid()}): if that machine is gone and the lock stays, remove run/fold_0/.lock."
            assert gone in found, "a file server may keep the lock of a machine that does not come back"
        monkeypatch.setenv("MEDTL_STALLED_MINUTES", "40")
        assert "no progress" not in medtl("status", out).out
        monkeypatch.delenv("MEDTL_STALLED_MINUTES")
    assert "no progress" not in medtl("status", out).out, "nobody is at work there"


def test_the_job_of_a_scheduler_is_named_and_forgotten_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "41")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    with at_work("abc", "fold 3"):
        found = who_is_at_work("abc", "fold 3")
        assert found is not None
        assert found.job == "41_3"
    assert who_is_at_work("abc", "fold 3") is None


def test_looking_at_a_lock_never_refuses_who_wants_it(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    assert not is_held(lock)
    for _ in range(3):
        with exclusive(lock, refusal="no"):
            assert is_held(lock)
        assert not is_held(lock)


def test_a_folder_without_a_run_is_refused(medtl: Medtl, tmp_path: Path) -> None:
    done = medtl("status", tmp_path)
    assert done.code == 2
    assert "holds no run that was begun: there is no environment.json in it" in done.err
