"""MONAI's networks, cut into named stages, without their classifiers.

The arguments make MONAI's ResNet the network that published weights were trained in. Its defaults do not: with
`conv1_t_stride=1` the same weights load strictly and give other features (pinned by a test).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, cast

import torch
from monai.networks.nets import densenet, resnet
from torch import nn
from torch.overrides import TorchFunctionMode

from medtl.encoders.account import COUNTER, Shape
from medtl.encoders.acs import replace_convolutions
from medtl.encoders.card import Architecture, EncoderCard, Form
from medtl.encoders.medicalnet_form import WEIGHTLESS_SHORTCUTS, to_medicalnet
from medtl.encoders.pools import replace_pools
from medtl.encoders.settings import VolumeSettings
from medtl.encoders.views import VIEWS

FEATURES: Final[dict[Architecture, int]] = {
    "resnet10": 512,
    "resnet18": 512,
    "resnet34": 512,
    "resnet50": 2048,
    "densenet121": 1024,
    "densenet169": 1664,
}
"""Channels of the last stage's maps."""

RESNET_STAGES: Final = {
    "stem": ("conv1", "bn1", "act", "maxpool"),
    "layer1": ("layer1",),
    "layer2": ("layer2",),
    "layer3": ("layer3",),
    "layer4": ("layer4",),
}
DENSENET_STAGES: Final = {
    "stem": ("conv0", "norm0", "relu0", "pool0"),
    "denseblock1": ("denseblock1", "transition1"),
    "denseblock2": ("denseblock2", "transition2"),
    "denseblock3": ("denseblock3", "transition3"),
    "denseblock4": ("denseblock4", "norm5", "relu"),
}
"""Stage -> the parts of MONAI's network in it, in the order of the forward pass."""

INITIAL_FAN: Final[dict[str, Literal["fan_in", "fan_out"]]] = {"resnet": "fan_out", "densenet": "fan_in"}
"""Which side of a convolution He initialisation keeps the variance of; as in MONAI and torchvision."""


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
    def is_resnet(self) -> bool:
        """Whether it is a ResNet; else it is a DenseNet."""
        return self.architecture.startswith("resnet")

    @property
    def name_prefix(self) -> str:
        """The prefix that MONAI writes before the name of a part: DenseNets keep theirs under `features.`"""
        return "" if self.is_resnet else "features."

    @property
    def feature_count(self) -> int:
        """Features of a scan."""
        return FEATURES[self.architecture]


def network_of(card: EncoderCard) -> Network:
    """The network of a card, under the card's settings for volumes."""
    if card.dimensions == 2 or card.lifting == "slices":
        return Network(card.architecture, card.channels)
    settings = card.volumes or VolumeSettings()
    size = None
    if settings.stem_thickness is not None:
        across = VIEWS[settings.planes[0]].depth
        right, anterior, superior = (settings.stem_thickness if axis == across else 7 for axis in range(3))
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
        whole = _resnet(network) if network.is_resnet else _densenet(network)
        if network.space == 3:
            _shape_stem(whole, network)
            replace_pools(whole)
            if network.by_views:
                replace_convolutions(whole)
            if network.form == "medicalnet":
                to_medicalnet(whole)
    plan = RESNET_STAGES if network.is_resnet else DENSENET_STAGES
    parts = dict(whole.named_children())
    return OrderedDict(
        (stage, nn.Sequential(OrderedDict((part, parts[part]) for part in names))) for stage, names in plan.items()
    )


def _resnet(network: Network) -> nn.Module:
    weightless = network.form == "medicalnet" and network.architecture in WEIGHTLESS_SHORTCUTS
    return cast(
        nn.Module,
        getattr(resnet, network.architecture)(
            spatial_dims=network.space,
            n_input_channels=network.channels,
            conv1_t_stride=2,
            shortcut_type="A" if weightless else "B",
            bias_downsample=False,
            feed_forward=False,
        ),
    )


def _densenet(network: Network) -> nn.Module:
    whole = getattr(densenet, network.architecture)(
        spatial_dims=network.space, in_channels=network.channels, out_channels=1
    )
    whole.features.add_module("relu", whole.class_layers.relu)
    return cast(nn.Module, whole.features)


def _shape_stem(whole: nn.Module, network: Network) -> None:
    name = "conv1" if network.is_resnet else "conv0"
    first = cast(nn.Conv3d, whole.get_submodule(name))
    size = network.stem_size or cast("tuple[int, int, int]", first.kernel_size)
    whole.set_submodule(
        name,
        nn.Conv3d(
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


def untrained_tensors(network: Network, *, seed: int) -> dict[str, torch.Tensor]:
    """First values drawn from the seed alone, by MONAI's names: the global generators are neither read nor moved.

    Convolutions: He et al. 2015, normal, gain of ReLU. Batch normalisation: the identity with empty statistics.
    """
    generator = torch.Generator().manual_seed(seed)
    fan = INITIAL_FAN["resnet" if network.is_resnet else "densenet"]
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
    """Voxels that an axis needs: a DenseNet halves it five times and rounds down in the last three."""
    if network.is_resnet:
        return 1
    stride = network.stem_stride[axis] if network.stem_stride else 2
    after_three_halvings = 8
    before_pool = 2 * after_three_halvings - 1
    return stride * (before_pool - 1) + 1
