"""MONAI's networks, cut into named stages, without their classifiers.

The arguments make MONAI's ResNet the network that published weights were trained in. Its defaults do not: with
`conv1_t_stride=1` the same weights load strictly and give other features (pinned by a test).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import Final, Literal

import torch
from monai.networks.nets import densenet, resnet
from torch import nn

from medtl.encoders.card import Architecture
from medtl.encoders.key_maps import COUNTER, Shape

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


def is_resnet(architecture: Architecture) -> bool:
    """Whether the network is a ResNet; else it is a DenseNet."""
    return architecture.startswith("resnet")


def name_prefix(architecture: Architecture) -> str:
    """What MONAI writes before the name of a part: DenseNets keep theirs under `features.`"""
    return "" if is_resnet(architecture) else "features."


def hollow_stages(architecture: Architecture, *, channels: int) -> OrderedDict[str, nn.Sequential]:
    """The stages in order, with shapes but without numbers (on torch's meta device); chance is not touched."""
    with torch.device("meta"):
        if is_resnet(architecture):
            network = getattr(resnet, architecture)(
                spatial_dims=2,
                n_input_channels=channels,
                conv1_t_stride=2,
                shortcut_type="B",
                bias_downsample=False,
                feed_forward=False,
            )
            parts, plan = dict(network.named_children()), RESNET_STAGES
        else:
            network = getattr(densenet, architecture)(spatial_dims=2, in_channels=channels, out_channels=1)
            parts, plan = dict(network.features.named_children()), DENSENET_STAGES
            parts["relu"] = network.class_layers.relu
    return OrderedDict(
        (stage, nn.Sequential(OrderedDict((part, parts[part]) for part in names))) for stage, names in plan.items()
    )


@cache
def expected_shapes(architecture: Architecture, *, channels: int) -> dict[str, Shape]:
    """Every tensor of the encoder, by MONAI's name, and its shape."""
    stages = hollow_stages(architecture, channels=channels)
    prefix = name_prefix(architecture)
    return {
        prefix + key: tuple(tensor.shape) for stage in stages.values() for key, tensor in stage.state_dict().items()
    }


def untrained_tensors(architecture: Architecture, *, channels: int, seed: int) -> dict[str, torch.Tensor]:
    """First values drawn from the seed alone, by MONAI's names: the global generators are neither read nor moved.

    Convolutions: He et al. 2015, normal, gain of ReLU. Batch normalisation: the identity with empty statistics.
    """
    generator = torch.Generator().manual_seed(seed)
    fan = INITIAL_FAN["resnet" if is_resnet(architecture) else "densenet"]
    tensors: dict[str, torch.Tensor] = {}
    for name, shape in expected_shapes(architecture, channels=channels).items():
        if len(shape) == 4:
            weight = torch.empty(shape)
            nn.init.kaiming_normal_(weight, mode=fan, nonlinearity="relu", generator=generator)
            tensors[name] = weight
        elif name.endswith(COUNTER):
            tensors[name] = torch.zeros(shape, dtype=torch.int64)
        else:
            is_one = name.endswith((".weight", ".running_var"))
            tensors[name] = torch.ones(shape) if is_one else torch.zeros(shape)
    return tensors
