"""Maps of frozen stages that are computed once: the same weights and numbers, within a budget, however often used."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.adaptation.trunk import Trunk
from medtl.encoders import build_untrained, find_encoder
from medtl.errors import ResourceExhausted
from medtl.outcomes import outcome_of
from medtl.policies import policy_of
from medtl.policies.policy import StageInTime
from medtl.training import Recipe, Scans
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.epoch_plan import epoch_plan
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.fold import _is_kept
from medtl.training.kept_maps import GB, KeptMaps, MapStore, keep_maps
from medtl.training.predict import predict_logits
from medtl.training.trunk_cache import TrunkCache

CPU = torch.device("cpu")
SHAPES = {"resnet10": (1, 32, 32), "resnet10-3d": (1, 16, 16, 16), "densenet121": (1, 64, 64)}
EQUAL = {"rtol": 0.0, "atol": 1e-5}


def varied(scan: np.ndarray, *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(scan + rng.normal(0, 0.05, scan.shape), 0, 1).astype(np.float32)


def scans_of(encoder: str = "resnet10", *, cases: int = 12) -> Scans:
    rng = np.random.default_rng(0)
    pixels = {f"c{number}": rng.random(SHAPES[encoder]).astype(np.float32) for number in range(cases)}
    labels = {case: number % 2 for number, case in enumerate(pixels)}
    return Scans(pixels.__getitem__, labels, varied, outcome=outcome_of(["well", "ill"]))


def task_of(scans: Scans, *, name: str = "last_stages", fold: int = 0, draws: int | None = 2, **recipe: Any) -> FitTask:
    """A fit on two thirds of the cases; the third that validates depends on the fold."""
    ids, one = tuple(scans.labels), policy_of(name)
    assert one is not None
    validation = ids[fold * 4 : fold * 4 + 4]

    def scale(stage: str, progress: float) -> float:
        assert one.stage_scale is not None
        stages = ("stem", "layer1", "layer2", "layer3", "layer4")
        return one.stage_scale(StageInTime(4 - stages.index(stage), 5, progress, 2))

    return FitTask(
        name=name, scans=scans, chance_keys={case: case for case in ids},
        training=tuple(case for case in ids if case not in validation), validation=validation,
        recipe=Recipe.model_validate({"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, **recipe}),
        encoder_rate=0.1, head_rate=1.0, batch_norm_frozen=True, seed_names=(7, name, fold), device=CPU,
        stage_scale=None if one.stage_scale is None else scale, draws=draws,
    )  # fmt: skip


def network(encoder: str = "resnet10") -> Classifier:
    return classifier_with_new_head(build_untrained(find_encoder(encoder), seed=1), classes=2, seed=3, dropout=0.2)


def store_in(folder: Path, scans: Scans, *, limit: int = GB, variation: str | None = "noise") -> MapStore:
    return MapStore(TrunkCache(folder, limit), {case: f"scan of {case}" for case in scans.labels}, variation)


@contextmanager
def passes(classifier: Classifier) -> Iterator[list[int]]:
    """The scans that go through the stem while the block runs, by pass."""
    seen: list[int] = []
    handle = classifier.encoder.stage("stem").register_forward_hook(lambda _, given, maps: seen.append(len(maps)))
    try:
        yield seen
    finally:
        handle.remove()


def fitted(
    task: FitTask, states: Path, store: MapStore | None = None, *, classifier: Classifier | None = None
) -> tuple[Classifier, KeptMaps | None]:
    own = policy_of(task.name)
    assert own is not None
    found = classifier or network()
    with freezing.layers_kept(found, partial(_is_kept, own, task.stage_scale)):
        kept = None if store is None else keep_maps(found, task, store)
        fit(found, task, CheckpointFolder(states, "a state"), kept=kept)
    return found, kept


def difference(one: Classifier, other: Classifier) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a.double() - b.double()).abs().max()) for a, b in pairs)


@pytest.mark.parametrize(
    "recipe",
    [{}, {"micro_batch_size": 3}, {"small_data": {"class_balance": "sampling"}}, {"loading_workers": 2},
     {"small_data": {"swa_from": 0.0, "label_smoothing": 0.1}}],
    ids=["plain", "micro-batches", "sampling", "workers", "averaged"],
)  # fmt: skip
def test_weights_and_predictions_are_those_without_the_cache(recipe: dict[str, Any], tmp_path: Path) -> None:
    scans = scans_of()
    task = task_of(scans, **recipe)
    plain, nothing = fitted(task, tmp_path / "plain")
    cached, kept = fitted(task, tmp_path / "cached", store_in(tmp_path / "cache", scans))
    assert nothing is None
    assert kept is not None
    assert kept.trunk.stages == ("stem", "layer1", "layer2")
    assert difference(plain, network()) > 1e-3, "a network that did not move shows nothing"
    assert difference(plain, cached) < 1e-5
    ask = partial(predict_logits, scans=scans, case_ids=tuple(scans.labels), recipe=task.recipe, device=CPU, what="x")
    np.testing.assert_allclose(ask(cached, kept=kept), ask(plain), **EQUAL)


def test_cases_that_go_through_one_by_one_give_the_same_bits(tmp_path: Path) -> None:
    """So the difference above is the rounding of convolutions over several cases at once, and nothing else."""
    scans = scans_of()
    task = task_of(scans, micro_batch_size=1)
    plain, _ = fitted(task, tmp_path / "plain")
    assert difference(plain, fitted(task, tmp_path / "cached", store_in(tmp_path, scans))[0]) == 0


@pytest.mark.parametrize("encoder", SHAPES)
def test_the_two_parts_of_a_network_are_the_network(encoder: str) -> None:
    whole, scans = network(encoder), torch.rand(3, *SHAPES[encoder])
    stages = whole.encoder.stages
    for count in range(1, len(stages)):
        trunk = Trunk(whole, stages[:count])
        with freezing.eval_mode(whole), torch.no_grad():
            maps = trunk.maps(scans)
            before = maps.clone()
            torch.testing.assert_close(trunk.logits(maps), whole(scans), **EQUAL)
            assert torch.equal(maps, before), "a batch is used again after the memory was too small"


def test_a_volume_network_learns_the_same_from_kept_maps(tmp_path: Path) -> None:
    scans = scans_of("resnet10-3d")
    task = task_of(scans)
    plain, _ = fitted(task, tmp_path / "plain", classifier=network("resnet10-3d"))
    cached, kept = fitted(task, tmp_path / "cached", store_in(tmp_path, scans), classifier=network("resnet10-3d"))
    assert kept is not None
    assert difference(plain, cached) < 1e-5


def test_two_folds_share_maps_and_no_epoch_computes_one_again(tmp_path: Path) -> None:
    scans = scans_of()
    store, first, second = store_in(tmp_path, scans), network(), network()
    with passes(first) as seen:
        fitted(task_of(scans, epochs=6), tmp_path / "0", store, classifier=first)
    assert sum(seen) == 2 + 8 * 2 + 4, "two to look at the stages, 8 cases in 2 draws, 4 as they are"
    with passes(second) as seen:
        fitted(task_of(scans, epochs=6, fold=1), tmp_path / "1", store, classifier=second)
    assert sum(seen) == 2 + 4 * 2 + 4, "the 4 cases that validated fold 0 in 2 draws, and 4 others as they are"
    third = network()
    with passes(third) as seen:
        fitted(task_of(scans, epochs=6, fold=1), tmp_path / "2", store, classifier=third)
    assert sum(seen) == 2
    assert difference(second, third) == 0


def test_scans_that_are_not_varied_are_kept_once_whatever_the_epoch(tmp_path: Path) -> None:
    scans = scans_of()
    scans.augment = lambda scan, *, seed: scan
    own, task = network(), task_of(scans, draws=None, epochs=3)
    with passes(own) as seen:
        cached, kept = fitted(task, tmp_path / "cached", store_in(tmp_path, scans, variation=None), classifier=own)
    assert kept is not None
    assert sum(seen) == 2 + 12
    assert difference(cached, fitted(task, tmp_path / "plain")[0]) < 1e-5


def test_a_damaged_or_lost_map_is_found_and_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans = scans_of()
    task, store = task_of(scans), store_in(tmp_path, scans)
    own, kept = network(), None
    with freezing.layers_kept(own, partial(_is_kept, policy_of("last_stages"), task.stage_scale)):
        kept = keep_maps(own, task, store)
    assert kept is not None
    files = sorted((tmp_path / "activations").rglob("*.safetensors"))
    before = {path: path.read_bytes() for path in files}
    content = bytearray(before[files[0]])
    content[-9] ^= 1
    files[0].write_bytes(content)
    files[1].write_bytes(before[files[1]][:100])
    files[2].unlink()
    files[3].write_bytes(before[files[4]])
    after = list(kept.load([*epoch_plan(task, 0), *epoch_plan(task, 1)]))
    after += list(
        kept.load([[replace(epoch_plan(task, 0)[0][0], case_id=case, seed=None)] for case in task.validation])
    )
    assert {path: path.read_bytes() for path in files} == before
    assert "Maps of the frozen stages are missing or damaged in the cache; they are computed again." in " ".join(
        capsys.readouterr().err.split()
    )
    assert len(after) == 4 + 4


def test_a_budget_that_is_too_small_is_said_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = scans_of()
    task = task_of(scans)
    _, kept = fitted(task, tmp_path / "states", store_in(tmp_path, scans, limit=10_000))
    assert kept is None
    assert not (tmp_path / "activations").exists()
    told = " ".join(capsys.readouterr().err.split())
    assert "the maps of the frozen stages (stem to layer2) would take 0.0" in told
    assert "do not fit into recipe.trunk_cache_gb, which is 1e-05, so they are computed anew in every epoch." in told
    assert "Set it to 0.1 or more, or take fewer draws." in told


def test_a_budget_holds_and_what_another_network_left_makes_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = scans_of()
    task = task_of(scans)

    def size() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "activations").rglob("*.safetensors"))

    fitted(task, tmp_path / "0", store_in(tmp_path, scans))
    limit = int(1.3 * size())
    assert "are computed once for 20 scans and draws and kept in the cache" in " ".join(capsys.readouterr().err.split())
    other = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=2), classes=2, seed=3)
    _, kept = fitted(task, tmp_path / "1", store_in(tmp_path, scans, limit=limit), classifier=other)
    assert kept is not None
    assert size() <= limit
    assert all(kept.store.cache.read(kept.key(one)) is not None for batch in epoch_plan(task, 0) for one in batch)


def test_a_full_disk_costs_the_cache_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise ResourceExhausted("No space left")

    scans = scans_of()
    task = task_of(scans)
    monkeypatch.setattr(TrunkCache, "write", full)
    cached, kept = fitted(task, tmp_path / "cached", store_in(tmp_path, scans))
    assert kept is None
    assert difference(cached, fitted(task, tmp_path / "plain")[0]) == 0
    assert "the disk is full or cannot be written to, so the maps" in " ".join(capsys.readouterr().err.split())


def test_a_map_that_cannot_be_written_again_does_not_stop_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise ResourceExhausted("No space left")

    scans = scans_of()
    task = task_of(scans)
    _, kept = fitted(task, tmp_path / "cached", store_in(tmp_path, scans))
    assert kept is not None
    for path in (tmp_path / "activations").rglob("*.safetensors"):
        path.unlink()
    monkeypatch.setattr(TrunkCache, "write", full)
    assert len(list(kept.load(epoch_plan(task, 0)))) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("are missing or damaged in the cache; they are computed again.") == 1


def test_a_training_that_was_stopped_between_epochs_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = scans_of()
    task = task_of(scans, epochs=4)
    whole, _ = fitted(task, tmp_path / "whole", store_in(tmp_path / "one", scans))
    save = CheckpointFolder.save

    def save_and_stop(self: CheckpointFolder, tensors: Any, progress: Any) -> None:
        save(self, tensors, progress)
        if progress.epochs_done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointFolder, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        fitted(task, tmp_path / "stopped", store_in(tmp_path / "two", scans))
    monkeypatch.setattr(CheckpointFolder, "save", save)
    assert difference(whole, fitted(task, tmp_path / "stopped", store_in(tmp_path / "three", scans))[0]) == 0


def test_memory_that_runs_out_halves_the_micro_batch_of_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = scans_of()
    task, logits = task_of(scans), Trunk.logits
    small_batches, _ = fitted(task_of(scans, micro_batch_size=2), tmp_path / "small", store_in(tmp_path, scans))

    def small(self: Trunk, maps: torch.Tensor) -> torch.Tensor:
        if len(maps) > 2 and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory")
        return logits(self, maps)

    monkeypatch.setattr(Trunk, "logits", small)
    cached, kept = fitted(task, tmp_path / "cached", store_in(tmp_path, scans))
    assert kept is not None
    assert "Out of memory: from here on 2 cases at a time" in " ".join(capsys.readouterr().err.split())
    assert difference(small_batches, cached) == 0


@pytest.mark.parametrize("name", ["lp_ft", "gradual", "bn_only", "layerwise"])
def test_policies_whose_first_stage_learns_keep_nothing(name: str, tmp_path: Path) -> None:
    scans = scans_of()
    _, kept = fitted(task_of(scans, name=name), tmp_path / "states", store_in(tmp_path, scans))
    assert kept is None
    assert not (tmp_path / "activations").exists()


def kept_with(
    change: Callable[[Classifier], None], folder: Path, *, classifier: Classifier, stages: Sequence[str]
) -> KeptMaps | None:
    scans = scans_of()
    change(classifier)
    with freezing.stages_frozen(classifier, stages):
        return keep_maps(classifier, task_of(scans, name="lp_ft"), store_in(folder, scans))


def test_what_cannot_be_kept_is_said_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told() -> str:
        return " ".join(capsys.readouterr().err.split())

    def nothing(_: Classifier) -> None:
        return None

    def drop(classifier: Classifier) -> None:
        classifier.encoder.stage("layer1").append(torch.nn.Dropout(0.5))  # type: ignore[operator]

    stages = ("stem", "layer1")
    assert kept_with(nothing, tmp_path, classifier=network(), stages=stages) is not None
    assert kept_with(drop, tmp_path, classifier=network(), stages=stages) is None
    assert "are computed anew in every epoch, because stem to layer1 drop parts at random." in told()
    encoder = build_untrained(find_encoder("resnet10"), seed=1)
    wide = classifier_with_new_head(encoder, classes=2, seed=3, readout="all")
    assert kept_with(nothing, tmp_path, classifier=wide, stages=stages) is None
    assert "because the head reads the maps of stem, layer1 too." in told()
    assert kept_with(nothing, tmp_path, classifier=network("slices-resnet10"), stages=stages) is None
    assert "because slices-resnet10 reads volumes slice by slice." in told()


def test_maps_are_named_by_weights_scan_and_draw(tmp_path: Path) -> None:
    scans = scans_of()
    task, store = task_of(scans), store_in(tmp_path, scans)
    request = epoch_plan(task, 0)[0][0]

    def kept(seed: int = 1) -> KeptMaps:
        own = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=seed), classes=2, seed=3)
        trunk = Trunk(own, ("stem",))
        return KeptMaps(trunk, scans, store, CPU, 0, trunk.identity)

    names = {kept().key(request), kept(2).key(request), kept().key(replace(request, seed=1)),
             kept().key(replace(request, seed=None)), kept().key(replace(request, case_id="c11"))}  # fmt: skip
    assert len(names) == 5
    assert kept().key(request) == kept().key(copy.copy(request))
    other = replace(kept(), store=store_in(tmp_path, scans, variation="more noise"))
    assert other.key(request) not in names
    assert other.key(replace(request, seed=None)) in names


def test_draws_are_those_of_the_study_and_come_again() -> None:
    scans = scans_of()

    def seeds(task: FitTask, epoch: int) -> dict[str, int | None]:
        return {one.case_id: one.seed for batch in epoch_plan(task, epoch) for one in batch}

    first, other = task_of(scans, epochs=9), task_of(scans, epochs=9, fold=1, name="lp_ft")
    assert seeds(first, 0) == seeds(first, 2) == seeds(first, 8)
    assert not set(seeds(first, 0).values()) & set(seeds(first, 1).values())
    shared = set(first.training) & set(other.training)
    assert all(seeds(first, 1)[case] == seeds(other, 1)[case] for case in shared)
    anew = task_of(scans, draws=None, epochs=9)
    assert len({seed for epoch in range(9) for seed in seeds(anew, epoch).values()}) == 9 * 8


def test_a_case_that_is_drawn_twice_in_an_epoch_is_varied_twice() -> None:
    scans = scans_of()
    task = task_of(scans, small_data={"class_balance": "sampling"})
    requests = [one for batch in epoch_plan(task, 0) for one in batch]
    assert len({one.case_id for one in requests}) < len(requests) == len({one.seed for one in requests})
