"""The networks of the families, cut into named stages, without their classifiers."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from medtl.encoders.account import COUNTER, Shape
from medtl.encoders.acs import replace_convolutions
from medtl.encoders.card import Architecture, EncoderCard, Form
from medtl.encoders.families import Family, family_of
from medtl.encoders.pools import replace_pools
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.views import VIEWS


@dataclass(frozen=True)
class Network:
    """Everything that decides an encoder's layers and the shapes of its tensors.

    `space` counts the dimensions of its maps. With `by_views` its 3D convolutions hold 2D kernels (ACS). `stem_stride`
    and `stem_size` are along (right, anterior, superior), None as published.
    """

    architecture: Architecture
    channels: int = 3
    space: Literal[2, 3] = 2
    form: Form = "imagenet"
    by_views: bool = False
    stem_stride: tuple[int, int, int] | None = None
    stem_size: tuple[int, int, int] | None = None

    @property
    def family(self) -> Family:
        """What its family says of it."""
        return family_of(self.architecture, self.form)

    @property
    def name_prefix(self) -> str:
        """The prefix that MONAI writes before the name of a part."""
        return self.family.name_prefix

    @property
    def feature_count(self) -> int:
        """Features of a scan."""
        return self.family.features[self.architecture]


def network_of(card: EncoderCard) -> Network:
    """The network of a card, under the card's settings for volumes."""
    if card.dimensions == 2 or card.lifting == "slices":
        return Network(card.architecture, card.channels, form=card.form)
    settings = card.volumes or VolumeSettings()
    size = None
    if settings.stem_thickness is not None:
        across = VIEWS[settings.planes[0]].depth
        side = card.family.stem_side
        right, anterior, superior = (settings.stem_thickness if axis == across else side for axis in range(3))
        size = (right, anterior, superior)
    return Network(
        card.architecture,
        card.channels,
        space=3,
        form=card.form,
        by_views=card.lifting == "acs",
        stem_stride=settings.stem_stride,
        stem_size=size,
    )


class _NoFirstValues(TorchFunctionMode):
    """Draws no first values: shapes need none, and on the meta device the first draw loads PyTorch's compiler (2 s)."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The unchanged tensor instead of a random draw; any other function as usual."""
        if function in DRAWS or getattr(function, "__module__", None) == nn.init.__name__:
            return args[0] if args else (kwargs or {})["tensor"]
        return function(*args, **(kwargs or {}))


DRAWS: Final = (torch.Tensor.normal_, torch.Tensor.uniform_)


def hollow_stages(network: Network) -> OrderedDict[str, nn.Sequential]:
    """The stages in order, with shapes but without numbers (on torch's meta device); chance is not touched."""
    with _NoFirstValues(), torch.device("meta"):
        whole = network.family.build(network.architecture, network.space, network.channels)
        if network.space == 3:
            _shape_stem(whole, network)
            replace_pools(whole)
            if network.by_views:
                replace_convolutions(whole)
    return OrderedDict((stage, _chained(whole, parts)) for stage, parts in network.family.stages.items())


def _chained(whole: nn.Module, parts: tuple[str, ...]) -> nn.Sequential:
    """The parts, one after the other, under their names; a dotted name stands in a Sequential of its own."""
    stage = nn.Sequential()
    for part in parts:
        holder: nn.Module = stage
        *outer, name = part.split(".")
        for above in outer:
            if above not in dict(holder.named_children()):
                holder.add_module(above, nn.Sequential())
            holder = holder.get_submodule(above)
        holder.add_module(name, whole.get_submodule(part))
    return stage


def _shape_stem(whole: nn.Module, network: Network) -> None:
    name = network.family.stem
    first = cast(nn.Conv3d, whole.get_submodule(name))
    size = network.stem_size or cast("tuple[int, int, int]", first.kernel_size)
    whole.set_submodule(
        name,
        type(first)(
            first.in_channels,
            first.out_channels,
            kernel_size=size,
            stride=network.stem_stride or cast("tuple[int, int, int]", first.stride),
            padding=(size[0] // 2, size[1] // 2, size[2] // 2),
            bias=False,
        ),
    )


@cache
def expected_shapes(network: Network) -> dict[str, Shape]:
    """Every tensor of the encoder, by MONAI's name, and its shape."""
    return {
        network.name_prefix + key: tuple(tensor.shape)
        for stage in hollow_stages(network).values()
        for key, tensor in stage.state_dict().items()
    }


@cache
def stage_channels(network: Network) -> tuple[int, ...]:
    """Channels of each stage's maps, in the order of the forward pass; nothing is computed."""
    side = 64 if network.space == 3 else 256
    maps, found = torch.empty(1, network.channels, *(side,) * network.space, device="meta"), []
    for stage in hollow_stages(network).values():
        maps = stage.eval()(maps)
        found.append(int(maps.shape[1]))
    return tuple(found)


def untrained_tensors(network: Network, *, seed: int) -> dict[str, torch.Tensor]:
    """First values drawn from the seed alone, by MONAI's names: the global generators are neither read nor moved.

    Convolutions: He et al. 2015, normal, gain of ReLU. Batch normalisation: the identity with empty statistics.
    """
    generator = torch.Generator().manual_seed(seed)
    fan = network.family.initial_fan
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in expected_shapes(network).items():
        if len(shape) > 1:
            weight = torch.empty(shape)
            nn.init.kaiming_normal_(weight, mode=fan, nonlinearity="relu", generator=generator)
            tensors[name] = weight
        elif name.endswith(COUNTER):
            tensors[name] = torch.zeros(shape, dtype=torch.int64)
        else:
            is_one = name.endswith((".weight", ".running_var"))
            tensors[name] = torch.ones(shape) if is_one else torch.zeros(shape)
    return tensors


def fewest_voxels(network: Network, axis: int) -> int:
    """Voxels that an axis needs."""
    return network.family.fewest_voxels(network.stem_stride[axis] if network.stem_stride else 2)
