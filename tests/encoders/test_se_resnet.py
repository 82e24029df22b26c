"""SE-ResNet-50 computes the published function; the witness is the forward pass by hand, from Cadene's names."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from equal_slices import picture, stack
from monai.networks.nets import senet
from safetensors.torch import save_file

from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.families import architecture_of
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError

Shapes = dict[str, tuple[int, ...]]

BLOCKS = (3, 4, 6, 3)


def norm(name: str, channels: int) -> Shapes:
    """As PyTorch 0.3 wrote it, without counters."""
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def cadene() -> Shapes:
    """se_resnet50-ce0d4300.pth; Hu et al. 2018, table 1, a sixteenth of the channels in the middle."""
    shapes: Shapes = {"layer0.conv1.weight": (64, 3, 7, 7)} | norm("layer0.bn1", 64)
    into = 64
    for layer, (blocks, planes) in enumerate(zip(BLOCKS, (64, 128, 256, 512), strict=True), start=1):
        out = 4 * planes
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            sizes = ((planes, into, 1), (planes, planes, 3), (out, planes, 1))
            for number, (to, of, side) in enumerate(sizes, start=1):
                shapes[f"{name}.conv{number}.weight"] = (to, of, side, side)
                shapes |= norm(f"{name}.bn{number}", to)
            for number, (to, of) in enumerate(((out // 16, out), (out, out // 16)), start=1):
                shapes[f"{name}.se_module.fc{number}.weight"] = (to, of, 1, 1)
                shapes[f"{name}.se_module.fc{number}.bias"] = (to,)
            if block == 0:
                shapes[f"{name}.downsample.0.weight"] = (out, into, 1, 1)
                shapes |= norm(f"{name}.downsample.1", out)
            into = out
    return shapes | {"last_linear.weight": (1000, 2048), "last_linear.bias": (1000,)}


def by_hand(x, w):
    def normed(x, name):
        return F.batch_norm(x, *(w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    x = F.relu(normed(F.conv2d(x, w["layer0.conv1.weight"], stride=2, padding=3), "layer0.bn1"))
    x = F.max_pool2d(x, 3, 2, ceil_mode=True)
    for layer, blocks in enumerate(BLOCKS, start=1):
        for block in range(blocks):
            name, stride, y = f"layer{layer}.{block}", 2 if layer > 1 and block == 0 else 1, x
            for number, step in enumerate((stride, 1, 1), start=1):
                kernel = w[f"{name}.conv{number}.weight"]
                y = normed(F.conv2d(y, kernel, stride=step, padding=kernel.shape[-1] // 2), f"{name}.bn{number}")
                y = F.relu(y) if number < 3 else y
            inner, outer = (
                (w[f"{name}.se_module.fc{number}.weight"], w[f"{name}.se_module.fc{number}.bias"]) for number in (1, 2)
            )
            squeezed = F.relu(F.conv2d(F.adaptive_avg_pool2d(y, 1), *inner))
            y = y * torch.sigmoid(F.conv2d(squeezed, *outer))
            if block == 0:
                x = normed(F.conv2d(x, w[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1")
            x = F.relu(x + y)
    return x


@pytest.fixture(scope="module")
def weights(numbers) -> dict[str, torch.Tensor]:
    return numbers(cadene())


@pytest.fixture(scope="module")
def stored(weights, tmp_path_factory) -> WeightStore:
    """A store into which Cadene's file was imported."""
    folder = tmp_path_factory.mktemp("squeezed")
    save_file(weights, folder / "file.safetensors")
    store = WeightStore((folder / "weights",))
    store.import_file(folder / "file.safetensors", "se_resnet50-imagenet")
    return store


def test_cadenes_file_fits_completely_and_has_the_published_number_of_parameters(stored) -> None:
    shapes = cadene()
    learnt = [shape for name, shape in shapes.items() if name.endswith((".weight", ".bias"))]
    assert sum(torch.Size(shape).numel() for shape in learnt) == 28_088_024, "28.09 M in timm's table of results"
    account = build_encoder("se_resnet50-imagenet", store=stored, seed=0).account
    assert account is not None
    assert account.complete
    rules = dict(account.adapted)
    assert [rules.pop(name) for name in list(rules) if ".se_layer." in name] == [
        "1 x 1 kernel read as the matrix it is"
    ] * 32
    assert all("counter absent" in rule for rule in rules.values())
    assert len(rules) == 53, "one counter for each normalisation"
    assert len(account.loaded) == len(shapes) - 2 - 32
    assert [why for _, why in account.left_out] == ["classifier of the source task"] * 2


def test_the_maps_are_those_of_the_forward_pass_by_hand(stored, weights) -> None:
    encoder = build_encoder("se_resnet50-imagenet", store=stored, seed=0).eval().double()
    scans = torch.rand(2, 3, 96, 70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = by_hand(scans, {name: tensor.double() for name, tensor in weights.items()})
    with torch.no_grad():
        torch.testing.assert_close(encoder.maps(scans), expected, rtol=1e-9, atol=1e-9)


def test_monais_names_are_its_own_and_a_name_of_ones_own_finds_it(stored, numbers, store, tmp_path) -> None:
    encoder = build_encoder("se_resnet50-imagenet", store=stored, seed=0)
    monai = senet.SEResNet50(spatial_dims=2, in_channels=3)
    monai.load_state_dict(
        encoder.tensors() | {f"last_linear.{part}": getattr(monai.last_linear, part) for part in ("weight", "bias")},
        strict=True,
    )
    save_file({f"model.{name}": tensor for name, tensor in monai.state_dict().items()}, tmp_path / "f.safetensors")
    store.import_file(tmp_path / "f.safetensors", "mine", like="resnet18-imagenet")
    mine = build_encoder("mine", store=store, seed=0)
    assert mine.card.architecture == "se_resnet50"
    own = encoder.tensors()
    assert all(torch.equal(tensor, own[name]) for name, tensor in mine.tensors().items())


def test_an_se_resnext_and_timms_newer_se_resnet_are_other_networks(blanks, store, tmp_path) -> None:
    twin = senet.SEResNext50(spatial_dims=2, in_channels=3).state_dict()
    assert architecture_of({name: tuple(tensor.shape) for name, tensor in twin.items()}) is None
    newer = {
        name.replace("layer0.", "").replace("se_module", "se").replace("last_linear", "fc"): shape
        for name, shape in cadene().items()
    }
    save_file(blanks(newer), tmp_path / "f.safetensors")
    with pytest.raises(ConfigurationError, match=r"does not fit se_resnet50-imagenet"):
        store.import_file(tmp_path / "f.safetensors", "se_resnet50-imagenet")


def test_stages_are_cut_where_the_resolution_halves() -> None:
    encoder = build_untrained(find_encoder("se_resnet50"), seed=2).eval()
    maps = encoder.normalised(torch.rand(1, 1, 64, 64))
    with torch.no_grad():
        expected = encoder.maps(maps)
        for stage, side in zip(encoder.stages, (16, 16, 8, 4, 2), strict=True):
            maps = encoder.stage(stage)(maps)
            assert maps.shape[-1] == side
        assert torch.equal(maps, expected)
    assert encoder.feature_count == expected.shape[1] == 2048


@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_inflated_gives_the_2d_features_of_equal_slices(plane, stored) -> None:
    side = 69  # 32 n + 5: its pool, without padding, then lies evenly from both ends
    flat = build_encoder("se_resnet50-imagenet", store=stored, seed=0).eval().double()
    inflated = build_encoder(
        "inflated-se_resnet50-imagenet", store=stored, seed=0, volumes=VolumeSettings(planes=plane)
    )
    inflated = inflated.eval().double()
    one = picture(side).double()
    with torch.no_grad():
        expected = flat(flat.normalised(one[None, None]))
        got = inflated(inflated.normalised(stack(one, plane=plane, depth=5)))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["slices-se_resnet50", "acs-se_resnet50", "se_resnet50-3d"])
def test_volumes_go_through_in_every_way_and_too_small_ones_are_refused(name) -> None:
    encoder = build_untrained(find_encoder(name), seed=0).eval()
    with torch.no_grad():
        features = encoder(encoder.normalised(torch.rand(1, 1, 20, 24, 3)))
    assert features.shape == (1, 2048)
    if not name.startswith("slices"):
        with pytest.raises(ConfigurationError, match="needs at least 3 x 3 x 3 voxels; got 20 x 24 x 2"):
            encoder.normalised(torch.rand(1, 1, 20, 24, 2))


def test_squeezing_has_a_gradient_that_cuda_can_repeat() -> None:
    """PyTorch's adaptive pooling to one position is a plain mean, whose gradient has one order of sums."""
    for space in (2, 3):
        layer = senet.SEResNet50(spatial_dims=space, in_channels=1).layer1[0].se_layer
        pooled = layer.avg_pool(torch.rand(1, 4, *[3] * space, requires_grad=True))
        assert pooled.grad_fn.name() == "MeanBackward1"
