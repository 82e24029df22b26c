"""Networks of inverted residuals compute the published functions; the witnesses are layouts and forward passes by hand.

The tables are those of the papers; timm's and torchvision's names are written down from their checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil

import pytest
import torch
import torch.nn.functional as F
from equal_slices import picture, stack
from safetensors.torch import save_file
from torch import nn

from medtl.encoders.acs import AcsConvolution, groups_of
from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.encoder import Encoder
from medtl.encoders.key_maps import key_maps
from medtl.encoders.same_padding import SameConvolution2d, SameConvolution3d
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.views import kernel_in_plane
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError

Shapes = dict[str, tuple[int, ...]]
Layer = tuple[str, str, tuple[int, ...]]  # timm's name, torchvision's name, shape of the kernel

MOBILENET = [  # widening, channels, blocks, stride, kernel: Sandler et al. 2018, table 2
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3), (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
]  # fmt: skip


def norm(name: str, channels: int) -> Shapes:
    vectors = {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}
    return vectors | {f"{name}.num_batches_tracked": ()}


def mobilenet_layers() -> Iterator[tuple[str, str, str, str, tuple[int, ...]]]:
    """Each convolution: timm's name and that of its normalisation, torchvision's, and the kernel's shape."""
    yield "conv_stem", "bn1", "features.0.0", "features.0.1", (32, 3, 3, 3)
    into, counted = 32, 1
    for row, (widening, out, blocks, _, side) in enumerate(MOBILENET):
        for block in range(blocks):
            ours, theirs, wide = f"blocks.{row}.{block}", f"features.{counted}.conv", into * widening
            by_channel, counted = (wide, 1, side, side), counted + 1
            if widening == 1:
                yield f"{ours}.conv_dw", f"{ours}.bn1", f"{theirs}.0.0", f"{theirs}.0.1", by_channel
                yield f"{ours}.conv_pw", f"{ours}.bn2", f"{theirs}.1", f"{theirs}.2", (out, wide, 1, 1)
            else:
                yield f"{ours}.conv_pw", f"{ours}.bn1", f"{theirs}.0.0", f"{theirs}.0.1", (wide, into, 1, 1)
                yield f"{ours}.conv_dw", f"{ours}.bn2", f"{theirs}.1.0", f"{theirs}.1.1", by_channel
                yield f"{ours}.conv_pwl", f"{ours}.bn3", f"{theirs}.2", f"{theirs}.3", (out, wide, 1, 1)
            into = out
    yield "conv_head", "bn2", "features.18.0", "features.18.1", (1280, 320, 1, 1)


def mobilenet(by: str) -> Shapes:
    shapes: Shapes = {}
    for conv, bn, their_conv, their_bn, shape in mobilenet_layers():
        shapes[f"{conv if by == 'timm' else their_conv}.weight"] = shape
        shapes |= norm(bn if by == "timm" else their_bn, shape[0])
    head = "classifier" if by == "timm" else "classifier.1"
    return shapes | {f"{head}.weight": (1000, 1280), f"{head}.bias": (1000,)}


def as_tensorflow(x: torch.Tensor, side: int, stride: int) -> torch.Tensor:
    """TensorFlow's documentation of SAME: out = ceil(in / stride), the odd zero at the bottom and at the right."""
    height, width = (max((ceil(length / stride) - 1) * stride + side - length, 0) for length in x.shape[-2:])
    return nn.ZeroPad2d((width // 2, width - width // 2, height // 2, height - height // 2))(x)


def by_hand(x, w, rows, *, activation, pad, epsilon=1e-5):
    """The forward pass from timm's names; `pad` brings the zeros."""

    def convolved(x, name, stride=1, groups=1):
        kernel = w[f"{name}.weight"]
        return F.conv2d(pad(x, kernel.shape[-1], stride), kernel, w.get(f"{name}.bias"), stride=stride, groups=groups)

    def normed(x, name):
        return F.batch_norm(
            x, *(w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")), eps=epsilon
        )

    def squeezed(x, name):
        if f"{name}.se.conv_reduce.weight" not in w:
            return x
        inner = activation(convolved(x.mean((2, 3), keepdim=True), f"{name}.se.conv_reduce"))
        return x * torch.sigmoid(convolved(inner, f"{name}.se.conv_expand"))

    x = activation(normed(convolved(x, "conv_stem", 2), "bn1"))
    for row, (_, _, blocks, first_stride, _) in enumerate(rows):
        for block in range(blocks):
            name, y, stride = f"blocks.{row}.{block}", x, first_stride if block == 0 else 1
            names = ("conv_dw", "conv_pw") if f"{name}.conv_pwl.weight" not in w else ("conv_pw", "conv_dw", "conv_pwl")
            for number, part in enumerate(names, start=1):
                groups = y.shape[1] if part == "conv_dw" else 1
                y = normed(convolved(y, f"{name}.{part}", stride if groups > 1 else 1, groups), f"{name}.bn{number}")
                y = activation(y) if part != names[-1] else y
                y = squeezed(y, name) if part == "conv_dw" else y
            x = x + y if x.shape == y.shape and stride == 1 else y
    return activation(normed(convolved(x, "conv_head"), "bn2"))


def alike(x: torch.Tensor, side: int, stride: int) -> torch.Tensor:
    return F.pad(x, (side // 2,) * 4)


def imported(store: WeightStore, tensors: dict[str, torch.Tensor], name: str, tmp_path, **how: str) -> Encoder:
    save_file(tensors, tmp_path / "file.safetensors")
    store.import_file(tmp_path / "file.safetensors", name, **how)
    return build_encoder(name, store=store, seed=0).eval()


@pytest.mark.parametrize("by", ["timm", "torchvision"])
def test_a_mobilenets_file_is_known_by_its_names_and_fits_completely(by, blanks, store, tmp_path) -> None:
    shapes = mobilenet(by)
    parameters = sum(torch.Size(shape).numel() for key, shape in shapes.items() if key.endswith((".weight", ".bias")))
    assert parameters == 3_504_872, "torchvision's model page of mobilenet_v2"
    (found,) = key_maps(shapes)
    assert by in found.layout
    encoder = imported(store, blanks(shapes), "mobilenetv2_100-imagenet", tmp_path)
    assert encoder.account is not None
    assert encoder.account.complete
    assert len(encoder.account.loaded) + len(encoder.account.adapted) == len(shapes) - 2
    assert [why for _, why in encoder.account.left_out] == ["classifier of the source task"] * 2
    mine = imported(store, blanks(shapes), "mine", tmp_path, like="resnet18-imagenet")
    assert mine.card.architecture == "mobilenetv2_100"


def test_both_layouts_and_the_forward_pass_by_hand_give_the_same_maps(numbers, store, tmp_path) -> None:
    weights = numbers(mobilenet("timm"))
    renamed = {}
    for conv, bn, their_conv, their_bn, _ in mobilenet_layers():
        renamed |= {key.replace(f"{conv}.", f"{their_conv}.", 1): weights[key] for key in (f"{conv}.weight",)}
        renamed |= {key.replace(f"{bn}.", f"{their_bn}.", 1): weights[key] for key in norm(bn, 1)}
    renamed |= {f"classifier.1.{part}": weights[f"classifier.{part}"] for part in ("weight", "bias")}
    assert {key: tuple(tensor.shape) for key, tensor in renamed.items()} == mobilenet("torchvision")
    scans = torch.rand(2, 3, 96, 70, generator=torch.Generator().manual_seed(0))
    maps = []
    for number, tensors in enumerate((weights, renamed)):
        encoder = imported(WeightStore((tmp_path / str(number),)), tensors, "mobilenetv2_100-imagenet", tmp_path)
        maps.append(encoder.double().maps(scans.double()))
    assert torch.equal(*maps)
    doubled = {name: tensor.double() for name, tensor in weights.items()}
    expected = by_hand(scans.double(), doubled, MOBILENET, activation=F.relu6, pad=alike)
    torch.testing.assert_close(maps[0], expected, rtol=1e-9, atol=1e-9)
    assert maps[0].shape == (2, 1280, 3, 3)


def test_the_same_file_under_tensorflows_padding_is_another_function(numbers, store, tmp_path) -> None:
    weights = numbers(mobilenet("timm"))
    encoder = imported(store, weights, "tf_mobilenetv2_100-imagenet", tmp_path).double()
    assert (encoder.card.mean, encoder.card.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    scans = torch.rand(2, 3, 96, 70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    doubled = {name: tensor.double() for name, tensor in weights.items()}
    expected = by_hand(scans, doubled, MOBILENET, activation=F.relu6, pad=as_tensorflow)
    with torch.no_grad():
        got = encoder.maps(scans)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
    other = by_hand(scans, doubled, MOBILENET, activation=F.relu6, pad=alike)
    assert (got - other).abs().max() > 0.01 * got.abs().max()


def test_a_layout_of_one_padding_is_refused_under_the_name_of_the_other(blanks, store, tmp_path) -> None:
    save_file(blanks(mobilenet("torchvision")), tmp_path / "file.safetensors")
    for how in ({"name": "tf_mobilenetv2_100-imagenet"}, {"name": "mine", "like": "tf_mobilenetv2_100-imagenet"}):
        with pytest.raises(
            ConfigurationError, match=r"torchvision MobileNetV2, .* Import it as mobilenetv2_100-imagen"
        ):
            store.import_file(tmp_path / "file.safetensors", **how)


@pytest.mark.parametrize("architecture", ["mobilenetv2_100"])
def test_stages_are_cut_where_the_resolution_halves_and_chain_to_the_maps(architecture) -> None:
    encoder = build_untrained(find_encoder(architecture), seed=2).eval()
    maps = encoder.normalised(torch.rand(1, 1, 64, 64))
    with torch.no_grad():
        expected = encoder.maps(maps)
        for stage, side in zip(encoder.stages, (32, 16, 8, 4, 2), strict=True):
            maps = encoder.stage(stage)(maps)
            assert maps.shape[-1] == side
            assert 0.1 < maps.std() < 10, "untrained weights keep the spread"
        assert torch.equal(maps, expected)
    by_stage = [key for name in encoder.stages for key, _ in encoder.stage(name).named_parameters()]
    assert len(by_stage) == len(list(encoder.parameters())), "each parameter is in exactly one stage"
    again = build_untrained(find_encoder(architecture), seed=2).tensors()
    assert all(torch.equal(tensor, again[name]) for name, tensor in encoder.tensors().items())


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 2)])
def test_tensorflows_padding_gives_its_grid_and_values(side, kernel, stride) -> None:
    convolution = SameConvolution2d(2, 3, kernel, stride=stride).double()
    pictures = torch.rand(1, 2, side, side + 3, dtype=torch.float64)
    expected = F.conv2d(as_tensorflow(pictures, kernel, stride), convolution.weight, convolution.bias, stride=stride)
    torch.testing.assert_close(convolution(pictures), expected)
    assert expected.shape[2:] == (ceil(side / stride), ceil((side + 3) / stride))


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("name", ["photos", "tf_photos"])
def test_inflated_gives_the_2d_features_of_equal_slices(plane, name, inverted) -> None:
    side = 65 if name == "photos" else 64  # TensorFlow's padding is turned with the pictures, so any side will do
    settings = VolumeSettings(planes=plane)
    flat = build_encoder(name, store=inverted, seed=0).eval().double()
    inflated = build_encoder(f"inflated-{name}", store=inverted, seed=0, volumes=settings).eval().double()
    one = picture(side).double()
    with torch.no_grad():
        expected = flat(flat.normalised(one[None, None]))
        got = inflated(inflated.normalised(stack(one, plane=plane, depth=5)))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("convolution", [nn.Conv3d, SameConvolution3d])
@pytest.mark.parametrize("groups", [1, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_acs_is_three_groups_of_flat_kernels_also_channel_by_channel(convolution, groups, stride) -> None:
    """Each group as a cube with its kernel in the middle plane, through the 3D convolution that ACS replaces."""
    whole = convolution(7, 7, 3, stride=stride, padding=1, groups=groups).double()
    acs = AcsConvolution(whole).double()
    kernel = torch.randn(7, 7 // groups, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    acs.load_state_dict({"weight": kernel, "bias": whole.bias.detach()}, strict=True)
    with torch.no_grad():
        whole.weight.zero_()
        first = 0
        for plane, count, middle in zip(("axial", "coronal", "sagittal"), groups_of(7), (4, 3, 2), strict=True):
            flat = kernel_in_plane(kernel[first : first + count], plane)
            whole.weight[first : first + count].select(middle, 1).copy_(flat.squeeze(middle))
            first += count
    volume = torch.rand(2, 7, 8, 9, 10, dtype=torch.float64)
    torch.testing.assert_close(acs(volume), whole(volume))


def test_acs_of_other_groups_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="in 2 groups of 2 channels"):
        AcsConvolution(nn.Conv3d(4, 4, 3, groups=2))


@pytest.mark.parametrize(
    "name", ["slices-photos", "inflated-photos", "acs-photos", "acs-tf_photos", "inflated-tf_photos"]
)
def test_volumes_go_through_in_every_way_and_grey_is_grey_shown_three_times(name, inverted) -> None:
    encoder = build_encoder(name, store=inverted, seed=0).eval()
    volume = torch.rand(1, 1, 34, 40, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = encoder(encoder.normalised(volume))
    assert features.shape == (1, encoder.feature_count)
    assert torch.isfinite(features).all()
    if not name.startswith("slices"):
        repeated = build_encoder(name, store=inverted, seed=0).eval()
        stem = repeated.stage("stem").conv_stem
        three = volume.expand(-1, 3, -1, -1, -1) - torch.tensor(encoder.card.mean).view(1, 3, 1, 1, 1)
        three = three / torch.tensor(encoder.card.std).view(1, 3, 1, 1, 1)
        with torch.no_grad():
            torch.testing.assert_close(
                encoder.stage("stem").conv_stem(volume), stem.convolve(three, stem.weight), rtol=1e-4, atol=1e-4
            )


def test_thin_stems_have_the_thickness_of_the_settings() -> None:
    for thickness, expected in ((None, 3), (1, 1), (5, 5)):
        settings = VolumeSettings(stem_thickness=thickness, stem_stride=(2, 2, 1))
        encoder = build_untrained(find_encoder("inflated-mobilenetv2_100"), seed=0, volumes=settings)
        assert encoder.tensors()["conv_stem.weight"].shape == (32, 3, 3, 3, expected)
        with torch.no_grad():
            maps = encoder.eval().stage("stem")(encoder.normalised(torch.rand(1, 1, 16, 16, 4)))
        assert maps.shape == (1, 16, 8, 8, 4)


@pytest.fixture(scope="session")
def inverted(numbers: Callable[[Shapes], dict[str, torch.Tensor]], tmp_path_factory) -> WeightStore:
    """A store with `photos` and `tf_photos`: a MobileNetV2 with three different colours, in both paddings."""
    store = WeightStore((tmp_path_factory.mktemp("inverted"),))
    body = {key: tensor for key, tensor in numbers(mobilenet("timm")).items() if not key.startswith("classifier.")}
    for name, like in (("photos", "mobilenetv2_100-imagenet"), ("tf_photos", "tf_mobilenetv2_100-imagenet")):
        store.save(body, find_encoder(like).model_copy(update={"name": name}))
    return store
