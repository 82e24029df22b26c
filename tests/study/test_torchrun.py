"""One study trained by several processes that torchrun started: the numbers of one, whoever is killed or stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from several_ranks import codes_of, start_ranks

from medtl.predictions import PredictionTable

pytestmark = pytest.mark.usefixtures("own_places", "without_pages")

Medtl = Callable[..., Any]


class Torchrun:
    """The command `medtl` on two processes, and what each of them printed."""

    def __init__(self, medtl: Medtl, folder: Path, words: tuple[object, ...], folders: tuple[Path, ...]) -> None:
        def work(rank: int) -> None:
            if folders:
                os.chdir(folders[rank])
            done = medtl(*words)
            (folder / f"{rank}.out").write_text(done.out)
            (folder / f"{rank}.err").write_text(done.err)
            os._exit(done.code)

        self.folder = folder
        self.processes: list[BaseProcess] = start_ranks(work, world=2)

    @property
    def codes(self) -> list[int | None]:
        """How both ended."""
        return codes_of(self.processes)

    def printed(self, rank: int) -> str:
        """What one of them printed, once it has ended."""
        return (self.folder / f"{rank}.out").read_text() + (self.folder / f"{rank}.err").read_text()


@pytest.fixture
def torchrun(medtl: Medtl, tmp_path: Path) -> Callable[..., Torchrun]:
    def begun(*words: object, folders: tuple[Path, ...] = ()) -> Torchrun:
        return Torchrun(medtl, tmp_path, words, folders)

    return begun


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, new_cohort: Callable[[Path], Any]) -> Path:
    """A study of two folds that fine-tunes."""
    controls = {"permutations": 0, "thumbnail": False, "border_only": False}
    return new_cohort(tmp_path_factory.mktemp("torchrun") / "data").write(
        adaptation={"policy": ["full"]}, recipe={"epochs": 2, "batch_size": 4}, controls=controls, limit_patients=6
    )


def until(found: Callable[[], bool], begun: Torchrun) -> None:
    while not found() and all(one.is_alive() for one in begun.processes):
        time.sleep(0.01)
    assert found(), begun.codes


@pytest.mark.slow
def test_after_a_kill_and_a_stop_two_processes_end_with_the_predictions_of_one(
    study: Path, medtl: Medtl, torchrun: Callable[..., Torchrun], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    killed = torchrun("run", study, "--out", run)
    until(lambda: any(run.glob("fold_0/training/full/state-*.json")), killed)
    began = time.monotonic()
    killed.processes[1].kill()
    assert killed.codes == [5, -signal.SIGKILL]
    assert time.monotonic() - began < 30
    assert "Another process of this training was ended from outside, most often because memory" in killed.printed(0)
    stopped = torchrun("run", study, "--out", run, "--resume")
    until(lambda: any(run.glob("fold_1/training/full/state-*.json")), stopped)
    for process in stopped.processes:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
    assert stopped.codes == [4, 4]
    assert "Stopped. Finished folds and epochs are kept: the same command with --resume goes on." in stopped.printed(0)
    assert stopped.printed(1) == ""
    resumed = torchrun("run", study, "--out", run, "--resume")
    assert resumed.codes == [0, 0], resumed.printed(0)
    assert resumed.printed(1) == "", "the first process prints for all"
    assert not list(run.rglob(".ranks*"))
    alone = medtl("run", study, "--out", tmp_path / "one")
    assert alone.code == 0, alone.err
    one, two = (PredictionTable.read(path / "predictions.csv").rows for path in (tmp_path / "one", run))
    assert one[["case_id", "model", "role"]].equals(two[["case_id", "model", "role"]])
    assert np.abs(one["p_ill"].to_numpy() - two["p_ill"].to_numpy()).max() < 1e-4


def test_processes_that_do_not_see_the_same_folder_end_with_what_to_do(
    study: Path, torchrun: Callable[..., Torchrun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medtl.training.meeting.SECONDS_TO_APPEAR", 0.2)
    folders = (tmp_path / "here", tmp_path / "there")
    for folder in folders:
        folder.mkdir()
    begun = torchrun("run", study, "--out", "run", folders=folders)
    assert begun.codes == [5, 5]
    assert "does not see the run's folder run that the first process writes. Start all of them in" in begun.printed(1)
    assert not (tmp_path / "there" / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--processes", 2), "torchrun shares each fit among its processes, and --processes gives whole folds"),
        (("--gpus", 2), "torchrun shares each fit among its processes, and --gpus gives whole folds to workers: use"),
        (("--prepare-only",), "--prepare-only trains nothing, so that torchrun has nothing to share"),
        (
            ("--set", "adaptation.policy=probe"),
            "trains no network inside of a fold (policies: probe), so that torchrun",
        ),
        (("--device", "cuda:1"), "--device is cuda:1, and torchrun gives a GPU to each process: leave it out"),
    ],
)
def test_what_torchrun_cannot_share_is_refused_once(
    words: tuple[object, ...], message: str, study: Path, torchrun: Callable[..., Torchrun], tmp_path: Path
) -> None:
    begun = torchrun("run", study, "--out", tmp_path / "run", *words)
    assert begun.codes == [2, 2]
    assert message in begun.printed(0)
    assert begun.printed(1) == ""
    assert not (tmp_path / "run").exists()
