"""The encoder computes the published function; the witness is the forward pass written out in torch.nn.functional."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets import resnet
from safetensors.torch import save_file

from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure

QUICK = ("resnet10", "resnet18", "densenet121")
LONG = tuple(
    pytest.param(name, marks=pytest.mark.slow) for name in ("resnet34", "resnet50", "resnet101", "densenet169")
)


def norm(x, w, name):
    parts = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts, training=False, eps=1e-5)


def resnet_by_hand(x, w):
    x = F.max_pool2d(F.relu(norm(F.conv2d(x, w["conv1.weight"], stride=2, padding=3), w, "bn1")), 3, 2, 1)
    for layer in (1, 2, 3, 4):
        block = 0
        while f"layer{layer}.{block}.conv1.weight" in w:
            name, stride = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1
            is_bottleneck = f"{name}.conv3.weight" in w
            strides = (1, stride, 1) if is_bottleneck else (stride, 1)
            y = x
            for n, step in enumerate(strides, start=1):
                kernel = w[f"{name}.conv{n}.weight"]
                y = norm(F.conv2d(y, kernel, stride=step, padding=kernel.shape[-1] // 2), w, f"{name}.bn{n}")
                y = F.relu(y) if n < len(strides) else y
            if f"{name}.downsample.0.weight" in w:
                x = norm(F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride), w, f"{name}.downsample.1")
            x, block = F.relu(x + y), block + 1
    return x


def densenet_by_hand(x, w):
    x = F.relu(norm(F.conv2d(x, w["features.conv0.weight"], stride=2, padding=3), w, "features.norm0"))
    x = F.max_pool2d(x, 3, 2, 1)
    for block in (1, 2, 3, 4):
        layer = 1
        while f"features.denseblock{block}.denselayer{layer}.conv1.weight" in w:
            name = f"features.denseblock{block}.denselayer{layer}"
            y = F.conv2d(F.relu(norm(x, w, f"{name}.norm1")), w[f"{name}.conv1.weight"])
            y = F.conv2d(F.relu(norm(y, w, f"{name}.norm2")), w[f"{name}.conv2.weight"], padding=1)
            x, layer = torch.cat([x, y], 1), layer + 1
        if block < 4:
            name = f"features.transition{block}"
            x = F.avg_pool2d(F.conv2d(F.relu(norm(x, w, f"{name}.norm")), w[f"{name}.conv.weight"]), 2)
    return F.relu(norm(x, w, "features.norm5"))


@pytest.mark.parametrize(
    "architecture",
    ["resnet18", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet50", "resnet101", "densenet121"))],
)
def test_mapped_weights_give_the_published_networks_feature_maps(
    architecture, layout, numbers, store, tmp_path
) -> None:
    weights = numbers(layout(architecture))
    save_file(weights, tmp_path / "file.safetensors")
    store.import_file(tmp_path / "file.safetensors", f"{architecture}-imagenet")
    encoder = build_encoder(f"{architecture}-imagenet", store=store, seed=0).eval().double()
    scans = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = {name: value.double() for name, value in weights.items()}  # random weights amplify float32's rounding
    by_hand = resnet_by_hand if architecture.startswith("resnet") else densenet_by_hand
    with torch.no_grad():
        expected, got = by_hand(scans, weights), encoder.maps(scans)
        assert got.shape == (2, encoder.feature_count, 3, 2)
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(encoder(scans), expected.mean((2, 3)), rtol=1e-9, atol=1e-9)
    assert encoder.account is not None
    assert encoder.account.summary == encoder.card.account


def test_monais_default_stride_loads_strictly_and_gives_other_features() -> None:
    encoder = build_untrained(find_encoder("resnet18"), seed=1).eval()
    surprise = resnet.resnet18(spatial_dims=2, bias_downsample=False, feed_forward=False).eval()
    surprise.load_state_dict(encoder.tensors(), strict=True)
    right = resnet.resnet18(spatial_dims=2, conv1_t_stride=2, bias_downsample=False, feed_forward=False).eval()
    right.load_state_dict(encoder.tensors(), strict=True)
    scans = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(encoder(scans), right(scans), rtol=1e-5, atol=1e-5)
        assert (encoder(scans) - surprise(scans)).abs().max() > 0.01 * encoder(scans).abs().max()


@pytest.mark.parametrize("architecture", [*QUICK, *LONG])
def test_every_architecture_has_ordered_stages_that_chain_to_its_maps(architecture) -> None:
    encoder = build_untrained(find_encoder(architecture), seed=2).eval()
    assert encoder.stages[0] == "stem"
    assert len(encoder.stages) == 5
    scans = encoder.normalised(torch.rand(1, 1, 64, 64))
    with torch.no_grad():
        x = scans
        for name in encoder.stages:
            x = encoder.stage(name)(x)
        assert torch.equal(x, encoder.maps(scans))
        assert encoder(scans).shape == (1, encoder.feature_count)
    by_stage = [key for name in encoder.stages for key, _ in encoder.stage(name).named_parameters()]
    assert len(by_stage) == len(list(encoder.parameters())), "each parameter is in exactly one stage"


@pytest.mark.parametrize("architecture", ["resnet18", pytest.param("resnet50", marks=pytest.mark.slow), "densenet121"])
def test_what_a_hook_sees_of_a_stage_is_not_changed_later_and_carries_gradients(architecture) -> None:
    encoder = build_untrained(find_encoder(architecture), seed=2).eval()
    for name in encoder.stages:
        seen = []
        handle = encoder.stage(name).register_forward_hook(
            lambda _, __, out, seen=seen: seen.extend([out, out.clone()])
        )
        score = encoder(torch.rand(1, 3, 64, 64)).sum()
        handle.remove()
        output, at_the_time = seen
        assert torch.equal(output, at_the_time)
        (gradient,) = torch.autograd.grad(score, output)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0


def test_an_unknown_stage_is_refused_with_the_names_there_are() -> None:
    encoder = build_untrained(find_encoder("resnet10"), seed=0)
    with pytest.raises(
        ConfigurationError, match="no stage 'layer5'; its stages are stem, layer1, layer2, layer3, layer4"
    ):
        encoder.stage("layer5")


def test_the_seed_alone_decides_first_weights_and_global_chance_is_untouched(store) -> None:
    before = torch.random.get_rng_state()
    first, again = (build_encoder("resnet10", store=store, seed=11).tensors() for _ in range(2))
    other = build_encoder("resnet10", store=store, seed=12).tensors()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


@pytest.mark.parametrize(("architecture", "fan"), [("resnet18", "out"), ("densenet121", "in")])
def test_first_weights_have_the_spread_of_he_et_al(architecture, fan) -> None:
    tensors = build_untrained(find_encoder(architecture), seed=4).tensors()
    for key, weight in tensors.items():
        if weight.ndim == 4 and weight.numel() > 50_000:
            sides = weight.shape[0 if fan == "out" else 1] * weight.shape[2] * weight.shape[3]
            assert weight.std().item() == pytest.approx((2 / sides) ** 0.5, rel=0.03), key


def test_equal_scans_give_equal_features_bit_for_bit() -> None:
    encoder = build_untrained(find_encoder("resnet18"), seed=4).eval()
    scans = encoder.normalised(torch.rand(4, 1, 64, 64))
    with torch.no_grad():
        assert torch.equal(encoder(scans), encoder(scans.clone()))


def test_scans_are_mapped_to_the_value_range_and_standardised() -> None:
    card = find_encoder("resnet18").model_copy(
        update={"value_range": (-1024.0, 1024.0), "mean": (0.0, 10.0, 0.0), "std": (1.0, 2.0, 1.0)}
    )
    normalised = build_untrained(card, seed=0).normalised(torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3))
    assert normalised[0, 0, 0].tolist() == [-1024, 0, 1024]
    assert normalised[0, 1, 0].tolist() == [-517, -5, 507]


def test_a_grey_scan_is_its_own_colour_picture() -> None:
    encoder = build_untrained(find_encoder("resnet50-imagenet"), seed=0)
    grey = torch.rand(2, 1, 8, 8)
    assert torch.equal(encoder.normalised(grey), encoder.normalised(grey.expand(-1, 3, -1, -1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18-imagenet", "densenet121-radimagenet"])
def test_both_grey_rules_give_the_same_features_and_gradients_up_to_the_border(name) -> None:
    card = find_encoder(name)
    repeat = build_untrained(card, seed=6).eval().double()
    summed = build_untrained(card.model_copy(update={"grey_rule": "sum_stem"}), seed=6).eval().double()
    grey = torch.rand(2, 1, 64, 48, dtype=torch.float64)
    maps = [encoder.stage("stem")(encoder.normalised(grey)) for encoder in (repeat, summed)]
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-6, atol=1e-6)
    features = [encoder(encoder.normalised(grey)) for encoder in (repeat, summed)]
    torch.testing.assert_close(features[0], features[1], rtol=1e-5, atol=1e-6)
    for outcome in features:
        outcome.square().sum().backward()
    first = [next(iter(encoder.stage("stem").parameters())).grad for encoder in (repeat, summed)]
    torch.testing.assert_close(first[0], first[1], rtol=1e-4, atol=1e-5 * first[0].abs().max().item())
    assert repeat.tensors().keys() == summed.tensors().keys()


def test_scans_of_the_wrong_number_of_channels_are_refused() -> None:
    grey_only = find_encoder("resnet10").model_copy(update={"channels": 1, "mean": (0.5,), "std": (0.25,)})
    summed = find_encoder("resnet10").model_copy(update={"grey_rule": "sum_stem"})
    for card in (grey_only, summed):
        with pytest.raises(ConfigurationError, match=r"takes scans of 1 channel\(s\).*got 3"):
            build_untrained(card, seed=0).normalised(torch.rand(1, 3, 32, 32))
    with pytest.raises(ConfigurationError, match=r"takes scans of 1 or 3 channel\(s\).*got 4"):
        build_untrained(find_encoder("resnet10"), seed=0).normalised(torch.rand(1, 4, 32, 32))


def test_an_encoder_of_ones_own_comes_back_bit_for_bit(store: WeightStore) -> None:
    card = find_encoder("resnet10").model_copy(
        update={
            "name": "phantoms",
            "trained_on": "phantoms",
            "published_sha256": "0" * 64,
            "original_sha256": "0" * 64,
            "channels": 1,
            "mean": (0.5,),
            "std": (0.25,),
        }
    )
    encoder = build_untrained(card, seed=9)
    stored = store.save(encoder.tensors(), card)
    assert stored.needs_weights
    assert (stored.layout, stored.original_sha256, stored.published_sha256) == ("medtl", None, None)
    again = build_encoder("phantoms", store=store, seed=0)
    assert again.card == stored
    assert again.account is not None
    assert again.account.adapted == ()
    scans = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(encoder.eval()(encoder.normalised(scans)), again.eval()(again.normalised(scans)))
    assert all(parameter.requires_grad for parameter in again.parameters())


def test_a_card_that_was_edited_to_another_architecture_is_refused(store: WeightStore) -> None:
    card = find_encoder("resnet10").model_copy(update={"name": "mine"})
    store.save(build_untrained(card, seed=9).tensors(), card)
    file = store.folders[0] / "mine" / "card.json"
    file.write_text(file.read_text().replace('"resnet10"', '"resnet18"'))
    with pytest.raises(IntegrityFailure, match=r"do not fit its card, a resnet18 .*missing \(layer1.1.conv1.weight"):
        build_encoder("mine", store=store, seed=0)
