"""LoRA on convolutions and rates by relative gradient norm: what moves, by how much, and what is stored."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.adaptation.low_rank import RANK, LowRank, low_rank_updates
from medtl.adaptation.parameter_groups import parameter_groups
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.policies import Policy, policy_of
from medtl.training import Recipe, Scans
from medtl.training.batches import Batch
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.fold import _is_kept
from medtl.training.step import TrainingStep

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


ROUNDING = 1e-7
"""Of float32 sums, as singular values against the length of a kernel."""


def policy(name: str) -> Policy:
    found = policy_of(name)
    assert found is not None
    return found


def network(encoder: str = "resnet10") -> Classifier:
    return classifier_with_new_head(build_untrained(find_encoder(encoder), seed=1), classes=2, seed=3)


def task(name: str, *, shape: tuple[int, ...] = (1, 32, 32), epochs: int = 1) -> FitTask:
    pixels = {f"c{n}": np.random.default_rng(n).random(shape).astype(np.float32) for n in range(12)}
    ids, one = tuple(pixels), policy(name)
    scans = Scans(
        pixels.__getitem__, {case: n % 2 for n, case in enumerate(ids)}, lambda scan, **_: scan,
        outcome=outcome_of(["well", "ill"]),
    )  # fmt: skip
    return FitTask(
        name=name, scans=scans, chance_keys={case: case for case in ids}, training=ids[:8], validation=ids[8:],
        recipe=Recipe(epochs=epochs, batch_size=4, learning_rate=1e-2), encoder_rate=1.0, head_rate=1.0,
        batch_norm_frozen=True, rates_from=one.rates_from, seed_names=(1, name), device=torch.device("cpu"),
    )  # fmt: skip


def with_lora(classifier: Classifier, folder: Path, own: FitTask) -> None:
    with ExitStack() as stack:
        stack.enter_context(low_rank_updates(classifier, seed=5))
        stack.enter_context(freezing.layers_kept(classifier, partial(_is_kept, policy("lora"), None)))
        fit(classifier, own, CheckpointFolder(folder, "a state"))


@pytest.mark.parametrize(
    ("encoder", "shape"),
    [("resnet10", (1, 32, 32)), ("resnet10-3d", (1, 16, 16, 16)), ("efficientnet_b0", (1, 32, 32))],
)
def test_lora_changes_kernels_by_matrices_of_low_rank_and_nothing_else(
    encoder: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    classifier = network(encoder)
    before = copy.deepcopy(classifier.state_dict())
    with_lora(classifier, tmp_path, task("lora", shape=shape))
    after = classifier.state_dict()
    assert set(after) == set(before), "what is stored is an ordinary network"
    kernels = [name for name, value in before.items() if name.startswith("encoder.body.") and value.ndim >= 4]
    assert kernels
    for name in kernels:
        update = (after[name] - before[name]).flatten(1).double()
        assert torch.linalg.matrix_rank(update, atol=ROUNDING * float(before[name].norm())) <= RANK
        assert update.abs().max() > 0
    others = [name for name in before if name.startswith("encoder.") and name not in kernels]
    assert all(torch.equal(before[name], after[name]) for name in others)
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert all(parameter.requires_grad for parameter in classifier.parameters())


def test_before_it_has_learnt_anything_lora_changes_no_output() -> None:
    classifier, scans = network(), torch.rand(3, 1, 32, 32)
    classifier.eval()
    with torch.no_grad():
        plain = classifier(scans)
        with low_rank_updates(classifier, seed=1):
            assert torch.equal(classifier(scans), plain)
            learning = [module for module in classifier.modules() if isinstance(module, LowRank)]
            assert len(learning) == sum(isinstance(layer, nn.Conv2d) for layer in classifier.modules())
        assert torch.equal(classifier(scans), plain)


def test_a_stopped_lora_fit_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):
        pass

    whole, own = network(), task("lora", epochs=2)
    with_lora(whole, tmp_path / "whole", own)
    save = CheckpointFolder.save

    def stop_after_one(self: CheckpointFolder, tensors: Any, progress: Any) -> None:
        save(self, tensors, progress)
        raise Stop

    monkeypatch.setattr(CheckpointFolder, "save", stop_after_one)
    with pytest.raises(Stop):
        with_lora(network(), tmp_path / "stopped", own)
    monkeypatch.undo()
    resumed = network()
    with_lora(resumed, tmp_path / "stopped", own)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())


def test_rates_follow_the_relative_gradient_norms_of_the_first_batch() -> None:
    """Autograd is the witness: |gradient| / |weights| of a stage's kernels over the largest of them."""
    own, classifier = task("auto_rgn"), network()
    groups = parameter_groups(classifier, encoder_rate=0.1, head_rate=1.0, by_stage=True)
    optimiser = torch.optim.AdamW(
        [{"params": one.parameters, "rate": one.rate, "stage": one.stage, "weight_decay": 0.0} for one in groups]
    )
    step = TrainingStep(
        classifier, optimiser, torch.amp.GradScaler("cpu", enabled=False), outcome=own.scans.outcome,
        recipe=own.recipe, dtype=None, device=own.device, rates_from=own.rates_from,
    )  # fmt: skip
    ids = own.training[:4]
    batch = Batch(ids, torch.from_numpy(np.stack([own.scans.pixels(one) for one in ids])), torch.tensor([0, 1, 0, 1]))
    loss = nn.functional.cross_entropy(classifier(batch.scans), batch.labels)
    norms = {}
    for stage in STAGES:
        kernels = [value for value in classifier.encoder.stage(stage).parameters() if value.ndim > 1]
        gradients = torch.autograd.grad(loss, kernels, retain_graph=True)
        length = torch.cat([value.flatten() for value in kernels]).norm()
        norms[stage] = float(torch.cat([value.flatten() for value in gradients]).norm() / length)
    step.take(batch, rate=1e-3, seed=1, begins_epoch=True)
    rates = {group["stage"]: group["lr"] for group in optimiser.param_groups}
    for stage in STAGES:
        assert rates[stage] == pytest.approx(1e-3 * 0.1 * norms[stage] / max(norms.values()), rel=1e-3)
    assert rates[""] == pytest.approx(1e-3)
    step.take(batch, rate=2e-3, seed=2)
    again = {group["stage"]: group["lr"] for group in optimiser.param_groups}
    assert again == pytest.approx({stage: 2 * rate for stage, rate in rates.items()}), "held until the next epoch"


def test_a_stage_that_is_frozen_has_no_rate_of_its_own_and_the_others_learn(tmp_path: Path) -> None:
    own, classifier = replace(task("auto_rgn"), encoder_rate=0.1), network()
    before = copy.deepcopy(classifier.state_dict())
    with freezing.stages_frozen(classifier, ("layer1",)):
        fit(classifier, own, CheckpointFolder(tmp_path, "a state"))
    moved = {
        name.split(".")[2] for name, value in classifier.state_dict().items()
        if name.startswith("encoder.body.") and not torch.equal(value, before[name])
    }  # fmt: skip
    assert moved == {"stem", "layer2", "layer3", "layer4"}


def test_without_any_gradient_every_stage_keeps_its_rate() -> None:
    rates_from = policy("auto_rgn").rates_from
    assert rates_from is not None
    assert rates_from({"stem": 0.0, "layer1": 0.0}) == {"stem": 1.0, "layer1": 1.0}
    assert rates_from({"stem": 1.0, "layer1": 4.0}) == {"stem": 0.25, "layer1": 1.0}
