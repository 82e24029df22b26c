"""A study small enough to run in seconds, its command line, and places of its own for cache, keys and weights."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from medtl.cli import app

PATIENTS = 24
SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "manifest": "manifest.csv",
    "folds": {"count": 2, "seed": 7},
    "preparation": {"preset": "radiograph", "size_px": [32, 32]},
    "encoder": "resnet10",
    "adaptation": {"policy": "probe"},
    "recipe": {"epochs": 2, "batch_size": 8},
    "explanation": {"cases_of_each_kind": 1},
    "resamples": 100,
    "saliency": {"checks": False},
}
"""Maps are checked where a test is about whole runs, on real radiographs and in the README's studies."""


ONE_THREAD = "import torch; torch.set_num_threads(1)"
NO_TORCH = """
import sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "monai"):
            raise ImportError(name + " is not to be imported here")
sys.meta_path.insert(0, Guard())
"""


@dataclass(frozen=True)
class Told:
    """What the command said, and its exit code."""

    code: int
    out: str
    err: str


@dataclass
class Tiny:
    """A cohort on disk: 24 patients with a scan of 32 x 32 px each, noise, and a bright blob in every second one."""

    folder: Path
    rows: list[dict[str, str]] = field(default_factory=list)

    def draw(self, name: str, *, number: int) -> None:
        """A scan of the class that `number` has: odd is ill."""
        Image.fromarray(blob(number)).save(self.folder / name)

    def write(self, **settings: Any) -> Path:
        """Write the manifest and a study with these settings changed; gives the study's path."""
        with (self.folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        study = self.folder / "study.yaml"
        study.write_text(yaml.safe_dump(SETTINGS | settings, sort_keys=False), encoding="utf-8")
        return study


def blob(number: int) -> np.ndarray:
    pixels = np.random.default_rng(number).integers(0, 120, (32, 32)).astype(np.uint8)
    pixels[8:20, 8:20] += 100 * (number % 2)
    return pixels


def new_tiny(folder: Path) -> Tiny:
    tiny = Tiny(folder)
    (folder / "scans").mkdir(parents=True)
    for number in range(PATIENTS):
        image = f"scans/Aufnahme-{number:02d}.png"
        tiny.draw(image, number=number)
        label = ("well", "ill")[number % 2]
        tiny.rows.append(
            {"case_id": f"Befund-{number:02d}", "patient_id": f"Meier-{number:02d}", "image": image, "label": label}
        )
    return tiny


def ask(*words: object) -> Told:
    """Give the command to medtl in this process."""
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return Told(done.exit_code, done.stdout, done.stderr)


def start(*words: object, before: str = "") -> subprocess.Popen[str]:
    """Give the command to medtl in a process of its own, after a line of Python."""
    code = f"{before}\nfrom medtl.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's is read or written; one thread, since on a busy machine several wait for each other."""
    folder, threads = tmp_path_factory.mktemp("places"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "HOME", "WEIGHTS"):
            patch.setenv(f"MEDTL_{name}", str(folder / name.lower()))
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def without_pages() -> Iterator[None]:
    """Runs that write no pages, for questions that no page answers; drawing takes half of a tiny run."""
    from medtl import report

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "write_reports", lambda *_run, **_how: [])
        yield


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `without_pages`, for one test beside others that read pages."""
    from medtl import report

    monkeypatch.setattr(report, "write_reports", lambda *_run, **_how: [])


@pytest.fixture(scope="session")
def medtl() -> Callable[..., Told]:
    """The command `medtl`, in this process."""
    return ask


@pytest.fixture(scope="session")
def medtl_process() -> Callable[..., subprocess.Popen[str]]:
    """The command `medtl`, in a process of its own with one thread."""

    def started(*words: object) -> subprocess.Popen[str]:
        return start(*words, before=ONE_THREAD)

    return started


@pytest.fixture(scope="session")
def medtl_without_torch() -> Callable[..., subprocess.Popen[str]]:
    """The command `medtl`, in a process where importing torch or MONAI fails."""

    def started(*words: object) -> subprocess.Popen[str]:
        return start(*words, before=NO_TORCH)

    return started


@pytest.fixture(scope="session")
def new_cohort() -> Callable[[Path], Tiny]:
    """Draws the cohort into a new folder."""
    return new_tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """The cohort, not yet written: change its rows, then `write` it."""
    return new_tiny(tmp_path / "data")


@pytest.fixture
def new_run(tmp_path: Path) -> Iterator[Path]:
    """Where a run may be made; removed afterwards, since the states of its fits take hundreds of megabytes."""
    yield tmp_path / "run"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, own_places: None) -> Iterator[tuple[Path, Path]]:
    """A study that trains from scratch, and the folder of its run that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    checked = {"checks": True, "cases_per_fold": 2}
    study = new_tiny(folder / "data").write(adaptation={"policy": "scratch"}, saliency=checked)
    run = folder / "run"
    told = ask("run", study, "--out", run)
    assert told.code == 0, told.err
    yield study, run
    shutil.rmtree(run)


class SmallDisk:
    """A disk on which the first state of a fit has room and the second has not, until `more_space` is given."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=110m", "tmpfs", str(folder)]
        self.is_real = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if not self.is_real:
            self._pretend()

    def _pretend(self) -> None:
        import errno

        from medtl.training import checkpoint

        save_file, saved = checkpoint.save_file, []

        def save_once(tensors: dict[str, torch.Tensor], path: Path) -> None:
            saved.append(path)
            if len(saved) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            save_file(tensors, path)

        self._patch.setattr(checkpoint, "save_file", save_once)

    def more_space(self) -> None:
        """Make the disk large enough for the whole run."""
        if self.is_real:
            subprocess.run(["mount", "-o", "remount,size=600m", str(self.folder)], check=True)
        else:
            self._patch.undo()

    def give_back(self) -> None:
        """Leave nothing mounted."""
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A real file system of 110 MB where root may mount one; elsewhere the second state is refused in its stead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medtl.study.needs._refuse_without_room", lambda *_needs, **_run: None)  # known beforehand
        disk = SmallDisk(tmp_path / "disk", patch)
        yield disk
        disk.give_back()
