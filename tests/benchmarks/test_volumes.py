"""Volumes: preparation paid once, slice features for all folds, and a large CT through slices in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml
from monai.networks.nets import DenseNet121

VOLUMES, SIDE = 60, 96
EPOCHS, FOLDS = 10, 5
TIMED_STEPS, BATCH = 2, 2
CT_SHAPE = (512, 512, 300)
GIGABYTE = 10**9
STEP = """
import sys, torch
from pathlib import Path
from medtl.adaptation import classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
def peak():
    (line,) = [l for l in Path('/proc/self/status').read_text().split('\\n') if l.startswith('VmHWM')]
    return int(line.split()[1]) * 1024
encoder = build_untrained(find_encoder('slices-resnet10'), seed=1)
classifier = classifier_with_new_head(encoder, classes=2, seed=1)
scan = torch.rand(1, 1, *map(int, sys.argv[1:]))
before = peak()
classifier(scan).logsumexp(1).sum().backward()
print(before, peak())
"""


@pytest.fixture(scope="module")
def cohort(folder: Path) -> Path:
    """60 volumes of 96 voxels a side as .nii.gz, noise with a ball in every second, and their study."""
    place, chance = folder / "volumes", np.random.default_rng(7)
    place.mkdir()
    lines = ["case_id,patient_id,image,label"]
    for number in range(VOLUMES):
        voxels = chance.normal(100, 15, (SIDE,) * 3).astype(np.float32)
        voxels[30:50, 30:50, 30:50] += 60 * (number % 2)
        nibabel.Nifti1Image(voxels, np.eye(4)).to_filename(place / f"v{number}.nii.gz")
        lines.append(f"v{number},p{number},v{number}.nii.gz,{('well', 'ill')[number % 2]}")
    (place / "manifest.csv").write_text("\n".join(lines) + "\n")
    study = {
        "name": "volumes",
        "manifest": "manifest.csv",
        "preparation": {"preset": "mr", "spacing_mm": [1.0, 1.0, 1.0], "extent_mm": [float(SIDE)] * 3},
        "encoder": "slices-resnet18",
        "adaptation": {"policy": "probe"},
        "explanation": {"cases_of_each_kind": 1, "maps": "gallery"},
        "identifiers": "as_in_manifest",
    }
    (place / "study.yaml").write_text(yaml.safe_dump(study))
    return place


@pytest.mark.benchmark
def test_a_frozen_study_of_volumes_against_a_3d_network_trained_in_every_fold(
    table: Any, fresh: Callable[..., Any], cohort: Path
) -> None:
    study, seconds = cohort / "study.yaml", list[dict[str, float]]()
    runs = [fresh("-m", "medtl", "run", study, "--out", cohort / name, cache="volumes") for name in ("one", "two")]
    for name in ("one", "two"):
        seconds.append(yaml.safe_load((cohort / name / "environment.json").read_text())["seconds"])
    first, again = (part["preparation"] for part in seconds)
    table.add(f"preparation, {VOLUMES} volumes of {SIDE}^3 .nii.gz, second run", f"{again:.2f} s", f"{first:.1f} s",
              f"{again / first:.3f}", "< 0.05")  # fmt: skip
    plain = _training_step() * VOLUMES * (FOLDS - 1) / FOLDS * EPOCHS * FOLDS
    table.add("slices, frozen, 5 folds, pages included", f"{runs[0].seconds:.0f} s", f"{plain:,.0f} s",
              f"{plain / runs[0].seconds:.0f}", "> 10")  # fmt: skip
    table.note(
        f"Volumes: features took {seconds[0]['features']:.0f} s for all {FOLDS} folds, {seconds[1]['features']:.1f} s "
        f"the second time. The plain script is a 3D DenseNet-121 at {EPOCHS} epochs a fold, extrapolated from "
        f"{TIMED_STEPS} steps of {BATCH} volumes."
    )


@pytest.mark.benchmark
def test_memory_of_a_training_step_on_a_whole_ct(table: Any, fresh: Callable[..., Any]) -> None:
    before, after = map(int, fresh("-c", STEP, *CT_SHAPE).output.split())
    size = " x ".join(map(str, CT_SHAPE))
    table.add(f"memory of a training step beyond a CT of {size}", f"{(after - before) / GIGABYTE:.2f} GB", target="< 2")
    table.note("The CT goes slice by slice through slices-resnet10, forward and backward, every weight learning.")


def _training_step() -> float:
    """Seconds per volume of forward, backward and optimiser of a 3D DenseNet-121."""
    network = DenseNet121(spatial_dims=3, in_channels=1, out_channels=2)
    optimiser = torch.optim.AdamW(network.parameters())
    began = time.monotonic()
    for _ in range(TIMED_STEPS):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(
            network(torch.rand(BATCH, 1, SIDE, SIDE, SIDE)), torch.zeros(BATCH, dtype=torch.long)
        ).backward()
        optimiser.step()
    return (time.monotonic() - began) / TIMED_STEPS / BATCH
