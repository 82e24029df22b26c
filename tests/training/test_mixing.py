"""Mixed batches against MONAI, against their definition, and the laws of mixing; averaged weights against torch."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from monai.transforms import CutMix, MixUp
from torch.optim.swa_utils import AveragedModel

from medtl.training import Recipe
from medtl.training.average import WeightAverage, equal
from medtl.training.batches import Batch
from medtl.training.mixing import Mixing
from medtl.training.recipe import schedule

SHAPES = {"picture": (1, 24, 20), "volume": (1, 10, 12, 8)}


def batch(shape: tuple[int, ...], *, cases: int = 6) -> Batch:
    scans = torch.rand(cases, *shape, generator=torch.Generator().manual_seed(0))
    return Batch(tuple(f"c{n}" for n in range(cases)), scans, torch.arange(cases) % 3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_mixup_is_monais_on_scans_and_mixes_labels_by_the_same_share(shape: tuple[int, ...]) -> None:
    own = batch(shape)
    mixed = Mixing(mixup=0.4).mixed(own, classes=3, seed=11)
    rng = np.random.default_rng(11)
    rng.integers(1)
    share, partners = rng.beta(0.4, 0.4), rng.permutation(6)
    theirs = MixUp(batch_size=6)
    theirs._params = (torch.full((6,), share, dtype=torch.float32), partners, [])
    torch.testing.assert_close(mixed.scans, torch.as_tensor(theirs.apply(own.scans)))
    expected = share * np.eye(3)[own.labels] + (1 - share) * np.eye(3)[own.labels[partners]]
    np.testing.assert_allclose(mixed.labels.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_cutmix_labels_are_the_shares_of_the_pixels(shape: tuple[int, ...]) -> None:
    own = batch(shape)
    flat = Batch(own.case_ids, own.labels.float().reshape(6, 1, *[1] * (len(shape) - 1)).expand(6, *shape), own.labels)
    areas = []
    for seed in range(40):
        mixed = Mixing(cutmix=1.0).mixed(flat, classes=3, seed=seed)
        counted = torch.stack([(mixed.scans == label).flatten(1).float().mean(dim=1) for label in range(3)], dim=1)
        torch.testing.assert_close(mixed.labels, counted, atol=1e-6, rtol=0)
        areas.append(1 - float(mixed.labels.max(dim=1).values.min()))
    assert min(areas) < 0.2 < 0.4 < max(areas)


def test_the_box_before_it_is_cut_off_has_the_share_that_was_drawn() -> None:
    """A box is at most as large as the share drawn, and as large where it lies inside: half a side either way."""
    own = batch((1, 200, 200))
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rng.integers(1)
        share, partners = rng.beta(1.0, 1.0), rng.permutation(6)
        mixed = Mixing(cutmix=1.0).mixed(own, classes=3, seed=seed)
        changed = (mixed.scans != own.scans).any(dim=1)[np.flatnonzero(partners != np.arange(6))[0]]
        rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
        height, width = (int(part.max() - part.min()) + 1 for part in (rows, columns))
        side = 200 * np.sqrt(1 - share)
        assert max(height, width) <= side + 1
        if rows.min() > 0 and rows.max() < 199:
            assert height == pytest.approx(side, abs=1)


@pytest.mark.parametrize("mixing", [Mixing(mixup=0.3), Mixing(cutmix=1.0), Mixing(mixup=0.3, cutmix=1.0)])
def test_mixing_follows_its_seed_keeps_range_and_gives_probabilities(mixing: Mixing) -> None:
    own = batch(SHAPES["picture"])
    one, again, other = (mixing.mixed(own, classes=3, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.scans, again.scans)
    assert torch.equal(one.labels, again.labels)
    assert not torch.equal(one.scans, other.scans)
    assert one.scans.min() >= 0
    assert one.scans.max() <= 1
    torch.testing.assert_close(one.labels.sum(dim=1), torch.ones(6))


def test_what_monai_does_with_labels_of_cases() -> None:
    """Why mixing is written here: these fail when MONAI mends them."""
    own, labels = batch(SHAPES["picture"]), torch.eye(3)[torch.arange(6) % 3]
    with pytest.raises(ValueError, match="Unexpected number of dimensions"):
        MixUp(batch_size=6, alpha=0.4)(own.scans, labels)
    cut = CutMix(batch_size=6, alpha=1.0)
    cut.set_random_state(seed=1)
    _, given = cut(own.scans, labels)
    assert set(torch.as_tensor(given).unique().tolist()) == {0.0, 1.0}


def test_averaged_weights_are_torchs_from_the_epoch_on_where_they_begin() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3))
    ours, theirs = (
        WeightAverage(module, share=equal(first_epoch=2, steps_an_epoch=3)),
        AveragedModel(module, use_buffers=True),
    )
    for step in range(15):
        with torch.no_grad():
            for value in module.state_dict().values():
                if value.is_floating_point():
                    value += torch.randn(value.shape, generator=torch.Generator().manual_seed(step))
        ours.update(module)
        if step % 3 == 2 and step // 3 >= 2:
            theirs.update_parameters(module)
        if step == 5:
            present = copy.deepcopy(module.state_dict())
            assert all(torch.equal(value, present[name]) for name, value in ours.values.items())
    for name, value in theirs.module.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(ours.values[name], value)


def test_the_rate_is_held_where_averaging_begins() -> None:
    plain, held = Recipe(epochs=8), Recipe.model_validate({"epochs": 8, "small_data": {"swa_from": 0.75}})
    rates = [schedule(step, steps_an_epoch=5, recipe=held) for step in range(40)]
    assert rates[:31] == [schedule(step, steps_an_epoch=5, recipe=plain) for step in range(31)]
    assert len(set(rates[30:])) == 1
    assert rates[30] > 0
