"""SE-ResNets: MONAI's networks, whose strides sit in the first convolution of a block, as in the authors' Caffe.

timm's `seresnet50` (without `legacy_`) has its strides in the second one and other names: it is another network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, cast

from medtl.encoders.families.family import Family, Layout, Published, count_of_blocks

if TYPE_CHECKING:
    from torch import nn

BLOCKS: Final[dict[tuple[int, ...], str]] = {(3, 4, 6, 3): "se_resnet50"}
"""Blocks per layer, Hu et al. 2018, table 1."""

CHANNELS_OF_THE_FIRST: Final = (64, 64)
"""Out and in of the first 3 x 3 convolution; an SE-ResNeXt has the same names and more channels in groups."""


def build(architecture: str, space: Literal[2, 3], channels: int) -> nn.Module:
    """MONAI's SE-ResNet; its classifier is in none of the stages."""
    from monai.networks.nets import senet

    networks = {"se_resnet50": senet.SEResNet50}
    return cast("nn.Module", networks[architecture](spatial_dims=space, in_channels=channels, num_classes=1))


def architecture_of(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The SE-ResNet that tensors belong to, by its blocks and the channels of the first."""
    found = set(shapes)
    blocks = tuple(count_of_blocks(found, rf"layer{n}\.(\d+)\.se_layer\.fc\.0\.weight") for n in (1, 2, 3, 4))
    if not sum(blocks):
        return None
    is_plain = shapes.get("layer1.0.conv2.conv.weight", ())[:2] == CHANNELS_OF_THE_FIRST
    return BLOCKS.get(blocks, "") if is_plain else ""


def fewest_voxels(stem_stride: int) -> int:
    """The least length of an axis: the pooling takes no padding, so the stem has to leave it two positions."""
    return stem_stride + 1


def _by_monai(inside: str) -> str:
    return inside


def _by_cadene(inside: str) -> str:
    if inside.startswith("layer0."):
        return inside
    for theirs, ours in PARTS.items():
        inside = re.sub(theirs, ours, inside)
    return inside


PARTS: Final = {
    r"\.conv([123])\.": r".conv\1.conv.",
    r"\.bn([123])\.": r".conv\1.adn.N.",
    r"\.se_module\.fc1\.": ".se_layer.fc.0.",
    r"\.se_module\.fc2\.": ".se_layer.fc.2.",
    r"\.downsample\.0\.": ".project.conv.",
    r"\.downsample\.1\.": ".project.adn.N.",
}
LAYERS: Final = re.compile(r"layer[0-4]")

SE_RESNET: Final = Family(
    label="SE-ResNet",
    features={"se_resnet50": 2048},
    stages={
        "stem": ("layer0",),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4",),
    },
    stem="layer0.conv1",
    initial_fan="fan_in",
    citation="Hu et al., Squeeze-and-Excitation Networks, CVPR (2018)",
    build=build,
    architecture_of=architecture_of,
    fewest_voxels=fewest_voxels,
    layouts=(
        Layout(
            "MONAI SE-ResNet", re.compile(r"(?P<prefix>(?:.*\.)?)layer1\.0\.se_layer\.fc\.0\.weight"), LAYERS, _by_monai
        ),
        Layout(
            "SE-ResNet of Cadene's pretrained-models or timm (legacy_)",
            re.compile(r"(?P<prefix>(?:.*\.)?)layer1\.0\.se_module\.fc1\.weight"),
            LAYERS,
            _by_cadene,
        ),
    ),
    bare_volumes=("se_resnet50",),
    imagenet={
        "se_resnet50": Published(
            "https://github.com/rwightman/pytorch-image-models/releases/tag/v0.1-cadene (se_resnet50-ce0d4300.pth)",
            "not stated with the file; ask its publishers before you hand it on",
        )
    },
    note="Cadene's copy of the authors' Caffe weights; timm calls it legacy_seresnet50.",
)
