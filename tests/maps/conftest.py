"""A run folder with maps in it, made by hand in milliseconds, and the command that exports them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
from PIL import Image
from typer.testing import CliRunner

from medtl.cli import app
from medtl.files import write_csv, write_json
from medtl.record.run_folder import RunFolder
from medtl.record.view import write_view
from medtl.study.settings import Study, write_study

COLUMNS = ("case_id", "patient_id", "model", "target_class", "truth", "probability", "map_file", "seen_file")


def view_of(plane: str) -> dict[str, Any]:
    """The facts of a view of one voxel, whose montage shows a plane."""
    return {
        "format": 1,
        "shape": [1, 1, 1],
        "columns": 1,
        "spacing_mm": [1.0, 1.0, 1.0],
        "affine": np.eye(4).tolist(),
        "tilt_degrees": {"axial": 0.0, "coronal": 0.0, "sagittal": 0.0},
        "checksums": {"scan": 1, "map": 1},
        "peak": None,
        "peak_mm": None,
        "seen_box": None,
        "montage": {"plane": plane, "positions_mm": [0.0]},
        "slice_weights": None,
    }


@dataclass(frozen=True)
class ExportResult:
    """The exit code of the command, its output, and the folder it wrote to."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def table(self) -> dict[str, dict[str, str]]:
        """maps.csv by case."""
        with (self.folder / "maps.csv").open(encoding="utf-8", newline="") as stream:
            return {row["case_id"]: row for row in csv.DictReader(stream)}

    @property
    def message(self) -> str:
        """The message on standard error, on one line."""
        return " ".join(self.err.split())

    def dicom(self, name: str) -> pydicom.FileDataset:
        """An object that was written, read by pydicom alone."""
        return pydicom.dcmread(self.folder / name)


@dataclass
class MadeRun:
    """A run of one fold (or more) whose cases are named by `manifest`, with maps as its folds would have left them."""

    root: Path
    identifiers: str = "as_in_manifest"
    maps: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    shown: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    lock: list[dict[str, str]] = field(default_factory=list)
    manifest: list[dict[str, str]] = field(default_factory=list)
    target_class: str = "ill"

    @property
    def folder(self) -> Path:
        return self.root / "run"

    def case(self, name: str, image: str, *, fold: int = 0, run_id: str = "") -> dict[str, Any]:
        """A line of the manifest and of the tables; its map is still missing."""
        (self.folder / f"fold_{fold}" / "saliency").mkdir(parents=True, exist_ok=True)
        if name not in {row["case_id"] for row in self.manifest}:
            self.manifest.append({"case_id": name, "patient_id": f"p-{name}", "image": image, "label": "ill"})
        row = dict.fromkeys(COLUMNS, None) | {
            "case_id": run_id or name, "patient_id": f"p-{name}", "model": "probe", "target_class": self.target_class,
            "truth": "ill", "probability": 0.9,
        }  # fmt: skip
        self.lock.append({"case_id": run_id or name, "sha256": content_hash(self.root / image)})
        self.maps.setdefault(fold, []).append(row)
        return row

    def volume(
        self,
        name: str,
        image: str,
        *,
        values: np.ndarray,
        affine: np.ndarray,
        seen: np.ndarray | None = None,
        plane: str = "",
        fold: int = 0,
        run_id: str = "",
    ) -> None:
        """A case with a map as NIfTI, and with a montage of `plane` where one is named."""
        row, target = self.case(name, image, fold=fold, run_id=run_id), self.folder / f"fold_{fold}" / "saliency"
        nibabel.Nifti1Image(values.astype(np.float32), affine).to_filename(target / f"{name}-map.nii.gz")
        row["map_file"] = f"{name}-map.nii.gz"
        if seen is not None:
            nibabel.Nifti1Image(seen.astype(np.uint8), affine).to_filename(target / f"{name}-seen.nii.gz")
            row["seen_file"] = f"{name}-seen.nii.gz"
        if plane:
            Image.fromarray(montage_pixels()).save(target / f"{name}-montage.png")
            write_view(view_of(plane), target / f"{name}-view.json")
            shown = row | {"montage_png": f"{name}-montage.png", "view_json": f"{name}-view.json"}
            self.shown.setdefault(fold, []).append(shown)

    def picture(self, name: str, image: str, *, size: tuple[int, int], is_shown: bool = True) -> None:
        """A case with a map as PNG of (rows, columns), and with scan and overlay where it is shown."""
        row, target = self.case(name, image), self.folder / "fold_0" / "saliency"
        Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)).save(target / f"{name}-map.png")
        row["map_file"] = f"{name}-map.png"
        if is_shown:
            for kind, grey in (("scan", 40), ("overlay", 200)):
                Image.fromarray(np.full((*size, 3), grey, np.uint8)).save(target / f"{name}-{kind}.png")
            shown = row | {"scan_png": f"{name}-scan.png", "overlay_png": f"{name}-overlay.png"}
            self.shown.setdefault(0, []).append(shown)

    def finish(self) -> Path:
        """Write every table as a run does, with the hashes of each fold."""
        other = {"case_id": "nobody", "patient_id": "p-nobody", "image": "none.png", "label": "well"}
        write_csv(self.root / "manifest.csv", pd.DataFrame([*self.manifest, other]))
        study = Study(name="made", manifest=self.root / "manifest.csv", identifiers=self.identifiers)
        write_study(study, self.folder / "study.yaml")
        write_json(self.folder / "environment.json", {"fingerprint": "0123456789ab"})
        write_csv(self.folder / "manifest.lock.csv", pd.DataFrame(self.lock))
        for fold, rows in self.maps.items():
            target = self.folder / f"fold_{fold}" / "saliency"
            write_csv(target / "maps.csv", pd.DataFrame(rows))
            if fold in self.shown:
                write_csv(target / "saliency.csv", pd.DataFrame(self.shown[fold]))
            RunFolder(self.folder).finish_fold(fold)
        return self.folder


def content_hash(path: Path) -> str:
    """What the run's lock holds of an image: of a folder the hash of its files' sorted hashes."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    each = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir())
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def montage_pixels() -> np.ndarray:
    """A sheet whose every pixel is its own."""
    return np.random.default_rng(5).integers(0, 256, (40, 60, 3)).astype(np.uint8)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeRun:
    for name in ("HOME", "CACHE", "WEIGHTS"):
        monkeypatch.setenv(f"MEDTL_{name}", str(tmp_path / name.lower()))
    return MadeRun(tmp_path)


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., ExportResult]:
    """`medtl maps` as typed; further words are options."""

    def run(folder: Path, *options: object, out: Path | None = None, code: int = 0) -> ExportResult:
        target = out or tmp_path / "objects"
        done = CliRunner().invoke(app, ["maps", str(folder), "--out", str(target), *map(str, options)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.stderr
        return ExportResult(done.exit_code, done.stdout, done.stderr, target)

    return run
