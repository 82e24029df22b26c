"""A cohort of phantom volumes: noise on turned, flipped, oblique, unequal grids, a bright ball in every second."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import yaml
from scipy.spatial.transform import Rotation

RADIUS_MM = 9.0
SETTINGS: dict[str, Any] = {
    "name": "volumes",
    "manifest": "manifest.csv",
    "folds": {"count": 2, "seed": 7},
    "preparation": {"preset": "mr", "spacing_mm": [2.0, 2.0, 4.0], "extent_mm": [64.0, 64.0, 64.0]},
    "encoder": "resnet10-3d",
    "adaptation": {"policy": "probe"},
    "recipe": {"epochs": 2, "batch_size": 8},
    "explanation": {"cases_of_each_kind": 1},
    "resamples": 100,
    "identifiers": "as_in_manifest",
}


@dataclass(frozen=True)
class VolumeCohort:
    """A folder with a manifest, a study, and where each ill patient's ball lies, in the scanner's mm."""

    folder: Path
    lesions_mm: dict[str, np.ndarray]

    def study(self, **settings: Any) -> Path:
        """Write a study with these settings changed; gives its path."""
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(SETTINGS | settings, sort_keys=False), encoding="utf-8")
        return path


def draw_volumes(folder: Path, *, patients: int, seed: int) -> VolumeCohort:
    """Write a volume per patient; odd ones are ill."""
    chance, lesions = np.random.default_rng(seed), dict[str, np.ndarray]()
    rows = []
    for number in range(patients):
        name, label = f"v{number:02d}", ("well", "ill")[number % 2]
        shape = np.array([chance.integers(32, 38), chance.integers(32, 38), chance.integers(16, 20)])
        order, signs = chance.permutation(3), chance.choice([-1.0, 1.0], size=3)
        axes = np.eye(3)[:, order] * signs
        spacing = np.array([2.0, 2.0, 4.0])[order]
        sizes = np.empty(3, dtype=int)
        sizes[:] = shape[order]
        turn = Rotation.from_euler("xyz", chance.uniform(-12, 12, size=3), degrees=True).as_matrix()
        affine = np.eye(4)
        affine[:3, :3] = turn @ axes * spacing
        affine[:3, 3] = chance.uniform(-60, 60, size=3)
        voxels = chance.normal(100, 15, size=tuple(sizes))
        if label == "ill":
            centre = chance.uniform(0.3, 0.7, size=3) * (sizes - 1)
            index = np.stack(np.meshgrid(*(np.arange(count) for count in sizes), indexing="ij"), axis=-1)
            voxels += 90 * (np.linalg.norm((index - centre) * spacing, axis=-1) < RADIUS_MM)
            lesions[name] = affine[:3, :3] @ centre + affine[:3, 3]
        nibabel.Nifti1Image(voxels.astype(np.float32), affine).to_filename(folder / f"{name}.nii.gz")
        rows.append({"case_id": name, "patient_id": f"p{number:02d}", "image": f"{name}.nii.gz", "label": label})
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return VolumeCohort(folder, lesions)
