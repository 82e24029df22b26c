"""From the tensor names of published files to MONAI's names: where in a file an encoder lies, and in which layout.

An encoder is found by the names of its own parts under any one prefix (`model.`, `module.encoder_q.`, none): a
ResNet by its layers, by name or by position in a Sequential (RadImageNet in PyTorch, Lightning's feature extractors), a
DenseNet by its blocks, as torchvision and timm name them, as old torchvision did (`norm.1` for `norm1`, CheXNet), or
as MONAI does, which is also how medtl stores. Only names and shapes are looked at, so torch is not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from medtl.encoders import families
from medtl.encoders.account import Shape
from medtl.encoders.families import Layout
from medtl.errors import ConfigurationError

KERNEL_DIMENSIONS: Final = 3
"""Tensors with more dimensions than two are convolution kernels: what holds one may stand inside of the encoder."""

CLASSIFIER: Final = re.compile(r"(?:(_?fc|last_linear)|classifier(?:\.1)?|class_layers\.out)\.")
"""Names of the last layer; the group stands for MONAI's `fc.`, the others for its `class_layers.out.`."""


@dataclass(frozen=True)
class KeyMap:
    """An encoder that was found among the names of a table of tensors.

    `names` from the file's name to MONAI's, of the encoder, its classifier, and of all that may stand inside it;
    `heads` are parts beside it without a convolution, `elsewhere` what does not share its prefix; `form` is the
    layout's.
    """

    layout: str
    prefix: str
    names: Mapping[str, str]
    heads: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    form: str | None = None


def key_maps(shapes: Mapping[str, Shape]) -> tuple[KeyMap, ...]:
    """Every encoder that the names show, one for each layout and prefix; whether it is whole the account judges.

    Two tensors that claim one name are refused.
    """
    found = dict.fromkeys(
        (layout, match["prefix"])
        for key in shapes
        for family in families.FAMILIES
        for layout in family.layouts
        if (match := layout.anchor.fullmatch(key)) is not None
    )
    return tuple(_key_map(shapes, layout, prefix) for layout, prefix in found)


def _key_map(shapes: Mapping[str, Shape], layout: Layout, prefix: str) -> KeyMap:
    network = _owner(prefix) if layout.has_own_part else prefix
    with_kernels = {_part(key, network) for key, shape in shapes.items() if len(shape) >= KERNEL_DIMENSIONS}
    to_monai = layout.to_monai
    if layout.to_monai_in_file is not None:
        to_monai = layout.to_monai_in_file(key.removeprefix(prefix) for key in shapes if key.startswith(prefix))
    names: dict[str, str] = {}
    heads, elsewhere = [], []
    for key in shapes:
        inside, part = key.removeprefix(prefix), _part(key, network)
        if key.startswith(prefix) and (
            layout.parts.fullmatch(inside.split(".")[0]) or (layout.has_own_part and prefix != network)
        ):
            names[key] = to_monai(inside)
        elif part is None:
            elsewhere.append(key)
        elif match := CLASSIFIER.match(own := key.removeprefix(network)):
            names[key] = f"{'fc' if match[1] else 'class_layers.out'}.{own[match.end() :]}"
        elif part in with_kernels:
            names[key] = own
        else:
            heads.append(key)
    _refuse_two_of_one_name(names)
    return KeyMap(layout.words, prefix, names, tuple(heads), tuple(elsewhere), layout.form)


def _owner(prefix: str) -> str:
    """The prefix of the network whose DenseNet features stand under `prefix`, such as `model.` of `model.features.`."""
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
