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
from monai.networks.nets.efficientnet import EfficientNetBN
from safetensors.torch import save_file
from torch import nn

from medtl.encoders.account import TensorFacts, account_for
from medtl.encoders.acs import AcsConvolution, groups_of
from medtl.encoders.architectures import Network, expected_shapes
from medtl.encoders.build import build_encoder, build_untrained
from medtl.encoders.catalogue import find_encoder
from medtl.encoders.encoder import Encoder
from medtl.encoders.families import architecture_of, family_of
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


EFFICIENTNETS = {  # factors of width and depth, parameters on torchvision's model pages
    "efficientnet_b0": (1.0, 1.0, 5_288_548),
    "efficientnet_b1": (1.0, 1.1, 7_794_184),
    "efficientnet_b2": (1.1, 1.2, 9_109_994),
    "efficientnet_b3": (1.2, 1.4, 12_233_232),
    "efficientnet_b4": (1.4, 1.8, 19_341_616),
}
EFFICIENTNET_B0 = [  # Tan and Le 2019, table 1
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]  # fmt: skip
OTHER_NAMES = {  # parts of a block that widens, of one that does not, by timm: torchvision, MONAI
    "conv_pw": ("block.0.0", "_expand_conv"), "bn1": ("block.0.1", "_bn0"),
    "conv_dw": ("block.1.0", "_depthwise_conv"), "bn2": ("block.1.1", "_bn1"),
    "se.conv_reduce": ("block.2.fc1", "_se_reduce"), "se.conv_expand": ("block.2.fc2", "_se_expand"),
    "conv_pwl": ("block.3.0", "_project_conv"), "bn3": ("block.3.1", "_bn2"),
}  # fmt: skip
OTHER_NAMES_OF_THE_FIRST = {
    "conv_dw": ("block.0.0", "_depthwise_conv"), "bn1": ("block.0.1", "_bn1"),
    "se.conv_reduce": ("block.1.fc1", "_se_reduce"), "se.conv_expand": ("block.1.fc2", "_se_expand"),
    "conv_pw": ("block.2.0", "_project_conv"), "bn2": ("block.2.1", "_bn2"),
}  # fmt: skip
ENDS = {
    "conv_stem": ("features.0.0", "_conv_stem"), "bn1": ("features.0.1", "_bn0"),
    "conv_head": ("features.8.0", "_conv_head"), "bn2": ("features.8.1", "_bn1"),
    "classifier": ("classifier.1", "_fc"),
}  # fmt: skip


def eights(channels: float) -> int:
    nearest = int(channels + 4) // 8 * 8
    return nearest if nearest >= 0.9 * channels else nearest + 8


def efficientnet_rows(architecture: str) -> list[tuple[int, int, int, int, int]]:
    width, depth, _ = EFFICIENTNETS[architecture]
    return [(e, eights(c * width), ceil(n * depth), s, k) for e, c, n, s, k in EFFICIENTNET_B0]


def efficientnet(architecture: str, by: str = "timm") -> dict[str, tuple[str, tuple[int, ...]]]:
    """The names of a layout -> timm's name and the shape."""
    width, _, _ = EFFICIENTNETS[architecture]
    into, counted, out = eights(32 * width), 0, {}

    def add(prefixes: dict[str, str], names: dict[str, tuple[str, str]], part: str, shapes: Shapes) -> None:
        ours = prefixes["timm"] + part
        theirs = {"timm": part, "torchvision": names[part][0]}.get(by, names[part][1])
        for rest, shape in shapes.items():
            out[f"{prefixes[by]}{theirs}{rest}"] = (f"{ours}{rest}", shape)

    nowhere = dict.fromkeys(("timm", "torchvision", "monai", "lukemelas"), "")
    add(nowhere, ENDS, "conv_stem", {".weight": (into, 3, 3, 3)})
    add(nowhere, ENDS, "bn1", norm("", into))
    for row, (widening, channels, blocks, _, side) in enumerate(efficientnet_rows(architecture)):
        for block in range(blocks):
            prefixes = {
                "timm": f"blocks.{row}.{block}.",
                "torchvision": f"features.{row + 1}.{block}.",
                "monai": f"_blocks.{row}.{counted}.",
                "lukemelas": f"_blocks.{counted}.",
            }
            wide, inner, names = into * widening, into // 4, OTHER_NAMES if widening > 1 else OTHER_NAMES_OF_THE_FIRST
            kernels = {
                "conv_pw": (wide, into, 1, 1), "conv_dw": (wide, 1, side, side),
                "se.conv_reduce": (inner, wide, 1, 1), "se.conv_expand": (wide, inner, 1, 1),
                "conv_pwl": (channels, wide, 1, 1),
            }  # fmt: skip
            if widening == 1:
                kernels["conv_pw"] = kernels.pop("conv_pwl")
            norms = {"bn1": wide, "bn2": wide, "bn3": channels} if widening > 1 else {"bn1": wide, "bn2": channels}
            for part, shape in kernels.items():
                bias = {".bias": shape[:1]} if part.startswith("se.") else {}
                add(prefixes, names, part, {".weight": shape} | bias)
            for part, length in norms.items():
                add(prefixes, names, part, norm("", length))
            into, counted = channels, counted + 1
    last = eights(1280 * width)
    add(nowhere, ENDS, "conv_head", {".weight": (last, into, 1, 1)})
    add(nowhere, ENDS, "bn2", norm("", last))
    add(nowhere, ENDS, "classifier", {".weight": (1000, last), ".bias": (1000,)})
    return out


def shapes_of(names: dict[str, tuple[str, tuple[int, ...]]]) -> Shapes:
    return {name: shape for name, (_, shape) in names.items()}


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


@pytest.mark.parametrize("by", ["timm", "torchvision", "monai", "lukemelas"])
@pytest.mark.parametrize("architecture", EFFICIENTNETS)
def test_an_efficientnets_file_is_known_by_its_names_and_fits_completely(architecture, by) -> None:
    names = efficientnet(architecture, by)
    learnt = [shape for name, (_, shape) in names.items() if name.endswith((".weight", ".bias"))]
    assert sum(torch.Size(shape).numel() for shape in learnt) == EFFICIENTNETS[architecture][2]
    (found,) = key_maps({f"module.{name}": shape for name, shape in shapes_of(names).items()})
    encoder_names = {key.removeprefix("module."): name for key, name in found.names.items()}
    heads = {name for name in names if name.startswith(("classifier", "_fc"))}
    assert {key: name for key, name in encoder_names.items() if key not in heads} == {
        key: name for key, (name, _) in names.items() if key not in heads
    }
    facts = {name: TensorFacts("float32", names[key][1]) for key, name in encoder_names.items()}
    account = account_for(facts, expected=expected_shapes(Network(architecture)))
    assert account.complete
    assert [why for _, why in account.left_out] == ["classifier of the source task"] * 2
    assert architecture_of({name: fact.shape for name, fact in facts.items()}) == architecture
    assert [names[head][1] for head in heads if head.endswith(".weight")] == [
        (1000, family_of(architecture).features[architecture])
    ]


@pytest.mark.parametrize("form", ["imagenet", "tf"])
@pytest.mark.parametrize("architecture", ["efficientnet_b0", pytest.param("efficientnet_b2", marks=pytest.mark.slow)])
def test_an_efficientnets_maps_are_those_of_the_forward_pass_by_hand(
    architecture, form, numbers, store, tmp_path
) -> None:
    weights = numbers(shapes_of(efficientnet(architecture)))
    name = {"imagenet": f"{architecture}-imagenet", "tf": f"tf_{architecture}-imagenet"}[form]
    encoder = imported(store, weights, name, tmp_path).double()
    scans = torch.rand(2, 3, 96, 70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    doubled = {key: tensor.double() for key, tensor in weights.items()}
    how = {"imagenet": {"pad": alike, "epsilon": 1e-5}, "tf": {"pad": as_tensorflow, "epsilon": 1e-3}}[form]
    expected = by_hand(scans, doubled, efficientnet_rows(architecture), activation=F.silu, **how)
    with torch.no_grad():
        torch.testing.assert_close(encoder.maps(scans), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("architecture", ["efficientnet_b0", pytest.param("efficientnet_b1", marks=pytest.mark.slow)])
def test_at_its_nominal_size_monais_efficientnet_is_the_same_function_and_elsewhere_not(
    architecture, numbers, store, tmp_path
) -> None:
    monai = EfficientNetBN(architecture.replace("_", "-"), pretrained=False).eval()
    weights = numbers({name: tuple(tensor.shape) for name, tensor in monai.state_dict().items()})
    assert set(weights) == set(efficientnet(architecture, "monai"))
    monai.load_state_dict(weights, strict=True)
    monai.double()
    encoder = imported(store, weights, f"tf_{architecture}-imagenet", tmp_path).double()
    seen = []
    monai._avg_pooling.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    nominal = {"efficientnet_b0": 224, "efficientnet_b1": 240}[architecture]
    scans = torch.rand(1, 3, nominal, nominal, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        monai(scans)
        torch.testing.assert_close(encoder.maps(scans), seen.pop(), rtol=1e-9, atol=1e-9)
        monai(scans[..., :-1, :-1])
        assert seen.pop().shape[-1] == encoder.maps(scans[..., :-1, :-1]).shape[-1] - 1, "MONAI's padding stays"


@pytest.mark.parametrize(("by", "form"), [("torchvision", "tf_"), ("monai", ""), ("lukemelas", "")])
def test_an_efficientnet_of_the_other_padding_is_refused_with_the_name_that_fits(
    by, form, blanks, store, tmp_path
) -> None:
    save_file(blanks(shapes_of(efficientnet("efficientnet_b0", by))), tmp_path / "file.safetensors")
    right = {"": "tf_efficientnet_b0-imagenet", "tf_": "efficientnet_b0-imagenet"}[form]
    with pytest.raises(ConfigurationError, match=rf"padding or strides are others.* Import it as {right},"):
        store.import_file(tmp_path / "file.safetensors", f"{form}efficientnet_b0-imagenet")
    mine = imported(store, blanks(shapes_of(efficientnet("efficientnet_b2", by))), "mine", tmp_path, like=right)
    assert (mine.card.architecture, mine.card.form) == ("efficientnet_b2", "imagenet" if form else "tf")


@pytest.mark.parametrize("architecture", ["mobilenetv2_100", "efficientnet_b0", "efficientnet_b4"])
def test_stages_are_cut_where_the_resolution_halves_and_chain_to_the_maps(architecture) -> None:
    encoder = build_untrained(find_encoder(architecture), seed=2).eval()
    maps = encoder.normalised(torch.rand(1, 1, 64, 64))
    with torch.no_grad():
        expected = encoder.maps(maps)
        for stage, side in zip(encoder.stages, (32, 16, 8, 4, 2), strict=True):
            maps = encoder.stage(stage)(maps)
            assert maps.shape[-1] == side
        assert torch.equal(maps, expected)
    by_stage = [key for name in encoder.stages for key, _ in encoder.stage(name).named_parameters()]
    assert len(by_stage) == len(list(encoder.parameters())), "each parameter is in exactly one stage"
    again = build_untrained(find_encoder(architecture), seed=2).tensors()
    assert all(torch.equal(tensor, again[name]) for name, tensor in encoder.tensors().items())
    with torch.no_grad():
        assert 0.1 < encoder.train().maps(torch.randn(4, 3, 64, 64)).std() < 10, "training starts at a spread of one"


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 2), (1, 2)])
def test_tensorflows_padding_gives_its_grid_and_values(side, kernel, stride) -> None:
    convolution = SameConvolution2d(2, 3, kernel, stride=stride).double()
    pictures = torch.rand(1, 2, side, side + 3, dtype=torch.float64)
    expected = F.conv2d(as_tensorflow(pictures, kernel, stride), convolution.weight, convolution.bias, stride=stride)
    torch.testing.assert_close(convolution(pictures), expected)
    assert expected.shape[2:] == (ceil(side / stride), ceil((side + 3) / stride))


@pytest.mark.parametrize("plane", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("name", ["photos", "tf_photos", "efficient", "tf_efficient"])
def test_inflated_gives_the_2d_features_of_equal_slices(plane, name, inverted) -> None:
    side = 64 if name.startswith("tf_") else 65  # TensorFlow's padding is turned with the pictures, so any side will do
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
    """A store with a MobileNetV2 (`photos`) and an EfficientNet (`efficient`), in both paddings (`tf_`)."""
    store = WeightStore((tmp_path_factory.mktemp("inverted"),))
    made = {
        "photos": (mobilenet("timm"), "mobilenetv2_100-imagenet"),
        "efficient": (shapes_of(efficientnet("efficientnet_b0")), "efficientnet_b0-imagenet"),
    }
    for name, (shapes, like) in made.items():
        body = {key: tensor for key, tensor in numbers(shapes).items() if not key.startswith("classifier.")}
        for form in ("", "tf_"):
            store.save(body, find_encoder(f"{form}{like}").model_copy(update={"name": f"{form}{name}"}))
    return store
