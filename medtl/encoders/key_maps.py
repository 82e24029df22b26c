"""From the tensor names of published files to MONAI's names: where in a file an encoder lies, and in which layout.

An encoder is found by the names of its own parts under any one prefix (`model.`, `module.encoder_q.`, none): a
ResNet by its layers, by name or by position in a Sequential (RadImageNet in PyTorch, Lightning's feature extractors), a
DenseNet by its blocks, as torchvision and timm name them, as old torchvision did (`norm.1` for `norm1`, CheXNet), or
as MONAI does, which is also how medtl stores. Only names and shapes are looked at, so torch is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from medtl.encoders.account import Shape
from medtl.encoders.card import Architecture
from medtl.errors import ConfigurationError

SEQUENTIAL_RESNET: Final = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}
"""Position in torchvision's ResNet -> name; 2 and 3 are the activation and the pooling, without tensors."""

BLOCKS: Final[dict[tuple[bool, tuple[int, ...]], Architecture]] = {
    (False, (1, 1, 1, 1)): "resnet10",
    (False, (2, 2, 2, 2)): "resnet18",
    (False, (3, 4, 6, 3)): "resnet34",
    (True, (3, 4, 6, 3)): "resnet50",
}
"""(bottleneck blocks?, blocks per layer), He et al. 2016, table 1."""

DENSE_LAYERS: Final[dict[tuple[int, ...], Architecture]] = {
    (6, 12, 24, 16): "densenet121",
    (6, 12, 32, 32): "densenet169",
}
"""Layers per dense block, Huang et al. 2017, table 1."""

KERNEL_DIMENSIONS: Final = 3
"""Tensors with more dimensions than two are convolution kernels: what holds one may stand inside of the encoder."""


@dataclass(frozen=True)
class Layout:
    """The names that a kind of file gives to an encoder's tensors.

    `anchor` finds one tensor of the encoder, after any prefix; `parts` are the names right behind the prefix that
    belong to it. A DenseNet keeps them in a part of its own (`features.`), beside its classifier.
    """

    words: str
    anchor: re.Pattern[str]
    parts: re.Pattern[str]
    is_densenet: bool = False


LAYOUTS: Final = (
    Layout(
        "torchvision, timm or MONAI ResNet",
        re.compile(r"(?P<prefix>(?:.*\.)?)layer1\.0\.conv1\.weight"),
        re.compile(r"conv1|bn1|layer\d+"),
    ),
    Layout(
        "ResNet by position (RadImageNet, Sequential)",
        re.compile(r"(?P<prefix>(?:.*\.)?)4\.0\.conv1\.weight"),
        re.compile(r"[014567]"),
    ),
    Layout(
        "MONAI DenseNet",
        re.compile(r"(?P<prefix>(?:.*\.)?)denseblock1\.denselayer1\.layers\.norm1\.weight"),
        re.compile(r"conv0|norm0|denseblock\d+|transition\d+|norm5"),
        is_densenet=True,
    ),
    Layout(
        "torchvision or timm DenseNet",
        re.compile(r"(?P<prefix>(?:.*\.)?)denseblock1\.denselayer1\.norm1\.weight"),
        re.compile(r"conv0|norm0|denseblock\d+|transition\d+|norm5"),
        is_densenet=True,
    ),
    Layout(
        "old torchvision DenseNet (norm.1)",
        re.compile(r"(?P<prefix>(?:.*\.)?)denseblock1\.denselayer1\.norm\.1\.weight"),
        re.compile(r"conv0|norm0|denseblock\d+|transition\d+|norm5"),
        is_densenet=True,
    ),
)


@dataclass(frozen=True)
class KeyMap:
    """An encoder that was found among the names of a table of tensors.

    `names` from the file's name to MONAI's, of the encoder, its classifier, and of all that may stand inside it;
    `heads` are parts beside it without a convolution, `elsewhere` what does not share its prefix.
    """

    layout: str
    prefix: str
    names: Mapping[str, str]
    heads: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def key_maps(shapes: Mapping[str, Shape]) -> tuple[KeyMap, ...]:
    """Every encoder that the names show, one for each layout and prefix; whether it is whole the account judges.

    Two tensors that claim one name are refused.
    """
    found = dict.fromkeys(
        (layout, match["prefix"])
        for key in shapes
        for layout in LAYOUTS
        if (match := layout.anchor.fullmatch(key)) is not None
    )
    return tuple(_key_map(shapes, layout, prefix) for layout, prefix in found)


def _key_map(shapes: Mapping[str, Shape], layout: Layout, prefix: str) -> KeyMap:
    network = _owner(prefix) if layout.is_densenet else prefix
    with_kernels = {_part(key, network) for key, shape in shapes.items() if len(shape) >= KERNEL_DIMENSIONS}
    names: dict[str, str] = {}
    heads, elsewhere = [], []
    for key in shapes:
        inside, part = key.removeprefix(prefix), _part(key, network)
        if key.startswith(prefix) and (
            layout.parts.fullmatch(inside.split(".")[0]) or (layout.is_densenet and prefix != network)
        ):
            names[key] = _monai_name(inside, layout)
        elif part is None:
            elsewhere.append(key)
        elif (own := key.removeprefix(network)).startswith(("fc.", "classifier.", "class_layers.out.")):
            names[key] = re.sub(r"^classifier\.", "class_layers.out.", own)
        elif part in with_kernels:
            names[key] = own
        else:
            heads.append(key)
    _refuse_two_of_one_name(names)
    return KeyMap(layout.words, prefix, names, tuple(heads), tuple(elsewhere))


def _owner(prefix: str) -> str:
    """The prefix of the network whose DenseNet features stand under `prefix`, such as `model.` of `model.features.`"""
    return re.sub(r"[^.]+\.$", "", prefix)


def _part(key: str, network: str) -> str | None:
    """The name right behind the network's prefix; None for tensors of something else."""
    return key.removeprefix(network).split(".")[0] if key.startswith(network) else None


def _refuse_two_of_one_name(names: Mapping[str, str]) -> None:
    claimed: dict[str, str] = {}
    for key, name in names.items():
        if name in claimed:
            raise ConfigurationError(
                f"The tensors {claimed[name]} and {key} both stand for {name}; expected one. "
                "The file mixes two layouts: export the state dict of one network.",
                tensor=name,
            )
        claimed[name] = key


def _monai_name(inside: str, layout: Layout) -> str:
    if layout.is_densenet:
        inside = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", inside)
        return f"features.{inside}"
    position, _, rest = inside.partition(".")
    return f"{SEQUENTIAL_RESNET[position]}.{rest}" if position in SEQUENTIAL_RESNET else inside


def architecture_of(names: Iterable[str]) -> Architecture | None:
    """The network that MONAI's names belong to, read from its counts of blocks; None when it is none of ours."""
    found = set(names)
    blocks = tuple(_count(found, rf"layer{n}\.(\d+)\.conv1\.weight") for n in (1, 2, 3, 4))
    if sum(blocks):
        return BLOCKS.get(("layer1.0.conv3.weight" in found, blocks))
    dense = tuple(
        _count(found, rf"features\.denseblock{n}\.denselayer(\d+)\.layers\.conv1\.weight") for n in (1, 2, 3, 4)
    )
    return DENSE_LAYERS.get(dense)


def _count(names: set[str], pattern: str) -> int:
    return len({match[1] for name in names if (match := re.fullmatch(pattern, name))})
