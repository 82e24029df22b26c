"""What each policy moves and what it keeps, by the weights before and after a fit, in pictures and in volumes."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from medtl.adaptation import Classifier, classifier_with_new_head, freezing
from medtl.adaptation.parameter_groups import parameter_groups
from medtl.encoders import build_untrained, find_encoder
from medtl.outcomes import outcome_of
from medtl.policies import POLICIES, Policy, policy_of
from medtl.policies.anchored import STRENGTH
from medtl.policies.layerwise import SLOWER
from medtl.policies.policy import StageInTime
from medtl.training import Recipe, Scans
from medtl.training.checkpoint import CheckpointFolder
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.fold import _is_kept

pytestmark = pytest.mark.usefixtures("without_states")

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
TRAINED = [one.name for one in POLICIES if one.is_trained and one.is_pretrained]
ENCODERS = {"resnet10": (1, 32, 32), "resnet10-3d": (1, 16, 16, 16), "slices-resnet10": (1, 32, 32, 3)}


def policy(name: str) -> Policy:
    found = policy_of(name)
    assert found is not None
    return found


def scale_of(one: Policy, *, last_stages: int = 2) -> Any:
    if one.stage_scale is None:
        return None

    def scale(stage: str, progress: float) -> float:
        return one.stage_scale(StageInTime(4 - STAGES.index(stage), 5, progress, last_stages))

    return scale


def prepared(
    name: str, *, encoder: str = "resnet10", epochs: int = 2, recipe: Recipe | None = None, stage_scale: Any = "own"
) -> tuple[Classifier, FitTask]:
    """A network, and its fit by a policy on noise."""
    rng = np.random.default_rng(0)
    pixels = {f"c{number}": rng.random(ENCODERS[encoder]).astype(np.float32) for number in range(12)}
    scans = Scans(
        pixels.__getitem__, {case: number % 2 for number, case in enumerate(pixels)}, lambda scan, **_: scan,
        outcome=outcome_of(["well", "ill"]),
    )  # fmt: skip
    one, ids = policy(name), tuple(pixels)
    task = FitTask(
        name=name, scans=scans, chance_keys={case: case for case in ids}, training=ids[:8], validation=ids[8:],
        recipe=recipe or Recipe(epochs=epochs, batch_size=4, learning_rate=1e-2), encoder_rate=1.0, head_rate=1.0,
        batch_norm_frozen=one.is_pretrained, penalty=one.penalty,
        stage_scale=scale_of(one) if stage_scale == "own" else stage_scale, seed_names=(1, name),
        device=torch.device("cpu"),
    )  # fmt: skip
    return classifier_with_new_head(build_untrained(find_encoder(encoder), seed=1), classes=2, seed=3), task


def moved(name: str, folder: Path, *, encoder: str = "resnet10", epochs: int = 2) -> dict[str, float]:
    """How far each part of a network moves: stage -> the largest change of its convolutions, and of its norms."""
    network, task = prepared(name, encoder=encoder, epochs=epochs)
    before = copy.deepcopy(network.state_dict())
    with freezing.layers_kept(network, partial(_is_kept, policy(name), task.stage_scale)):
        fit(network, task, CheckpointFolder(folder, "a state"))
    assert all(parameter.requires_grad for parameter in network.parameters())
    found: dict[str, float] = {}
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not key.endswith(("running_mean", "running_var")):
            stage = key.removeprefix("encoder.body.").split(".")[0]
            part = stage if stage in ("head", "encoder") else f"{stage} {'norms' if value.ndim == 1 else 'kernels'}"
            found[part] = max(found.get(part, 0.0), float((value - before[key]).abs().max()))
    return found


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("name", TRAINED)
def test_every_policy_learns_through_the_same_loop(name: str, encoder: str, tmp_path: Path) -> None:
    assert moved(name, tmp_path, encoder=encoder, epochs=1)["head"] > 0


def test_last_stages_keeps_the_stages_below_bit_for_bit(tmp_path: Path) -> None:
    found = moved("last_stages", tmp_path)
    assert {part for part, change in found.items() if change > 0} == {
        "head", "layer4 kernels", "layer4 norms", "layer3 kernels", "layer3 norms",
    }  # fmt: skip


def test_bn_only_moves_norms_and_head_and_no_kernel(tmp_path: Path) -> None:
    found = moved("bn_only", tmp_path)
    assert found["head"] > 0
    assert all((change > 0) == part.endswith("norms") for part, change in found.items() if part != "head")


@pytest.mark.parametrize("encoder", ["se_resnet50", "efficientnet_b0"])
def test_bn_only_keeps_the_biases_of_layers_that_squeeze(encoder: str) -> None:
    network = classifier_with_new_head(build_untrained(find_encoder(encoder), seed=1), classes=2, seed=3)
    norms = {
        f"{name}.{kind}"
        for name, layer in network.encoder.body.named_modules()
        if isinstance(layer, torch.nn.BatchNorm2d)
        for kind in ("weight", "bias")
    }
    with freezing.layers_kept(network, partial(_is_kept, policy("bn_only"), None)):
        learning = {name for name, value in network.encoder.body.named_parameters() if value.requires_grad}
    assert learning == norms
    one_axis = {name for name, value in network.encoder.body.named_parameters() if value.ndim == 1}
    assert one_axis - norms, "a network without biases beside its norms shows nothing here"


def test_gradual_begins_with_the_head_and_reaches_the_stem_in_the_last_part() -> None:
    scale = scale_of(policy("gradual"))
    thawed = [[stage for stage in STAGES if scale(stage, part / 6 + 0.01)] for part in range(6)]
    assert thawed == [list(STAGES[5 - part :]) if part else [] for part in range(6)]


def test_gradual_keeps_a_stage_until_its_turn(tmp_path: Path) -> None:
    found = moved("gradual", tmp_path, epochs=1)  # two steps, at 0 and one half of the training
    assert {part.split()[0] for part, change in found.items() if change > 0} == {"head", "layer4", "layer3", "layer2"}


def test_a_stage_that_waits_for_its_turn_does_not_slow_the_head_down(tmp_path: Path) -> None:
    """The gradients of waiting stages are not clipped with the head's: the head moves as if it were alone."""
    waiting = Recipe(epochs=1, batch_size=4, learning_rate=1e-2, gradient_limit=1e-3)
    heads = []
    for case, scale in enumerate((lambda stage, progress: 0.0, None)):
        network, task = prepared("lp_ft", recipe=waiting, stage_scale=scale)
        with freezing.stages_frozen(network, () if scale else STAGES):
            fit(network, task, CheckpointFolder(tmp_path / str(case), "a state"))
        heads.append(network.head.weight.detach())
    assert torch.equal(*heads)


@pytest.mark.parametrize("name", TRAINED)
def test_statistics_of_batch_normalisation_stay_as_pretrained(name: str, tmp_path: Path) -> None:
    """Frozen weights whose running means drift are a common fault of fine-tuning: each epoch sets the mode anew."""
    network, task = prepared(name)
    before = {key: value.clone() for key, value in network.state_dict().items() if "running_" in key}
    fit(network, task, CheckpointFolder(tmp_path, "a state"))
    after = network.state_dict()
    assert before
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_layerwise_rates_fall_by_the_factor_of_the_paper_from_the_last_stage_down() -> None:
    scale = scale_of(policy("layerwise"))
    assert [scale(stage, 0.5) for stage in reversed(STAGES)] == pytest.approx([SLOWER**-n for n in range(5)])


def test_the_penalty_of_anchored_is_half_the_strength_times_the_squared_distance_of_the_stages() -> None:
    network: Classifier = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=1), classes=2, seed=3)
    start = {name: value.detach().clone() for name, value in network.named_parameters()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.5
    penalty = policy("anchored").penalty
    assert penalty is not None
    term = penalty(start, dict(network.named_parameters()))
    count = sum(value.numel() for name, value in start.items() if name.startswith("encoder.body."))
    assert float(term) == pytest.approx(STRENGTH / 2 * 0.25 * count, rel=1e-4)
    term.backward()
    kernel = network.encoder.body.get_submodule("stem.conv1").weight
    assert torch.allclose(kernel.grad, torch.full_like(kernel, STRENGTH * 0.5))
    assert network.head.weight.grad is None


def test_anchored_stays_nearer_to_the_start_than_the_same_fit_without_the_penalty(tmp_path: Path) -> None:
    free, held = (moved(name, tmp_path / name, epochs=4) for name in ("lp_ft", "anchored"))
    kernels = [part for part in free if part.endswith("kernels")]
    assert sum(held[part] for part in kernels) < sum(free[part] for part in kernels)


def test_groups_of_a_policy_without_rates_by_depth_are_what_they_always_were() -> None:
    network = classifier_with_new_head(build_untrained(find_encoder("resnet10"), seed=1), classes=2, seed=3)
    whole = parameter_groups(network, encoder_rate=0.1, head_rate=1.0)
    by_stage = parameter_groups(network, encoder_rate=0.1, head_rate=1.0, by_stage=True)
    assert len(whole) == 4
    assert {group.stage for group in by_stage} == {"", *STAGES}
    assert sorted(name for group in whole for name in group.names) == sorted(
        name for group in by_stage for name in group.names
    )


def test_a_policy_is_drawn_unlike_every_other() -> None:
    looks = [(one.look.colour, str(one.look.dash), one.look.marker) for one in POLICIES]
    assert len(set(looks)) == len(looks)
    assert len({one.look.colour for one in POLICIES}) == len(POLICIES)
