"""DenseNets, as MONAI builds them; published files name their layers in three ways."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, cast

from medtl.encoders.families.family import NO_LICENCE, Family, Layout, Published, count_of_blocks

if TYPE_CHECKING:
    from torch import nn

DENSE_LAYERS: Final[dict[tuple[int, ...], str]] = {(6, 12, 24, 16): "densenet121", (6, 12, 32, 32): "densenet169"}
"""Layers per dense block, Huang et al. 2017, table 1."""

PARTS: Final = re.compile(r"conv0|norm0|denseblock\d+|transition\d+|norm5")
AS_ON_ITS_PAGE: Final = "as stated on its page (torchvision itself: BSD-3-Clause)"


def build(architecture: str, space: Literal[2, 3], channels: int) -> nn.Module:
    """MONAI's DenseNet without its classifier, with the activation before the pooling."""
    from monai.networks.nets import densenet

    whole = getattr(densenet, architecture)(spatial_dims=space, in_channels=channels, out_channels=1)
    whole.features.add_module("relu", whole.class_layers.relu)
    return cast("nn.Module", whole.features)


def architecture_of(names: Iterable[str]) -> str | None:
    """The DenseNet that tensor names belong to, by its dense layers."""
    found = set(names)
    layers = tuple(
        count_of_blocks(found, rf"features\.denseblock{n}\.denselayer(\d+)\.layers\.conv1\.weight")
        for n in (1, 2, 3, 4)
    )
    return DENSE_LAYERS.get(layers, "") if sum(layers) else None


def fewest_voxels(stem_stride: int) -> int:
    """The least length of an axis: it is halved five times, rounded down in the last three."""
    after_three_halvings = 8
    before_pool = 2 * after_three_halvings - 1
    return stem_stride * (before_pool - 1) + 1


def _to_monai(inside: str) -> str:
    return "features." + re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", inside)


def _layout(words: str, first_norm: str) -> Layout:
    anchor = re.compile(rf"(?P<prefix>(?:.*\.)?)denseblock1\.denselayer1\.{re.escape(first_norm)}\.weight")
    return Layout(words, anchor, PARTS, _to_monai, has_own_part=True)


DENSENET = Family(
    label="DenseNet",
    features={"densenet121": 1024, "densenet169": 1664},
    stages={
        "stem": ("conv0", "norm0", "relu0", "pool0"),
        "denseblock1": ("denseblock1", "transition1"),
        "denseblock2": ("denseblock2", "transition2"),
        "denseblock3": ("denseblock3", "transition3"),
        "denseblock4": ("denseblock4", "norm5", "relu"),
    },
    stem="conv0",
    name_prefix="features.",
    initial_fan="fan_in",
    citation="Huang et al., Densely Connected Convolutional Networks, CVPR (2017)",
    build=build,
    architecture_of=architecture_of,
    fewest_voxels=fewest_voxels,
    layouts=(
        _layout("MONAI DenseNet", "layers.norm1"),
        _layout("torchvision or timm DenseNet", "norm1"),
        _layout("old torchvision DenseNet (norm.1)", "norm.1"),
    ),
    bare_volumes=("densenet121",),
    imagenet={
        "densenet121": Published("timm/densenet121.tv_in1k", AS_ON_ITS_PAGE),
        "densenet169": Published("timm/densenet169.tv_in1k", AS_ON_ITS_PAGE),
    },
    radimagenet={
        "densenet121": Published(
            "DenseNet121.pt",
            "MIT, as tagged by the uploader; the images themselves need a request to the authors",
            "5011b427acf483b3c05d9d4ac6ea4ff0baf5714c23937c0fcdc7c446226d0a14",
        ),
    },
    radiographs={
        "densenet121": Published(
            "torchxrayvision/densenet121-res224-all",
            "Apache-2.0",
            "56524913dd16a906422e8d8b66a7a5c46be1d82eb7ac012d8103776f1aa68899",
        ),
    },
    radiologynet={"densenet121": Published("DenseNet121.tar.gz", NO_LICENCE)},
)
