"""EfficientNets B0 to B4, built as their weights were trained; MONAI's own pad for one size of image only.

Two kinds of published weights share all names and shapes. Those of torchvision and of timm's own training pad both ends
of a side alike. Those of TensorFlow, which MONAI, lukemelas and timm (`tf_`) have ported, pad the far end and divide by
a larger epsilon: the form `tf`. MONAI and lukemelas fix that padding for the architecture's nominal size of image;
here it follows the image, and at the nominal size the two are one function (pinned by a test).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from medtl.encoders.families.family import NO_LICENCE, Family, Layout, Published, count_of_blocks
from medtl.encoders.families.timm_names import BY_TIMM, stages

if TYPE_CHECKING:
    from torch import nn

ROWS: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride, widening and channels of B0, Tan and Le 2019, table 1."""

SCALES: Final[dict[str, tuple[float, float]]] = {
    "efficientnet_b0": (1.0, 1.0),
    "efficientnet_b1": (1.0, 1.1),
    "efficientnet_b2": (1.1, 1.2),
    "efficientnet_b3": (1.2, 1.4),
    "efficientnet_b4": (1.4, 1.8),
}
"""Factors of channels and of blocks, from the authors' code."""

CHANNELS_COME_IN: Final = 8
MOST_LOST: Final = 0.1
"""Rounding takes at most this share of the channels away."""

EPSILON, EPSILON_OF_TENSORFLOW = 1e-5, 1e-3
AS_ON_ITS_PAGE: Final = "Apache-2.0, as stated on its page"


def scaled(channels: int, factor: float) -> int:
    """Channels times the factor, in whole eights."""
    exact = channels * factor
    rounded = max(CHANNELS_COME_IN, int(exact + CHANNELS_COME_IN / 2) // CHANNELS_COME_IN * CHANNELS_COME_IN)
    return rounded + CHANNELS_COME_IN if rounded < (1 - MOST_LOST) * exact else rounded


def blocks_of(architecture: str) -> tuple[int, ...]:
    """Blocks of each row."""
    return tuple(math.ceil(row[0] * SCALES[architecture][1]) for row in ROWS)


def build(architecture: str, space: Literal[2, 3], channels: int, *, pads_as_tensorflow: bool = False) -> nn.Module:
    """The EfficientNet without its classifier, and without the chance that drops whole blocks in training."""
    from torch.nn import SiLU

    from medtl.encoders.families.inverted_residuals import Layers, Row, network

    epsilon = EPSILON_OF_TENSORFLOW if pads_as_tensorflow else EPSILON
    layers = Layers(space, SiLU, pads_as_tensorflow=pads_as_tensorflow, epsilon=epsilon, squeezes=True)
    width = SCALES[architecture][0]
    rows = [
        Row(blocks, kernel, stride, widening, scaled(out, width))
        for blocks, (_, kernel, stride, widening, out) in zip(blocks_of(architecture), ROWS, strict=True)
    ]
    return network(layers, rows, channels=channels, stem=scaled(32, width), head=FEATURES[architecture])


FEATURES: Final = {architecture: scaled(1280, width) for architecture, (width, _) in SCALES.items()}


def architecture_of(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The EfficientNet, by its blocks, and by its last channels where two have as many blocks (B1 and B2)."""
    found = set(shapes)
    blocks = tuple(count_of_blocks(found, rf"blocks\.{n}\.(\d+)\.se\.conv_reduce\.weight") for n in range(len(ROWS)))
    if not sum(blocks):
        return None
    as_deep = [architecture for architecture in SCALES if blocks_of(architecture) == blocks]
    last = shapes.get("conv_head.weight", (0,))[0]
    return next((architecture for architecture in as_deep if FEATURES[architecture] == last), (as_deep or [""])[0])


def _by_torchvision(inside: str) -> str:
    """The name in timm's words of torchvision's `features.<row>.<block>.block.<layer>...`."""
    row, _, rest = inside.partition(".")
    if row in ("0", "8"):
        convolution, norm = ("conv_stem", "bn1") if row == "0" else ("conv_head", "bn2")
        return re.sub(r"^0\.", f"{convolution}.", re.sub(r"^1\.", f"{norm}.", rest))
    block, _, layer = rest.partition(".block.")
    for theirs, ours in (FIRST_ROW if row == "1" else OTHER_ROWS).items():
        if layer.startswith(theirs):
            return f"blocks.{int(row) - 1}.{block}.{ours}{layer.removeprefix(theirs)}"
    return inside


FIRST_ROW: Final = {
    "0.0.": "conv_dw.",
    "0.1.": "bn1.",
    "1.fc1.": "se.conv_reduce.",
    "1.fc2.": "se.conv_expand.",
    "2.0.": "conv_pw.",
    "2.1.": "bn2.",
}
OTHER_ROWS: Final = {
    "0.0.": "conv_pw.",
    "0.1.": "bn1.",
    "1.0.": "conv_dw.",
    "1.1.": "bn2.",
    "2.fc1.": "se.conv_reduce.",
    "2.fc2.": "se.conv_expand.",
    "3.0.": "conv_pwl.",
    "3.1.": "bn3.",
}


def _by_monai(insides: Iterable[str]) -> Callable[[str], str]:
    """From MONAI's and lukemelas's names, which count the blocks of all rows through, to timm's."""
    counted = {int(match[1]) for inside in insides if (match := COUNTED.match(inside))}
    as_deep = [blocks_of(name) for name in SCALES if sum(blocks_of(name)) == len(counted)]
    within = [(row, block) for row, blocks in enumerate(as_deep[0] if as_deep else ()) for block in range(blocks)]

    def to_timm(inside: str) -> str:
        match = COUNTED.match(inside)
        if match is None:
            part, _, rest = inside.partition(".")
            return f"{OUTSIDE_OF_BLOCKS.get(part, part)}.{rest}"
        if int(match[1]) >= len(within):
            return inside
        row, block = within[int(match[1])]
        layers = LAYERS_WITHOUT_WIDENING if row == 0 else LAYERS
        return f"blocks.{row}.{block}.{layers.get(match[2], match[2])}.{inside[match.end() :]}"

    return to_timm


COUNTED: Final = re.compile(r"_blocks\.(?:\d+\.)?(\d+)\.(_\w+)\.")
OUTSIDE_OF_BLOCKS: Final = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
LAYERS: Final = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
LAYERS_WITHOUT_WIDENING: Final = LAYERS | {"_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}

EFFICIENTNET: Final = Family(
    label="EfficientNet",
    features=FEATURES,
    stages=stages((0,), (1,), (2,), (3, 4), (5, 6)),
    stem="conv_stem",
    stem_side=3,
    initial_fan="fan_in",
    citation="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML (2019)",
    made_by="medtl's network, by timm's names",
    build=build,
    architecture_of=architecture_of,
    layouts=(
        BY_TIMM,
        Layout(
            "torchvision EfficientNet",
            re.compile(r"(?P<prefix>(?:.*\.)?)1\.0\.block\.0\.0\.weight"),
            re.compile(r"\d+"),
            _by_torchvision,
            has_own_part=True,
            form="imagenet",
        ),
        Layout(
            "MONAI or lukemelas EfficientNet",
            re.compile(r"(?P<prefix>(?:.*\.)?)_blocks\.0\.(?:0\.)?_depthwise_conv\.weight"),
            re.compile(r"_conv_stem|_bn0|_blocks|_conv_head|_bn1"),
            lambda inside: inside,
            to_monai_in_file=_by_monai,
            form="tf",
        ),
    ),
    bare_volumes=("efficientnet_b0",),
    imagenet={
        "efficientnet_b0": Published("timm/efficientnet_b0.ra_in1k", "Apache-2.0"),
        "efficientnet_b1": Published("timm/efficientnet_b1.ft_in1k", "Apache-2.0"),
        "efficientnet_b2": Published("timm/efficientnet_b2.ra_in1k", AS_ON_ITS_PAGE, input_size_px=256),
        "efficientnet_b3": Published("timm/efficientnet_b3.ra2_in1k", "Apache-2.0", input_size_px=288),
        "efficientnet_b4": Published("timm/efficientnet_b4.ra2_in1k", "Apache-2.0", input_size_px=320),
    },
    radiologynet={
        "efficientnet_b3": Published("EfficientNetB3.tar.gz", NO_LICENCE, input_size_px=300),
        "efficientnet_b4": Published("EfficientNetB4.tar.gz", NO_LICENCE, input_size_px=380),
    },
    note="Its padding is the same at both ends of a side. Weights of TensorFlow (timm's tf_, MONAI's, lukemelas's) pad "
    "otherwise and fit by name and shape: those are tf_efficientnet_b0-imagenet and so on.",
)

TF_EFFICIENTNET: Final = replace(
    EFFICIENTNET,
    build=partial(build, pads_as_tensorflow=True),
    architecture_of=lambda shapes: None,  # a file's names cannot tell it from the other one: its card does
    layouts=(),
    bare_volumes=(),
    form="tf",
    radiologynet={},
    imagenet={
        "efficientnet_b0": Published("timm/tf_efficientnet_b0.aa_in1k", "Apache-2.0"),
        "efficientnet_b1": Published("timm/tf_efficientnet_b1.aa_in1k", "Apache-2.0", input_size_px=240),
        "efficientnet_b2": Published("timm/tf_efficientnet_b2.aa_in1k", "Apache-2.0", input_size_px=260),
        "efficientnet_b3": Published("timm/tf_efficientnet_b3.aa_in1k", "Apache-2.0", input_size_px=300),
        "efficientnet_b4": Published("timm/tf_efficientnet_b4.aa_in1k", AS_ON_ITS_PAGE, input_size_px=380),
    },
    note="It pads as TensorFlow's SAME, for any size of image. MONAI's and lukemelas's files fit too, but for those "
    "called AdvProp, which were trained on pixels of another mean and deviation. Weights of torchvision and of timm's "
    "own training pad otherwise: those are efficientnet_b0-imagenet and so on.",
)
