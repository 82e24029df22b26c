"""Slices through a 2D network; the witnesses are the 2D encoder on slices cut by hand, and the papers' formulas."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from medtl.encoders.attention import GatedAttention, positions
from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.chunks import in_chunks
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError

THREE = ("axial", "sagittal", "coronal")


def volumes(*shape: int, cases: int = 2) -> torch.Tensor:
    return torch.rand(cases, 1, *shape, generator=torch.Generator().manual_seed(3))


def by_hand(volume: torch.Tensor, plane: str) -> torch.Tensor:
    """(slice, 1, row, column) of one volume, turned with numpy as the reading room turns them."""
    array = volume[0].numpy()
    cut = {
        "axial": [array[:, ::-1, index].T[:, ::-1] for index in range(array.shape[2])],
        "sagittal": [array[index, ::-1, ::-1].T for index in range(array.shape[0])],
        "coronal": [array[::-1, index, ::-1].T for index in range(array.shape[1])],
    }[plane]
    return torch.from_numpy(np.stack(cut).copy())[:, None]


def learnt(encoder, *, seed: int = 1):
    """The encoder with attention that is no longer uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for attention in encoder.attention.values():
            attention.score.weight.normal_(0, 2.0, generator=generator)
    return encoder


@pytest.fixture
def build(photographs):
    def built(**settings: object):
        chosen = VolumeSettings.model_validate(settings)
        return build_encoder("slices-photos", store=photographs, seed=0, volumes=chosen).eval()

    return built


@pytest.mark.parametrize("plane", THREE)
def test_new_attention_gives_the_mean_over_the_slices_features(plane, build, photographs) -> None:
    scans = volumes(33, 40, 6)
    flat = build_encoder("photos", store=photographs, seed=0).eval()
    encoder = build(planes=plane)
    with torch.no_grad():
        expected = torch.stack([flat(flat.normalised(by_hand(scan, plane))).mean(0) for scan in scans])
        torch.testing.assert_close(encoder(encoder.normalised(scans)), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(build(planes=plane, pooling="mean")(scans), expected, rtol=1e-5, atol=1e-6)
        (weights,) = encoder.slice_weights(scans).values()
    assert torch.equal(weights, torch.full_like(weights, 1 / weights.shape[1]))


def test_max_pooling_takes_each_feature_from_its_strongest_slice_and_says_from_where(build, photographs) -> None:
    scans = volumes(32, 32, 5, cases=1)
    flat = build_encoder("photos", store=photographs, seed=0).eval()
    encoder = build(pooling="max")
    with torch.no_grad():
        features = flat(flat.normalised(by_hand(scans[0], "axial")))
        torch.testing.assert_close(encoder(scans)[0], features.max(0).values, rtol=1e-5, atol=1e-6)
        shares = encoder.slice_weights(scans)["axial"]
    assert shares[0].tolist() == pytest.approx((features.argmax(0).bincount(minlength=5) / 512).tolist())


def test_planes_count_the_same_whatever_their_number_of_slices(build) -> None:
    scans = volumes(34, 36, 5)
    with torch.no_grad():
        each = torch.stack([build(planes=plane)(scans) for plane in THREE])
        together = build(planes=THREE)
        torch.testing.assert_close(together(scans), each.mean(0), rtol=1e-5, atol=1e-6)
        weights = together.slice_weights(scans)
    assert {plane: tuple(weight.shape) for plane, weight in weights.items()} == {
        "axial": (2, 5),
        "sagittal": (2, 34),
        "coronal": (2, 36),
    }


def test_attention_is_the_papers_formula() -> None:
    attention = GatedAttention(6, seed=2)
    with torch.no_grad():
        attention.score.weight.normal_(generator=torch.Generator().manual_seed(4))
    features = torch.rand(2, 7, 6)
    got = attention(features).detach().numpy()
    state = {name: value.numpy() for name, value in attention.state_dict().items()}
    for case in range(2):
        h = features[case].numpy()
        h = (h - h.mean(1, keepdims=True)) / np.sqrt(h.var(1, keepdims=True) + 1e-5) + positions(7, 6).numpy()
        tanh = np.tanh(h @ state["content.weight"].T + state["content.bias"])
        sigmoid = 1 / (1 + np.exp(-(h @ state["gate.weight"].T + state["gate.bias"])))
        scores = (tanh * sigmoid) @ state["score.weight"][0]
        np.testing.assert_allclose(got[case], np.exp(scores) / np.exp(scores).sum(), rtol=1e-5)


def test_attention_knows_where_a_slice_lies_and_the_features_do_not() -> None:
    attention = GatedAttention(64, seed=2)
    with torch.no_grad():
        attention.score.weight.normal_(generator=torch.Generator().manual_seed(4))
    same = torch.rand(1, 1, 64).expand(1, 20, 64)
    weights = attention(same)[0]
    assert weights.max() > 1.2 * weights.min(), "equal slices differ by their position alone"
    code = positions(20, 64)
    distance = torch.cdist(code, code) + 10 * torch.eye(20)
    assert distance.min() > 0.5, "no two positions look alike"


def test_learnt_attention_weighs_the_slices_features(build, photographs) -> None:
    scans, encoder = volumes(32, 32, 9), learnt(build())
    flat = build_encoder("photos", store=photographs, seed=0).eval()
    with torch.no_grad():
        weights = encoder.slice_weights(scans)["axial"]
        features = torch.stack([flat(flat.normalised(by_hand(scan, "axial"))) for scan in scans])
        torch.testing.assert_close(weights.sum(1), torch.ones(2))
        assert weights.std() > 0.01
        torch.testing.assert_close(encoder(scans), (features * weights[..., None]).sum(1), rtol=1e-4, atol=1e-5)


def test_the_attentions_start_is_the_seeds_alone(build) -> None:
    first, again = build().tensors(), build().tensors()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert {name for name in first if name.startswith("attention.")} == {
        f"attention.axial.{part}" for part in
        ("content.weight", "content.bias", "gate.weight", "gate.bias", "score.weight")
    }  # fmt: skip


def features_and_gradients(encoder, scans: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    encoder.zero_grad()
    features = encoder(encoder.normalised(scans))
    features.square().sum().backward()
    return features.detach(), [parameter.grad.clone() for parameter in encoder.parameters()]


def test_chunks_change_neither_features_nor_gradients_while_batch_norm_is_frozen(build) -> None:
    scans = volumes(128, 128, 7).double()  # 14 slices of a third of 224 x 224 pixels: more than 4 whole ones
    whole = learnt(build(slices_at_once=32)).double()
    expected, gradients = features_and_gradients(whole, scans)
    for at_once in (1, 4):  # 4 does not divide 14: the last chunk is smaller, and one holds slices of both cases
        features, got = features_and_gradients(learnt(build(slices_at_once=at_once)).double(), scans)
        torch.testing.assert_close(features, expected, rtol=1e-9, atol=1e-12)
        for one, other in zip(got, gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9 * other.abs().max().item())


@pytest.mark.parametrize(
    "name", ["slices-photos", "inflated-photos", "acs-photos", "resnet10-medicalnet", "resnet10-3d"]
)
def test_the_frozen_pass_gives_the_features_of_the_trainable_pass(name, photographs) -> None:
    if name.startswith("resnet10"):
        encoder = build_untrained(find_encoder(name), seed=0).eval()
    else:
        one_at_a_time = VolumeSettings(slices_at_once=1)
        encoder = learnt(build_encoder(name, store=photographs, seed=0, volumes=one_at_a_time)).eval()
    scans = encoder.normalised(volumes(160, 40, 9))
    trainable = encoder(scans)
    assert trainable.requires_grad
    with torch.no_grad():
        frozen = encoder(scans)
    assert not frozen.requires_grad
    torch.testing.assert_close(frozen, trainable.detach(), rtol=1e-5, atol=1e-6)
    for parameter in encoder.parameters():
        parameter.requires_grad_(requires_grad=False)
    torch.testing.assert_close(encoder(scans), frozen, rtol=1e-5, atol=1e-6)


def test_as_many_slices_go_at_once_as_set_and_fewer_when_they_are_large() -> None:
    seen: list[int] = []

    def note(which: range) -> torch.Tensor:
        seen.append(len(which))
        return torch.zeros(len(which), 1)

    network = torch.nn.Identity()
    with torch.no_grad():
        assert in_chunks(note, count=70, pixels=64 * 64, at_once=32, network=network).shape == (70, 1)
        assert seen == [32, 32, 6]
        seen.clear()
        in_chunks(note, count=13, pixels=512 * 512, at_once=32, network=network)
        assert seen == [6, 6, 1]
        seen.clear()
        in_chunks(note, count=2, pixels=4096 * 4096, at_once=32, network=network)
        assert seen == [1, 1]


def test_a_second_pass_on_the_way_back_moves_no_statistics() -> None:
    encoder = build_untrained(find_encoder("slices-resnet10"), seed=0, volumes=VolumeSettings(slices_at_once=2)).train()
    plain = copy.deepcopy(encoder)
    scans = volumes(160, 160, 4, cases=1)  # as many pixels as 2.04 slices of 224 x 224, so in two chunks
    with torch.no_grad():
        plain(scans)
    encoder(scans).sum().backward()
    moved = encoder.state_dict()
    for name, expected in plain.state_dict().items():
        torch.testing.assert_close(moved[name], expected, msg=name)
    assert moved["body.stem.bn1.num_batches_tracked"] == 2
    assert all(part.momentum == 0.1 for part in encoder.modules() if isinstance(part, torch.nn.BatchNorm2d))


@contextmanager
def captured(stage: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """What the stage gives in the next pass, as leaves."""
    seen: list[torch.Tensor] = []

    def keep(_module, _inputs, output):
        leaf = output.detach().requires_grad_()
        seen.append(leaf)
        return leaf + 0

    handle = stage.register_forward_hook(keep)
    yield seen
    handle.remove()


@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
@pytest.mark.parametrize("planes", [("axial",), ("coronal", "sagittal", "axial")])
@pytest.mark.parametrize("at_once", [2, 32])
def test_the_maps_of_a_linear_head_add_up_to_its_logit_without_bias(pooling, planes, at_once, build) -> None:
    encoder = learnt(build(pooling=pooling, planes=planes, slices_at_once=at_once))
    scans = volumes(70, 40, 20)  # as many pixels as 2.2 slices of 224 x 224: chunks with 2 at once, none with 32
    head = torch.randn(512, generator=torch.Generator().manual_seed(8)) / 512**0.5
    with encoder.attention_held(), captured(encoder.stage("layer4")) as seen:
        logits = encoder(encoder.normalised(scans)) @ head
        activations = tuple(seen)
        gradients = torch.autograd.grad(logits.sum(), activations)
    evidence = [(one * other).sum(1).detach() for one, other in zip(activations, gradients, strict=True)]
    maps = encoder.assembled(evidence, 2, shape=tuple(scans.shape[2:]))
    torch.testing.assert_close(maps.sum((1, 2, 3)), logits.detach(), rtol=1e-4, atol=1e-4)
    if len(planes) == 1:
        assert torch.equal(maps, encoder.assembled(torch.cat(evidence), 2))
        assert maps.shape == (2, 3, 2, 20)


def test_attention_that_is_not_held_moves_with_the_maps_and_is_given_back(build) -> None:
    encoder, scans = learnt(build()), volumes(40, 40, 5)
    assert not encoder.attention_is_held

    def fail() -> None:
        assert encoder.attention_is_held
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), encoder.attention_held():
        fail()
    assert not encoder.attention_is_held
    encoder(scans).sum().backward()
    assert encoder.attention["axial"].score.weight.grad.abs().sum() > 0
    encoder.zero_grad()
    with encoder.attention_held():
        encoder(scans).sum().backward()
    assert encoder.attention["axial"].score.weight.grad is None


@pytest.mark.parametrize("planes", [("axial",), ("sagittal",), ("coronal",), THREE])
@pytest.mark.parametrize("position", [(48, 14, 20), (14, 50, 62)])
def test_a_planted_blob_is_found_where_it_was_planted(planes, position, build) -> None:
    encoder, shape = build(planes=planes, slices_at_once=16), (64, 72, 80)
    plain = torch.full((1, 1, *shape), 0.2)
    blob = plain.clone()
    right, anterior, superior = (slice(at - 3, at + 4) for at in position)
    blob[:, :, right, anterior, superior] = 1.0
    found = []
    for scan in (plain, blob):
        with torch.no_grad(), captured(encoder.stage("layer1")) as seen:
            encoder(scan)
        found.append([activation.detach() for activation in seen])
    changes = [(one - other).abs().sum(1) for one, other in zip(*found, strict=True)]
    (change,) = encoder.assembled(changes, 1, shape=shape)
    if len(planes) == 1:
        depth = {"axial": 2, "sagittal": 0, "coronal": 1}[planes[0]]
        expected = [side if axis == depth else side // 4 for axis, side in enumerate(shape)]
        assert list(change.shape) == expected
    weights = change / change.sum()
    for axis, (at, side) in enumerate(zip(position, shape, strict=True)):
        along = weights.sum([other for other in range(3) if other != axis])
        centre = ((torch.arange(len(along)) + 0.5) / len(along) * side * along).sum()
        assert centre.item() == pytest.approx(at + 0.5, abs=4), f"axis {axis}, in voxels; a position is 4 of them"


def test_slices_that_do_not_add_up_and_planes_without_a_shape_are_refused(build) -> None:
    with pytest.raises(ConfigurationError, match="7 slices were captured of 2 volumes; expected 2 times 3"):
        build().assembled(torch.zeros(7, 2, 2), 2)
    with pytest.raises(ConfigurationError, match="9 slices were captured of 2 volumes; expected 2 times 5"):
        build().assembled(torch.zeros(9, 2, 2), 2, shape=(8, 8, 5))
    with pytest.raises(
        ConfigurationError, match=r"2 planes \(axial, coronal\) cannot be distinguished .*expected shape="
    ):
        build(planes=("axial", "coronal")).assembled(torch.zeros(8, 2, 2), 2)


def test_pictures_and_coloured_volumes_are_refused(build) -> None:
    with pytest.raises(ConfigurationError, match=r"slices-photos takes volumes .*got 4 axes"):
        build().normalised(torch.rand(1, 1, 8, 8))
    with pytest.raises(ConfigurationError, match="slices-photos takes volumes of 1 channel; got 3"):
        build().normalised(torch.rand(1, 3, 8, 8, 8))


def test_a_stem_for_volumes_is_refused(photographs) -> None:
    for settings in (VolumeSettings(stem_stride=(1, 1, 1)), VolumeSettings(stem_thickness=3)):
        with pytest.raises(ConfigurationError, match="slices-photos sees slices as the pictures they are"):
            build_encoder("slices-photos", store=photographs, seed=0, volumes=settings)


def test_learnt_attention_comes_back_bit_for_bit_and_is_left_out_by_name_where_it_is_not_used(build, tmp_path) -> None:
    first, store, scans = learnt(build(planes=("axial", "coronal"))), WeightStore((tmp_path,)), volumes(32, 32, 5)
    store.save(first.tensors(), first.card.model_copy(update={"name": "mine"}))
    again = build_encoder("mine", store=store, seed=9).eval()
    with torch.no_grad():
        assert torch.equal(again(scans), first(scans)), "the seed draws nothing where weights are stored"
    by_mean = build_encoder("mine", store=store, seed=9, volumes=VolumeSettings(pooling="mean"))
    assert by_mean.account is not None
    assert len(by_mean.account.left_out) == 10
    assert {why for _, why in by_mean.account.left_out} == {"attention over slices that are not pooled by it here"}
