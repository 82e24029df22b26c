"""Layouts of published files, written down from their papers and code, not from MONAI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from shared_data import SHARED

from medtl.encoders.catalogue import find_encoder
from medtl.encoders.weight_store import WeightStore

Shapes = dict[str, tuple[int, ...]]

RESNETS = {
    "resnet10": (1, (1, 1, 1, 1)),
    "resnet18": (1, (2, 2, 2, 2)),
    "resnet34": (1, (3, 4, 6, 3)),
    "resnet50": (4, (3, 4, 6, 3)),
    "resnet101": (4, (3, 4, 23, 3)),
}
DENSENETS = {"densenet121": (6, 12, 24, 16), "densenet169": (6, 12, 32, 32)}


def _norm(name: str, channels: int) -> Shapes:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in vectors} | {f"{name}.num_batches_tracked": ()}


def _resnet(architecture: str) -> Shapes:
    expansion, layers = RESNETS[architecture]
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7)} | _norm("bn1", 64)
    inside = 64
    for layer, (blocks, planes) in enumerate(zip(layers, (64, 128, 256, 512), strict=True), start=1):
        outside = planes * expansion
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            sizes = [(planes, inside, 3), (planes, planes, 3)]
            if expansion == 4:
                sizes = [(planes, inside, 1), (planes, planes, 3), (outside, planes, 1)]
            for n, (out, into, size) in enumerate(sizes, start=1):
                shapes[f"{name}.conv{n}.weight"] = (out, into, size, size)
                shapes |= _norm(f"{name}.bn{n}", out)
            if block == 0 and (layer > 1 or inside != outside):
                shapes[f"{name}.downsample.0.weight"] = (outside, inside, 1, 1)
                shapes |= _norm(f"{name}.downsample.1", outside)
            inside = outside
    return shapes | {"fc.weight": (1000, inside), "fc.bias": (1000,)}


def _densenet(architecture: str) -> Shapes:
    shapes: Shapes = {"features.conv0.weight": (64, 3, 7, 7)} | _norm("features.norm0", 64)
    channels = 64
    for block, layers in enumerate(DENSENETS[architecture], start=1):
        for layer in range(1, layers + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            shapes |= _norm(f"{name}.norm1", channels) | {f"{name}.conv1.weight": (128, channels, 1, 1)}
            shapes |= _norm(f"{name}.norm2", 128) | {f"{name}.conv2.weight": (32, 128, 3, 3)}
            channels += 32
        if block < 4:
            name = f"features.transition{block}"
            shapes |= _norm(f"{name}.norm", channels) | {f"{name}.conv.weight": (channels // 2, channels, 1, 1)}
            channels //= 2
    shapes |= _norm("features.norm5", channels)
    return shapes | {"classifier.weight": (1000, channels), "classifier.bias": (1000,)}


@pytest.fixture(scope="session")
def layout() -> Callable[[str], Shapes]:
    """Names and shapes of torchvision's and timm's checkpoint of an architecture."""
    return lambda architecture: _resnet(architecture) if architecture in RESNETS else _densenet(architecture)


@pytest.fixture(scope="session")
def numbers() -> Callable[[Shapes], dict[str, torch.Tensor]]:
    """Random tensors of the given shapes, with positive variances, scaled so that features stay of order one."""

    def draw(shapes: Shapes) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(5)
        tensors = {}
        for key, shape in shapes.items():
            if key.endswith("num_batches_tracked"):
                tensors[key] = torch.tensor(7)
            elif key.endswith(("running_var", "norm.weight")) or (len(shape) == 1 and key.endswith(".weight")):
                tensors[key] = torch.rand(shape, generator=generator) + 0.5
            else:
                fan_in = max(1, torch.Size(shape[1:]).numel())
                tensors[key] = (
                    torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5 * (0.1 if len(shape) < 2 else 1)
                )
        return tensors

    return draw


@pytest.fixture(scope="session")
def blanks() -> Callable[[Shapes], dict[str, torch.Tensor]]:
    """One number throughout, in half precision, where only names and shapes matter."""
    return lambda shapes: {
        key: torch.full(shape, 1, dtype=torch.int64 if key.endswith("num_batches_tracked") else torch.float16)
        for key, shape in shapes.items()
    }


@pytest.fixture
def store(tmp_path: Path) -> WeightStore:
    """An empty weight store."""
    return WeightStore((tmp_path / "weights",))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real scans and weights beside the checkout; the test is skipped where it is absent."""
    if not (SHARED / "weights").is_dir():
        pytest.skip("the real weights are not beside this checkout (MEDTL_SHARED names another folder)")
    return SHARED


@pytest.fixture(scope="session")
def photographs(layout, numbers, tmp_path_factory) -> WeightStore:
    """A store with one 2D encoder, `photos`: a ResNet-10 with three different colours, to be read only."""
    store = WeightStore((tmp_path_factory.mktemp("photographs"),))
    card = find_encoder("resnet18-imagenet").model_copy(update={"name": "photos", "architecture": "resnet10"})
    body = {key: tensor for key, tensor in numbers(layout("resnet10")).items() if not key.startswith("fc.")}
    store.save(body, card)
    return store
