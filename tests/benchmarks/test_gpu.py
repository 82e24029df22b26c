"""What a GPU gives: frozen features and fine-tuning against the processor of the same machine, and mixed precision."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medtl.adaptation import classifier_with_new_head
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.training import Recipe, Scans, feature_table
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask

TWO_CLASSES = outcome_of(["well", "ill"])

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
IMAGES, SIDE, EPOCHS = 512, 224, 3


def _jitter(scan: np.ndarray, *, seed: int) -> np.ndarray:
    return np.roll(scan, seed % 8, axis=2)


def _scans() -> Scans:
    chance = np.random.default_rng(0)
    pixels = {f"c{place}": chance.random((1, SIDE, SIDE), dtype=np.float32) for place in range(IMAGES)}
    return Scans(
        pixels.__getitem__,
        {name: place % 2 for place, name in enumerate(pixels)},
        _jitter,
        outcome=TWO_CLASSES,
    )


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_frozen_features(name: str, table: Any, tmp_path: Path) -> None:
    scans, encoder = _scans(), build_untrained(find_encoder(name), seed=0)
    seconds, values = {}, {}
    for device in (CUDA, CUDA, CPU):  # the first on the device pays for its start
        began = time.perf_counter()
        found = feature_table(
            encoder, scans, {case: case for case in scans.labels}, folder=tmp_path / f"{device}{len(seconds)}{began}",
            device=device, loading_workers=0,
        )  # fmt: skip
        seconds[device.type], values[device.type] = time.perf_counter() - began, found.values
    near = float(np.abs(values["cuda"] - values["cpu"]).max() / np.abs(values["cpu"]).max())
    table.add(
        f"features of {IMAGES} images of {SIDE} px, {name}", f"{seconds['cuda']:.2f} s on the GPU",
        f"{seconds['cpu']:.1f} s on the CPU", f"{seconds['cpu'] / seconds['cuda']:.0f} times",
    )  # fmt: skip
    table.note(f"{name}: features on the GPU differ from the CPU's by at most {near:.1e} of the largest.")
    assert near < 1e-2


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_an_epoch_of_full_fine_tuning(name: str, table: Any, tmp_path: Path) -> None:
    mixed, plain = (_epoch(name, tmp_path / str(on), device=CUDA, mixed_precision=on) for on in (True, False))
    row = f"an epoch of full on {IMAGES} images of {SIDE} px, {name}"
    table.add(row, f"{mixed:.2f} s mixed", f"{plain:.2f} s float32", f"{plain / mixed:.1f} times")
    table.note(f"{row}: at most {torch.cuda.max_memory_allocated() / 1e9:.1f} GB of GPU memory; batch of 32.")


def _epoch(name: str, folder: Path, *, device: torch.device, mixed_precision: bool) -> float:
    """Seconds of an epoch, the mean of all but the first."""
    scans, ends = _scans(), list[float]()
    task = FitTask(
        name="benchmark", scans=scans, chance_keys={case: case for case in scans.labels},
        training=tuple(scans.labels), validation=tuple(scans.labels)[:2],
        recipe=Recipe(epochs=EPOCHS, batch_size=32, mixed_precision=mixed_precision, loading_workers=0),
        encoder_rate=0.1, head_rate=1.0, batch_norm_frozen=True, seed_names=("benchmark",), device=device,
    )  # fmt: skip
    watched: Callable[..., np.ndarray] = scans.pixels

    def noting(case: str) -> np.ndarray:
        ends.append(time.perf_counter())
        return watched(case)

    task = dataclasses.replace(task, scans=Scans(noting, scans.labels, scans.augment, outcome=scans.outcome))
    began = time.perf_counter()
    fit(classifier_with_new_head(build_untrained(find_encoder(name), seed=0), classes=2, seed=0), task,
        CheckpointFolder(folder, "fit"))  # fmt: skip
    torch.cuda.synchronize()
    whole, reads = time.perf_counter() - began, len(ends) // EPOCHS
    first = ends[reads] - began
    return (whole - first) / (EPOCHS - 1)
