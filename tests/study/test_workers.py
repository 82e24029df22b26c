"""One run on several processes: the same bytes as on one, whoever is killed, and no fold worked on twice."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_bytes import same

from medtl.errors import ConfigurationError
from medtl.record.events import PartDone, read_events
from medtl.record.provenance import read_provenance
from medtl.study.workers import workers_of

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., Any]
Start = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def plain(
    tmp_path_factory: pytest.TempPathFactory, own_places: None, new_cohort: Callable[[Path], Any], medtl: Medtl
) -> tuple[Path, Path]:
    """A study of three folds, and its run in one process."""
    folder = tmp_path_factory.mktemp("workers")
    study = new_cohort(folder / "data").write(
        folds={"count": 3, "seed": 7}, adaptation={"policy": ["lp_ft"]}, recipe={"epochs": 4, "batch_size": 8}
    )
    done = medtl("run", study, "--out", folder / "run")
    assert done.code == 0, done.err
    return study, folder / "run"


def test_two_processes_give_the_bytes_of_one_and_say_what_they_do(
    plain: tuple[Path, Path], medtl: Medtl, tmp_path: Path
) -> None:
    study, run = plain
    done = medtl("run", study, "--out", tmp_path / "run", "--processes", 2)
    assert done.code == 0, done.err
    same(tmp_path / "run", run)
    assert "2 worker processes share 3 folds. Each computes with OMP_NUM_THREADS=1: one process" in done.err
    for fold in range(3):
        assert f"fold {fold}, lp_ft: epoch 4 of 4" in done.err
        assert f"Fold {fold} of run is finished." in done.err
    worked = [one.what.part for one in read_events(tmp_path / "run") if isinstance(one.what, PartDone)]
    assert sorted(part for part in worked if part.startswith("fold")) == ["fold 0", "fold 1", "fold 2"]
    assert set(read_provenance(tmp_path / "run").seconds) == set(read_provenance(run).seconds)


def test_folds_one_by_one_as_a_job_array_does_them_end_in_the_same_bytes(
    plain: tuple[Path, Path], medtl: Medtl, tmp_path: Path
) -> None:
    study, run = plain
    out = tmp_path / "run"
    prepared = medtl("run", study, "--out", out, "--prepare-only")
    assert prepared.code == 0, prepared.err
    assert prepared.out.strip() == str(out)
    assert "run is prepared: its folds are 0, 1, 2." in prepared.err
    assert not (out / "predictions.csv").exists()
    for fold in (2, 0):
        done = medtl("fold", out, "--fold", fold)
        assert done.code == 0, done.err
        assert done.out.strip() == str(out / f"fold_{fold}")
    assert medtl("fold", out, "--fold", 0).out == "", "a finished fold is left as it is"
    rest = medtl("fold", out)
    assert rest.out.strip() == str(out / "fold_1")
    closed = medtl("run", study, "--out", out, "--resume")
    assert closed.code == 0, closed.err
    same(out, run)


def until(found: Callable[[], bool], process: Any) -> None:
    deadline = time.monotonic() + 600
    while not found() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.slow
def test_kills_of_workers_and_of_the_parent_leave_a_run_that_goes_on(
    plain: tuple[Path, Path], medtl_process: Start, medtl: Medtl, no_pages: None, tmp_path: Path
) -> None:
    """One run is ended three times, each time when a network has come one epoch further."""
    study, run = plain
    out = tmp_path / "run"
    for turn, who in enumerate(("the workers", "the parent", "stopped")):
        seen = len(states(out))
        process = medtl_process("run", study, "--out", out, "--processes", 2, *["--resume"] * (turn > 0))
        until(lambda seen=seen: len(states(out)) > seen, process)
        workers = children_of(process.pid)
        assert workers, process.communicate()[1]
        if who == "the workers":  # one alone may have no fold yet, and the other then does them all
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGKILL if who == "the parent" else signal.SIGTERM)
        _, said = process.communicate(timeout=600)
        if who == "the workers":
            assert process.returncode == 5
            assert "A worker process was ended from outside (signal 9), most often because memory ran out." in said
            assert "not finished, the others are kept: run again with --resume" in said
        elif who == "stopped":
            assert process.returncode == 4
        until(lambda workers=workers: not any(map(is_alive, workers)), started_never())
        assert not any(map(is_alive, workers)), "no worker outlives its parent"
    done = medtl("run", study, "--out", out, "--resume")
    assert done.code == 0, done.err
    same(out, run)


def states(out: Path) -> set[str]:
    """The epochs whose states were seen, and the folds that are finished."""
    found = {path.as_posix() + path.read_text()[:200] for path in out.glob("fold_*/training/*/state-*.json")}
    return found | {path.as_posix() for path in out.glob("fold_*/DONE.json")}


class started_never:
    """Stands for a process that does not end."""

    def poll(self) -> None:
        return None


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if "--as-worker" in Path(f"/proc/{one}/cmdline").read_text()]


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.is_file() and status.read_text().split(")")[1].split()[0] != "Z"


def test_a_worker_that_refuses_ends_the_run_with_its_own_code_and_keeps_the_other_folds(
    plain: tuple[Path, Path], medtl: Medtl, tmp_path: Path
) -> None:
    study, run = plain
    out = tmp_path / "run"
    shutil.copytree(run, out)
    shutil.rmtree(out / "fold_1")
    shutil.rmtree(out / "fold_2")
    (out / "fold_1").write_text("a file where a folder belongs")
    done = medtl("run", study, "--out", out, "--processes", 2, "--resume")
    assert done.code != 0
    assert "A worker process ended with the message above." in done.err
    assert "run again with --resume" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--processes", "0"), "--processes is 1 or more; got 0."),
        (("--processes", "2", "--gpus", "1"), "--processes is for the processor and --gpus for GPUs: give one"),
        (("--processes", "2", "--device", "cuda:1"), "--processes is for the processor, and --device is cuda:1: give"),
        (
            ("--gpus", "1", "--device", "cpu"),
            "--gpus takes the GPUs in their order, and --device is cpu: leave it out.",
        ),
        (("--gpus", "many"), "--gpus takes a number or all; got 'many'."),
        (("--gpus", "3"), "--gpus 3 was asked for, and torch sees 0 GPUs. Run medtl doctor"),
        (("--gpus", "all"), "--gpus all was asked for, and torch sees 0 GPUs."),
    ],
)
def test_places_that_are_not_there_are_refused_before_anything_is_read(
    words: tuple[str, ...], message: str, plain: tuple[Path, Path], medtl: Medtl, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    done = medtl("run", plain[0], "--out", tmp_path / "run", *words)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "run").exists()


def test_each_worker_sees_one_of_the_gpus_that_the_job_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [dict(one.variables) for one in workers_of(processes=None, gpus=2)] == [
        {"CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": "1"},
    ]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-77,2")
    found = workers_of(processes=None, gpus="all")
    assert [dict(one.variables)["CUDA_VISIBLE_DEVICES"] for one in found] == ["5", "GPU-77", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    found = workers_of(processes=None, gpus="all")
    assert [dict(one.variables)["CUDA_VISIBLE_DEVICES"] for one in found] == ["MIG-a", "MIG-b"]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-77,2")
    with pytest.raises(ConfigurationError, match="--gpus 4 was asked for, and torch sees 3 GPUs"):
        workers_of(processes=None, gpus=4)


def test_folds_that_are_not_there_or_not_prepared_are_refused(
    plain: tuple[Path, Path], medtl: Medtl, tmp_path: Path
) -> None:
    _, run = plain
    done = medtl("fold", run, "--fold", 9)
    assert (done.code, "run has no fold 9; it has 0, 1, 2." in done.err) == (2, True)
    done = medtl("fold", tmp_path)
    assert done.code == 2
    assert "holds no run whose folds are drawn. Prepare it with medtl run STUDY --out" in done.err
    shutil.copytree(run, tmp_path / "other")
    text = (tmp_path / "other" / "study.yaml").read_text()
    (tmp_path / "other" / "study.yaml").write_text(text.replace("epochs: 4", "epochs: 3"))
    done = medtl("fold", tmp_path / "other", "--fold", 1)
    assert done.code == 2
    assert "other was prepared with other settings, another manifest, other weights or another medtl" in done.err
