"""An epoch of the last stage alone, with the maps of the frozen stages kept and without, beside one of `full`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.encoders import build_untrained, find_encoder
from medtl.imaging import AugmentationSettings, PreparationSettings, augment
from medtl.outcomes import outcome_of
from medtl.training import Recipe, Scans
from medtl.training.checkpoint import CheckpointFolder, Progress
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.kept_maps import GB, MapStore, keep_maps
from medtl.training.trunk_cache import TrunkCache

SIDE = 224
TRAINING, VALIDATION, BATCH = 48, 12, 16
WARM_UP, MEASURED = 1, 3
TRUNK = ("stem", "layer1", "layer2", "layer3")
TARGET = 0.25
"""Share of an epoch of the whole network that one of the last stage takes at most, its maps kept."""


class OneEpoch(Exception):
    """A fit has done an epoch; it goes on from its state on disk in its next turn."""


@dataclass
class Watched:
    """A fit that is timed epoch by epoch: its steps with its validation, and its state on disk."""

    classifier: Classifier
    frozen: tuple[str, ...]
    states: Path
    store: MapStore | None = None
    epochs: list[float] = field(default_factory=list)
    saving: list[float] = field(default_factory=list)
    maps: list[float] = field(default_factory=list)

    def turn(self, task: FitTask, monkeypatch: pytest.MonkeyPatch) -> None:
        """One more epoch."""
        save = CheckpointFolder.save

        def timed(folder: CheckpointFolder, tensors: dict[str, torch.Tensor], progress: Progress) -> None:
            began = time.perf_counter()
            save(folder, tensors, progress)
            self.saving.append(time.perf_counter() - began)
            self.epochs.append(progress.history[-1].seconds)
            raise OneEpoch

        with freezing.stages_frozen(self.classifier, self.frozen), monkeypatch.context() as patch:
            patch.setattr(CheckpointFolder, "save", timed)
            began = time.perf_counter()
            kept = None if self.store is None else keep_maps(self.classifier, task, self.store)
            self.maps.append(time.perf_counter() - began)
            with suppress(OneEpoch):
                fit(self.classifier, task, CheckpointFolder(self.states, "benchmark"), kept=kept)

    @property
    def whole(self) -> list[float]:
        """Each epoch with its state on disk."""
        return [sum(parts) for parts in zip(self.epochs, self.saving, strict=True)]


@pytest.mark.benchmark
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
def test_an_epoch_of_the_last_stage_beside_one_of_the_whole_network(
    encoder: str, threads: int, table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _task()
    store = MapStore(TrunkCache(tmp_path, GB), {case: case for case in task.scans.labels}, "radiograph")
    full, anew, kept = (
        Watched(_network(encoder), frozen, tmp_path / name, place)
        for name, frozen, place in (("full", (), None), ("anew", TRUNK, None), ("kept", TRUNK, store))
    )
    with _threads(threads):
        for _ in range(WARM_UP + MEASURED):
            for one in (full, anew, kept):
                one.turn(task, monkeypatch)
    name = f"last_stages 1, {encoder}, {threads} thread{'s' if threads > 1 else ''}"
    for words, ours, whole, target in (
        ("maps kept / full", kept.epochs, full.epochs, f"<= {TARGET}"),
        ("without / full", anew.epochs, full.epochs, ""),
        ("maps kept / full, with the state on disk", kept.whole, full.whole, ""),
    ):
        pairs = list(zip(ours, whole, strict=True))[WARM_UP:]
        ratio = f"{median(one / other for one, other in pairs):.3f}"
        mine, others = (median(times) for times in zip(*pairs, strict=True))
        table.add(f"{name}, {words}", f"{mine:.2f} s", f"{others:.2f} s", ratio, target)
    table.note(
        f"{name}: {TRAINING} random pictures of {SIDE} px in batches of {BATCH}, {VALIDATION} of validation, one draw, "
        f"{os.cpu_count()} processors; an epoch is its steps and its validation. The three trainings take turns epoch "
        f"by epoch; medians of {MEASURED} after {WARM_UP}, a ratio is that of neighbours. The maps took "
        f"{kept.maps[0]:.2f} s once, the state on disk takes {median(kept.saving):.2f} s whatever the number of "
        "pictures."
    )


def _network(encoder: str) -> Classifier:
    return classifier_with_new_head(build_untrained(find_encoder(encoder), seed=1), classes=2, seed=3)


def _task() -> FitTask:
    rng = np.random.default_rng(0)
    pixels = {f"c{number}": rng.random((1, SIDE, SIDE)).astype(np.float32) for number in range(TRAINING + VALIDATION)}
    varied = partial(augment, settings=AugmentationSettings(), preparation=PreparationSettings())
    labels = {case: number % 2 for number, case in enumerate(pixels)}
    ids = tuple(pixels)
    return FitTask(
        name="last stage", scans=Scans(pixels.__getitem__, labels, varied, outcome=outcome_of(["well", "ill"])),
        chance_keys={case: case for case in ids}, training=ids[:TRAINING], validation=ids[TRAINING:],
        recipe=Recipe(epochs=WARM_UP + MEASURED, batch_size=BATCH), encoder_rate=0.1, head_rate=1.0,
        batch_norm_frozen=True, seed_names=(7, "last stage", 0), device=torch.device("cpu"), draws=1,
    )  # fmt: skip


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(count)
        yield
    finally:
        torch.set_num_threads(before)
