"""A run in TensorBoard and MLflow: read by their own libraries, the numbers are those of the run folder."""

from __future__ import annotations

import builtins
import csv
import json
import platform
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medtl.errors import IntegrityFailure
from medtl.record.curves import read_curves
from medtl.training.checkpoint import CheckpointFolder

pytestmark = pytest.mark.usefixtures("own_places", "without_pages")

Medtl = Callable[..., Any]
Numbers = dict[tuple[str, str], dict[str, list[tuple[int, float]]]]
"""(part of the run, model) -> name -> (step, value) in order."""

EPOCHS = 2
STOPPED_AFTER = EPOCHS + 1
"""States that are saved before the run is stopped: the first fold is whole, the second has an epoch."""


@pytest.fixture(scope="module")
def stopped(
    tmp_path_factory: pytest.TempPathFactory, own_places: None, without_pages: None, new_cohort: Callable[[Path], Any],
    medtl: Medtl,
) -> tuple[Path, Path]:  # fmt: skip
    """A study, and its run that was stopped in the second fold."""
    folder = tmp_path_factory.mktemp("stopped")
    study = new_cohort(folder / "data").write(
        adaptation={"policy": ["full"]}, recipe={"epochs": EPOCHS, "batch_size": 8},
        controls={"permutations": 0, "thumbnail": False, "border_only": False},
    )  # fmt: skip
    save, saved = CheckpointFolder.save, []

    def save_and_stop(*state: Any) -> None:
        save(*state)
        saved.append(state)
        if len(saved) == STOPPED_AFTER:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointFolder, "save", save_and_stop)
        assert medtl("run", study, "--out", folder / "run").code == 4
    return study, folder / "run"


@pytest.fixture(scope="module")
def before(stopped: tuple[Path, Path], medtl: Medtl) -> dict[str, Any]:
    """What was exported from the stopped run, of each kind that can be exported here."""
    _, run = stopped
    found: dict[str, Any] = {"curves": read_curves(run / "fold_1")}
    for kind, read in READERS.items():
        if find_spec(kind) is not None:
            done = medtl("export", run, f"--{kind}", run.parent / kind)
            assert done.code == 0, done.err
            found[kind] = read(run.parent / kind)
    return found


@pytest.fixture(scope="module")
def finished(stopped: tuple[Path, Path], before: dict[str, Any], medtl: Medtl) -> Path:
    """The same run, finished."""
    study, run = stopped
    done = medtl("run", study, "--out", run, "--resume")
    assert done.code == 0, done.err
    return run


def in_tensorboard(folder: Path) -> Numbers:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Numbers = {}
    for part in {path.parent for path in folder.rglob("*tfevents*")}:
        events = EventAccumulator(str(part))
        events.Reload()
        found[part.parent.name, part.name] = {
            name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]
        }
    return found


def in_mlflow(folder: Path) -> Numbers:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = (one for one in client.search_experiments() if one.name == "tiny")
    return {
        (one.data.params["fold"], one.data.params["model"]): {
            name: sorted((each.step, each.value) for each in client.get_metric_history(one.info.run_id, name))
            for name in one.data.metrics
        }
        for one in client.search_runs([experiment.experiment_id])
        if "fold" in one.data.params
    }


READERS: dict[str, Callable[[Path], Numbers]] = {"tensorboard": in_tensorboard, "mlflow": in_mlflow}


def in_the_run(run: Path) -> Numbers:
    """What history.csv and metrics.json say, read without medtl."""
    found: Numbers = {}
    for fold in (0, 1):
        with (run / f"fold_{fold}" / "history.csv").open(newline="") as stream:
            for row in csv.DictReader(stream):
                model, epoch = row.pop("model"), int(row.pop("epoch"))
                numbers = found.setdefault((f"fold_{fold}", model), {})
                for name, cell in row.items():
                    numbers.setdefault(f"epochs/{name}", []).append((epoch, float(cell)))
        for one in json.loads((run / f"fold_{fold}" / "metrics.json").read_text())["models"]:
            found.setdefault((f"fold_{fold}", one["model"]), {}).update(ends(one["patient"]["metrics"]))
    for one in json.loads((run / "metrics.json").read_text())["models"]:
        found["out_of_fold", one["model"]] = ends(one["patient"]["pooled"]["metrics"])
    return found


def ends(metrics: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    named = {
        f"metrics/{name}{end}": one[key]
        for name, one in metrics.items()
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return {name: [(0, value)] for name, value in named.items() if value is not None}


def rounded(numbers: Numbers) -> Numbers:
    """As single floats, which TensorBoard keeps."""
    return {
        series: {name: [(step, float(np.float32(value))) for step, value in points] for name, points in named.items()}
        for series, named in numbers.items()
    }


def test_the_curves_of_a_fold_that_trains_are_those_of_its_states_and_later_of_its_history(
    stopped: tuple[Path, Path], before: dict[str, Any], finished: Path
) -> None:
    (running,) = before["curves"]
    assert (running.model, len(running.epochs)) == ("full", 1)
    (whole,) = read_curves(finished / "fold_1")
    assert whole.epochs[:1] == running.epochs, "to the last digit"
    assert len(whole.epochs) == EPOCHS


@pytest.mark.parametrize("kind", READERS)
def test_a_run_is_followed_and_in_the_end_every_number_is_that_of_the_run_folder(
    kind: str, before: dict[str, Any], finished: Path, medtl: Medtl
) -> None:
    pytest.importorskip(kind, reason=f"needs medtl[{kind}]")
    first = before[kind]
    assert {part for part, _ in first} == {"fold_0", "fold_1"}
    assert len(first["fold_1", "full"]["epochs/training_loss"]) == 1
    for _ in range(2):  # given again, nothing is doubled
        done = medtl("export", finished, f"--{kind}", finished.parent / kind)
        assert done.code == 0, done.err
    found, expected = READERS[kind](finished.parent / kind), in_the_run(finished)
    assert found == (rounded(expected) if kind == "tensorboard" else expected)
    assert len(found["fold_1", "full"]["epochs/validation_loss"]) == EPOCHS
    assert {"metrics/auroc", "metrics/auroc_low", "metrics/auroc_high"} <= set(found["out_of_fold", "full"])
    assert medtl("verify", finished).code == 0, "the run folder is as it was"


@pytest.mark.parametrize("kind", READERS)
def test_no_case_no_patient_no_folder_and_no_machine_is_written(
    kind: str, finished: Path, medtl: Medtl, tmp_path: Path
) -> None:
    pytest.importorskip(kind, reason=f"needs medtl[{kind}]")
    assert medtl("export", finished, f"--{kind}", tmp_path / "out").code == 0
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert files
    with (finished / "predictions.csv").open(newline="") as stream:
        cases = {row[name] for row in csv.DictReader(stream) for name in ("case_id", "patient_id")}
    for words in (*cases, "Meier", "Befund", str(finished.parent), str(tmp_path), str(Path.home()), platform.node()):
        assert not [path.name for path in files if words.encode() in path.read_bytes()], words
        assert not [path for path in files if words in path.relative_to(tmp_path / "out").as_posix()], words


WATCHED = """
import sys
from pathlib import Path
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with Path(LOG).open("a") as stream:
            stream.write(f"{event} {arguments[-1]}\\n")
sys.addaudithook(watch)
from medtl.cli import main
main()
"""
"""The command, which writes down whatever tries to reach a network."""


@pytest.mark.parametrize("kind", READERS)
def test_no_connection_is_opened(kind: str, finished: Path, tmp_path: Path) -> None:
    pytest.importorskip(kind, reason=f"needs medtl[{kind}]")
    log = tmp_path / "connections.txt"
    done = subprocess.run(
        [sys.executable, "-c", f"LOG = {str(log)!r}{WATCHED}", "export", finished, f"--{kind}", tmp_path / "out"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not log.exists(), log.read_text()


def test_event_files_are_the_same_bytes_whenever_they_are_written(finished: Path, medtl: Medtl, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs medtl[tensorboard]")
    for out in ("first", "second"):
        assert medtl("export", finished, "--tensorboard", tmp_path / out).code == 0
    first, second = (
        {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*tfevents*")}
        for out in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize("kind", READERS)
def test_another_run_of_the_same_name_is_refused(kind: str, finished: Path, medtl: Medtl, tmp_path: Path) -> None:
    pytest.importorskip(kind, reason=f"needs medtl[{kind}]")
    assert medtl("export", finished, f"--{kind}", tmp_path).code == 0
    if kind == "mlflow":
        with sqlite3.connect(tmp_path / "mlflow.db") as database:
            database.execute("update metrics set value = value + 1 where key = 'epochs/training_loss'")
    else:
        (path,) = tmp_path.rglob("fold_0/full/*epochs")
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    done = medtl("export", finished, f"--{kind}", tmp_path)
    assert done.code == 2
    assert "already with other numbers (fold_0, full" in done.err
    assert "Give another folder" in done.err


@pytest.mark.parametrize("kind", READERS)
def test_without_the_library_it_is_said_how_to_install_it(
    kind: str, stopped: tuple[Path, Path], medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any, **also: Any) -> Any:
        if name.split(".")[0] == kind:
            raise ModuleNotFoundError(name)
        return imported(name, *rest, **also)

    monkeypatch.setattr(builtins, "__import__", without)
    done = medtl("export", stopped[1], f"--{kind}", tmp_path / "out")
    assert done.code == 2
    assert f"which is not installed here. Install it with pip install 'medtl[{kind}]'." in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Say what to write: --tensorboard FOLDER, --mlflow FOLDER or both."),
        (("--tensorboard", "{run}/tb"), "tb lies in the run folder, which holds what the run published and nothing"),
    ],
)
def test_what_cannot_be_exported_is_said(
    words: tuple[str, ...], message: str, stopped: tuple[Path, Path], medtl: Medtl
) -> None:
    done = medtl("export", stopped[1], *(word.format(run=stopped[1]) for word in words))
    assert done.code == 2
    assert message in done.err


def test_a_folder_without_a_run_cannot_be_exported(medtl: Medtl, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = medtl("export", tmp_path / "empty", "--tensorboard", tmp_path / "tb")
    assert done.code == 2
    assert "empty holds no run that was begun: there is no environment.json in it." in done.err


def test_a_history_with_a_cell_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fold_0").mkdir()
    (tmp_path / "fold_0" / "history.csv").write_text("model,epoch,training_loss,validation_loss\nfull,0,low,0.5\n")
    with pytest.raises(IntegrityFailure, match=r"fold_0/history\.csv holds a cell that is no number"):
        read_curves(tmp_path / "fold_0")


def test_a_run_writes_no_event_that_its_page_does_not_describe(finished: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.*) ?\|$", page.split("## events.jsonl")[1].split("\n## ")[0], flags=re.M)
    described = {event: {"at", "event", *re.findall(r"`(\w+)`", words)} for event, words in rows}
    written = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines()]
    assert {one["event"] for one in written} == {"started", "did", "stopped", "finished"} <= set(described)
    for one in written:
        assert set(one) <= described[one["event"]], one
