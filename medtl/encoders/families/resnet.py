"""ResNets: MONAI's networks with the arguments that published weights were trained with.

MONAI's defaults are another network: with `conv1_t_stride=1` the same weights load strictly and give other features
(pinned by a test).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, cast

from medtl.encoders.families.family import NO_LICENCE, Family, Layout, Published, count_of_blocks

if TYPE_CHECKING:
    from torch import nn

SEQUENTIAL: Final = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""Position in torchvision's ResNet -> name; 2 and 3 are the activation and the pooling, without tensors."""

BLOCKS: Final[dict[tuple[bool, tuple[int, ...]], str]] = {
    (False, (1, 1, 1, 1)): "resnet10",
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
    (True, (3, 4, 23, 3)): "resnet101",
}
"""(bottleneck blocks?, blocks per layer), He et al. 2016, table 1."""


def build(architecture: str, space: Literal[2, 3], channels: int, *, shortcut_type: str = "B") -> nn.Module:
    """MONAI's ResNet without its classifier."""
    from monai.networks.nets import resnet

    return cast(
        "nn.Module",
        getattr(resnet, architecture)(
            spatial_dims=space,
            n_input_channels=channels,
            conv1_t_stride=2,
            shortcut_type=shortcut_type,
            bias_downsample=False,
            feed_forward=False,
        ),
    )


def architecture_of(names: Iterable[str]) -> str | None:
    """The ResNet that tensor names belong to, by its blocks."""
    found = set(names)
    blocks = tuple(count_of_blocks(found, rf"layer{n}\.(\d+)\.conv1\.weight") for n in (1, 2, 3, 4))
    return BLOCKS.get(("layer1.0.conv3.weight" in found, blocks), "") if sum(blocks) else None


def _by_name(inside: str) -> str:
    return inside


def _by_position(inside: str) -> str:
    position, _, rest = inside.partition(".")
    return f"{SEQUENTIAL.get(position, position)}.{rest}"


RESNET = Family(
    label="ResNet",
    features={"resnet10": 512, "resnet18": 512, "resnet34": 512, "resnet50": 2048, "resnet101": 2048},
    stages={
        "stem": ("conv1", "bn1", "act", "maxpool"),
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer4": ("layer4",),
    },
    stem="conv1",
    initial_fan="fan_out",
    citation="He et al., Deep Residual Learning for Image Recognition, CVPR (2016)",
    build=build,
    architecture_of=architecture_of,
    layouts=(
        Layout(
            "torchvision, timm or MONAI ResNet",
            re.compile(r"(?P<prefix>(?:.*\.)?)layer1\.0\.conv1\.weight"),
            re.compile(r"conv1|bn1|layer\d+"),
            _by_name,
        ),
        Layout(
            "ResNet by position (RadImageNet, Sequential)",
            re.compile(r"(?P<prefix>(?:.*\.)?)4\.0\.conv1\.weight"),
            re.compile(r"[014567]"),
            _by_position,
        ),
    ),
    bare_volumes=("resnet10", "resnet18", "resnet34", "resnet50", "resnet101"),
    imagenet={
        "resnet18": Published("timm/resnet18.a1_in1k", "Apache-2.0"),
        "resnet34": Published("timm/resnet34.a1_in1k", "Apache-2.0"),
        "resnet50": Published("timm/resnet50.a1_in1k", "Apache-2.0"),
        "resnet101": Published("timm/resnet101.a1h_in1k", "Apache-2.0"),
    },
    radimagenet={
        "resnet50": Published(
            "ResNet50.pt",
            "MIT, as tagged by the uploader; the images themselves need a request to the authors",
            "08629f7e7bd3e29b8ee9522ca3f65ce4d010a7ddf74f0ea3c7e3f3d0bbab0734",
        ),
    },
    radiologynet={
        "resnet18": Published("ResNet18.tar.gz", NO_LICENCE),
        "resnet34": Published("ResNet34.tar.gz", NO_LICENCE),
        "resnet50": Published("ResNet50.tar.gz", NO_LICENCE),
    },
)
