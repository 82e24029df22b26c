"""A run of volumes: the run folder of chance alone, with maps of one phantom head whose lesion is at a known place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from medtl.explanation.volume_pictures import SliceWeights, write_volume_pictures
from medtl.files import read_csv, write_csv

SPACING_MM = np.array([4.0, 3.0, 5.0])
SHAPE = (36, 60, 28)
LESION_MM = (-28.0, 33.0, 15.0)
"""In the patient's left, anterior and upper part; a voxel's centre."""

AFFINE = np.array([[-4.0, 0, 0, 72.0], [0, 3.0, 0, -90.0], [0, 0, 5.0, -60.0], [0, 0, 0, 1.0]])
"""The first axis of the file runs towards the patient's left, as most scanners write it."""

WINDOW = "brain window, black 0 HU, white 80 HU"


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """A head in [0, 1] with a bright lesion, and a map that is strongest at the lesion."""
    index = np.stack(np.meshgrid(*(np.arange(count) for count in SHAPE), indexing="ij"), axis=-1)
    mm = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    radius = np.linalg.norm((mm - [2, 0, 8]) / [62, 82, 62], axis=-1)
    distance = np.linalg.norm(mm - np.array(LESION_MM), axis=-1)
    scan = np.where(radius < 1, 0.42 + 0.05 * np.sin(mm[..., 0] / 6) * np.cos(mm[..., 1] / 7), 0.0)
    scan = np.where((radius > 0.9) & (radius < 1), 0.95, scan)
    scan = np.where(distance < 9, 0.8, scan)
    saliency = np.exp(-((distance / 14) ** 2)) * (radius < 1)
    return scan.astype(np.float32), (saliency / saliency.max()).astype(np.float32)


@dataclass(frozen=True)
class VolumeKind:
    """How the maps of a run of volumes are: with weights or not, with an unseen part or not."""

    with_weights: bool = True
    with_unseen: bool = True
    viewers: int | None = None
    window: str = WINDOW


def turn_into_volumes(run: Path, kind: VolumeKind) -> Path:
    """Give every map of a run folder the files of the phantom in place of its two pictures."""
    scan, saliency = phantom()
    seen = np.ones(SHAPE, dtype=bool)
    seen[:, :5] = not kind.with_unseen
    values = np.exp(-((np.arange(SHAPE[2]) - 15.0) ** 2) / 30)
    weights = SliceWeights.on_grid(values / values.sum(), plane="axial", affine=np.diag([-1, 1, 1, 1]) @ AFFINE)
    if kind.viewers is not None:
        settings = yaml.safe_load((run / "study.yaml").read_text(encoding="utf-8"))
        settings["explanation"]["viewers"] = kind.viewers
        (run / "study.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    for folder in sorted(run.glob("fold_*/saliency")):
        table = read_csv(folder / "saliency.csv", text_columns=("case_id", "patient_id"))
        for picture in folder.glob("*.png"):
            picture.unlink()
        written = write_volume_pictures(
            scan, saliency * seen, affine=AFFINE, seen=seen, window=WINDOW, strength=1.84, folder=folder,
            stem="lp_ft-0", slice_weights=weights if kind.with_weights else None,
        )  # fmt: skip
        (folder / "lp_ft-0.nii.gz").write_bytes(b"a map on the scan's own grid")
        files = {"montage_png": written.montage, "map_file": "lp_ft-0.nii.gz", "view_json": written.view}
        pictures = dict.fromkeys(("scan_png", "overlay_png", "spacing_row_mm", "spacing_column_mm"))
        table = table.assign(**pictures, **files, window=kind.window, positions="7 x 7 x 6")
        write_csv(folder / "saliency.csv", table)
    return run


@pytest.fixture(scope="session")
def volume_kind() -> type[VolumeKind]:
    """How the maps of a run of volumes are."""
    return VolumeKind


@pytest.fixture(scope="session")
def volume_run_writer(run_writer: Callable[..., Path], run_recipe: type) -> Callable[..., Path]:
    """Writes a small run of volumes of a kind; further words go into the run's recipe."""

    def write(folder: Path, kind: VolumeKind = VolumeKind(), **words: Any) -> Path:
        recipe = run_recipe(**{"patients": 16, "fold_count": 2, "resamples": 100, "images_per_patient": 1, **words})
        return turn_into_volumes(run_writer(folder, recipe), kind)

    return write
