"""What a run needs is known before it begins, and a disk without the room for it is named before any work is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from medtl.encoders import WeightStore, build_encoder
from medtl.study import needs
from medtl.training import Recipe, measured_step

pytestmark = pytest.mark.usefixtures("own_places")

Medtl = Callable[..., Any]
NETWORKS = {"folds": {"count": 2, "seed": 7}, "adaptation": {"policy": ["full", "scratch"]}}


def free(monkeypatch: pytest.MonkeyPatch, **bytes_of: int) -> None:
    """Disks with so many bytes free: of the `run`, and of the `cache`, which is another disk."""

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=bytes_of["cache" if "places" in str(path) else "run"])

    def device(path: Path) -> SimpleNamespace:
        return SimpleNamespace(st_dev="places" in str(path))

    monkeypatch.setattr(needs, "shutil", SimpleNamespace(disk_usage=usage))
    monkeypatch.setattr(needs, "os", SimpleNamespace(stat=device))


def test_a_disk_without_the_room_is_refused_before_any_work(
    tiny: Any, medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, run=5_000_000, cache=10**12)
    done = medtl("run", tiny.write(**NETWORKS), "--out", tmp_path / "run")
    assert done.code == 5
    found = re.search(
        r"The disk of the run folder has 5,000,000 bytes free, and this run writes up to ([\d,]+)", done.err
    )
    assert found, done.err
    states = 2 * 4 * 4_900_000 * 4  # a network's weights, their average and two moments, for two networks
    assert int(found[1].replace(",", "")) > 2 * states, "two states of each in training, and the fitted ones"
    assert "Nothing was begun. Free some space, or choose another disk with --out." in done.err
    assert str(tmp_path) not in done.err
    assert not (tmp_path / "run").exists()


def test_a_cache_without_the_room_is_named_and_what_it_holds_needs_none(
    tiny: Any, medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write()
    with monkeypatch.context() as patch:
        free(patch, run=10**12, cache=9_000)
        done = medtl("run", study, "--out", tmp_path / "run", "--prepare-only")
        assert done.code == 5
        assert "The disk of the cache (MEDTL_CACHE) has 9,000 bytes free" in done.err
        assert "choose another disk with MEDTL_CACHE" in done.err
    assert medtl("run", study, "--out", tmp_path / "run", "--prepare-only").code == 0
    free(monkeypatch, run=10**12, cache=9_000)
    again = medtl("run", study, "--out", tmp_path / "other", "--prepare-only")
    assert again.code == 0, again.err


def test_room_and_time_are_said_first_and_the_time_is_left_open_where_a_scan_takes_long(
    tiny: Any, medtl: Medtl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write(**NETWORKS)
    done = medtl("run", study, "--out", tmp_path / "run", "--prepare-only")
    assert done.code == 0, done.err
    assert re.search(r"This run will write up to \d+ MB into its folder, of which up to \d+ MB stay, and up", done.err)
    assert re.search(r"Features and the training of 4 networks will take about .+, by a step measured on", done.err)
    assert "GPU" not in done.err
    monkeypatch.setattr("medtl.training.step_cost.SECONDS_TO_MEASURE", 0.0)
    larger = tiny.write(**NETWORKS, preparation={"preset": "radiograph", "size_px": [64, 64]})
    done = medtl("run", larger, "--out", tmp_path / "larger", "--prepare-only")
    assert "How long it will take is said after the first epoch (medtl status): one scan takes long here." in done.err


def test_measuring_changes_neither_the_encoder_nor_what_chance_draws_next() -> None:
    encoder = build_encoder("resnet10", store=WeightStore.from_environment(), seed=1)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    torch.manual_seed(3)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    step = measured_step(
        encoder, shape=(32, 32), channels=1, recipe=Recipe(batch_size=4), device=torch.device("cpu"), is_learning=True
    )
    assert torch.equal(torch.rand(4), drawn)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert all(value.grad is None for value in encoder.parameters())
    assert step.learning_seconds is not None
    assert step.predicting_seconds is not None
    assert 0 < step.predicting_seconds < step.learning_seconds
    assert step.gpu_bytes is None
