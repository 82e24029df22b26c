"""MobileNetV2, which MONAI does not have: a network of its own, by timm's names.

Two kinds of published weights share all names and shapes: those of torchvision and timm pad both ends of a side alike,
those of TensorFlow and Keras pad the far end (`same_padding`). They are two families; a card says which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from medtl.encoders.families.family import Family, Layout, Published, count_of_blocks
from medtl.encoders.families.timm_names import BY_TIMM, stages

if TYPE_CHECKING:
    from torch import nn

ROWS: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (3, 3, 2, 6, 32),
    (4, 3, 2, 6, 64),
    (3, 3, 1, 6, 96),
    (3, 3, 2, 6, 160),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride, widening and channels, Sandler et al. 2018, table 2."""

BLOCKS: Final = tuple(row[0] for row in ROWS)
HEAD: Final = 1280
CITATION: Final = "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR (2018)"
HALF: Final = (0.5, 0.5, 0.5)


def build(architecture: str, space: Literal[2, 3], channels: int, *, pads_as_tensorflow: bool = False) -> nn.Module:
    """MobileNetV2 of width 1 without its classifier."""
    from torch.nn import ReLU6

    from medtl.encoders.families.inverted_residuals import Layers, Row, network

    layers = Layers(space, partial(ReLU6, inplace=True), pads_as_tensorflow=pads_as_tensorflow)
    return network(layers, [Row(*row) for row in ROWS], channels=channels, stem=32, head=HEAD)


def architecture_of(names: Mapping[str, tuple[int, ...]]) -> str | None:
    """MobileNetV2, where there are its blocks and nothing squeezes."""
    found = set(names)
    blocks = tuple(count_of_blocks(found, rf"blocks\.{n}\.(\d+)\.conv_dw\.weight") for n in range(len(BLOCKS)))
    if not sum(blocks) or any(".se." in name for name in found):
        return None
    return "mobilenetv2_100" if blocks == BLOCKS else ""


def _by_torchvision(inside: str) -> str:
    """The name in timm's words of torchvision's `features.<block>.conv.<layer>...`; blocks are counted through."""
    number, _, rest = inside.partition(".")
    if number == "0":
        return re.sub(r"^0\.", "conv_stem.", re.sub(r"^1\.", "bn1.", rest))
    if number == "18":
        return re.sub(r"^0\.", "conv_head.", re.sub(r"^1\.", "bn2.", rest))
    row, block = 0, int(number) - 1 if number.isdecimal() else -1
    while row < len(BLOCKS) and block >= BLOCKS[row]:
        row, block = row + 1, block - BLOCKS[row]
    layer = LAYERS_OF_THE_FIRST if number == "1" else LAYERS
    for theirs, ours in layer.items():
        if rest.startswith(theirs):
            return f"blocks.{row}.{block}.{ours}{rest.removeprefix(theirs)}"
    return f"{number}.{rest}"


LAYERS_OF_THE_FIRST: Final = {"conv.0.0.": "conv_dw.", "conv.0.1.": "bn1.", "conv.1.": "conv_pw.", "conv.2.": "bn2."}
LAYERS: Final = {
    "conv.0.0.": "conv_pw.",
    "conv.0.1.": "bn1.",
    "conv.1.0.": "conv_dw.",
    "conv.1.1.": "bn2.",
    "conv.2.": "conv_pwl.",
    "conv.3.": "bn3.",
}

MOBILENET: Final = Family(
    label="MobileNetV2",
    features={"mobilenetv2_100": HEAD},
    stages=stages((0,), (1,), (2,), (3, 4), (5, 6)),
    stem="conv_stem",
    stem_side=3,
    initial_fan="fan_in",
    citation=CITATION,
    made_by="medtl's network, by timm's names",
    build=build,
    architecture_of=architecture_of,
    layouts=(
        BY_TIMM,
        Layout(
            "torchvision MobileNetV2",
            re.compile(r"(?P<prefix>(?:.*\.)?)1\.conv\.0\.0\.weight"),
            re.compile(r"\d+"),
            _by_torchvision,
            has_own_part=True,
            form="imagenet",
        ),
    ),
    bare_volumes=("mobilenetv2_100",),
    imagenet={"mobilenetv2_100": Published("timm/mobilenetv2_100.ra_in1k", "Apache-2.0")},
    note="Its padding is the same at both ends of a side. Weights of TensorFlow pad otherwise and have the same names: "
    "those are tf_mobilenetv2_100-imagenet.",
)

TF_MOBILENET: Final = replace(
    MOBILENET,
    build=partial(build, pads_as_tensorflow=True),
    architecture_of=lambda names: None,  # a file's names cannot tell it from the other one: its card does
    layouts=(),
    bare_volumes=(),
    form="tf",
    imagenet={
        "mobilenetv2_100": Published(
            "https://github.com/google-coral/test_data (tf2_mobilenet_v2_1.0_224_ptq.tflite, under timm's names)",
            "Apache-2.0",
            mean=HALF,
            std=HALF,
        )
    },
    note="It pads as TensorFlow's SAME. Weights of torchvision and of timm's own training pad otherwise and have the "
    "same names: those are mobilenetv2_100-imagenet.",
)
