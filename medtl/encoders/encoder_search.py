"""Find the encoder in a checkpoint, by the tensors of its network under one prefix, in any wrapper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from medtl.encoders.account import Shape
from medtl.encoders.families import architecture_of
from medtl.encoders.key_maps import KeyMap, key_maps

if TYPE_CHECKING:
    import torch

    from medtl.encoders.card import Architecture

DEEPEST_TABLE: Final = 6
"""Mappings within mappings that are looked into; checkpoints put the weights one or two deep."""

AVERAGES: Final = re.compile(
    r"(^|[._/])(\w*ema\w*|\w*averaged?\w*|swa\w*|encoder_k|momentum\w*|teacher\w*|target\w*|shadow\w*|slow\w*)(?=$|[._/])",
    re.IGNORECASE,
)
"""Names under which training keeps a running mean of the weights beside the weights themselves."""


@dataclass(frozen=True)
class FoundEncoder:
    """An encoder in a checkpoint.

    `where` in words of the file's own names, such as `state_dict/module.encoder_q.`; `tensors` by MONAI's names;
    `left_out` are the file's other tensors in its table, by their own names. `form` is the only form of network that
    the layout is known in, None where it is not.
    """

    where: str
    layout: str
    tensors: Mapping[str, torch.Tensor]
    left_out: tuple[str, ...]
    form: str | None = None

    @property
    def architecture(self) -> Architecture | None:
        """The network that the names belong to; None when it is none of ours."""
        return architecture_of({name: tuple(tensor.shape) for name, tensor in self.tensors.items()})

    @property
    def is_average(self) -> bool:
        """Whether its name says that it is a running mean of other weights."""
        return AVERAGES.search(self.where) is not None


def encoders_in(content: Mapping[object, object]) -> tuple[FoundEncoder, ...]:
    """Every encoder of a layout that medtl knows, whole or not, in the order of the file; equal ones once."""
    found: list[FoundEncoder] = []
    for path, table in tables_in(content):
        shapes: dict[str, Shape] = {key: tuple(tensor.shape) for key, tensor in table.items()}
        for names in key_maps(shapes):
            encoder = _found(path, table, names)
            if not any(_equal(encoder, other) for other in found):
                found.append(encoder)
    return tuple(found)


def tables_in(
    content: Mapping[object, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, torch.Tensor]]]:
    """Every mapping that holds tensors under names, with the way to it."""
    import torch

    table = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if table:
        yield path, table
    if len(path) < DEEPEST_TABLE:
        for key, value in content.items():
            if isinstance(key, str) and isinstance(value, Mapping):
                yield from tables_in(value, (*path, key))


def _found(path: tuple[str, ...], table: Mapping[str, torch.Tensor], names: KeyMap) -> FoundEncoder:
    tensors = {name: table[key] for key, name in names.names.items()}
    where = "/".join((*path, names.prefix) if names.prefix else path)
    return FoundEncoder(
        where or "the top of the file", names.layout, tensors, (*names.heads, *names.elsewhere), names.form
    )


def _equal(one: FoundEncoder, other: FoundEncoder) -> bool:
    import torch

    return one.tensors.keys() == other.tensors.keys() and all(
        tensor.shape == other.tensors[name].shape
        and tensor.dtype == other.tensors[name].dtype
        and tensor.layout == torch.strided == other.tensors[name].layout
        and tensor.device.type == "cpu" == other.tensors[name].device.type
        and torch.equal(tensor, other.tensors[name])
        for name, tensor in one.tensors.items()
    )
