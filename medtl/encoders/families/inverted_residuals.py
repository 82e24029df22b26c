"""Networks of inverted residual blocks (Sandler et al. 2018), with timm's names for their parts.

A block widens its maps by a 1 x 1 convolution, filters each channel by itself, may weigh the channels by what it sees
in the whole map (Hu et al. 2018), and narrows the maps again without an activation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import nn

from medtl.encoders.same_padding import SameConvolution2d, SameConvolution3d

Maps = Float[torch.Tensor, "case channel *grid"]


@dataclass(frozen=True)
class Row:
    """One row of the paper's table: blocks that share their width; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    widening: int
    channels: int


@dataclass(frozen=True)
class Layers:
    """The layers that networks of one kind share.

    `pads_as_tensorflow` else both ends alike; `epsilon` of batch normalisation; with `squeezes` each block weighs its
    channels, through a quarter as many as come into it.
    """

    space: Literal[2, 3]
    activation: Callable[[], nn.Module]
    pads_as_tensorflow: bool = False
    epsilon: float = 1e-5
    squeezes: bool = False

    def convolution(
        self, into: int, out: int, size: int, *, stride: int = 1, groups: int = 1, bias: bool = False
    ) -> nn.Module:
        """A convolution whose grid is its input's over the stride, rounded up."""
        plain, same = (nn.Conv2d, SameConvolution2d) if self.space == 2 else (nn.Conv3d, SameConvolution3d)
        kind = same if self.pads_as_tensorflow and size > 1 else plain
        return kind(into, out, size, stride=stride, padding=size // 2, groups=groups, bias=bias)

    def norm(self, channels: int) -> nn.Module:
        """Batch normalisation."""
        return (nn.BatchNorm2d if self.space == 2 else nn.BatchNorm3d)(channels, eps=self.epsilon)


class SqueezeExcite(nn.Module):
    """Channels weighed by what all positions of the map show together."""

    def __init__(self, layers: Layers, *, channels: int, inner: int) -> None:
        super().__init__()
        self.conv_reduce = layers.convolution(channels, inner, 1, bias=True)
        self.act1 = layers.activation()
        self.conv_expand = layers.convolution(inner, channels, 1, bias=True)

    def forward(self, maps: Maps) -> Maps:
        """The maps, each channel times its weight between 0 and 1."""
        means = maps.mean(tuple(range(2, maps.ndim)), keepdim=True)
        return maps * torch.sigmoid(self.conv_expand(self.act1(self.conv_reduce(means))))


class InvertedResidual(nn.Module):
    """One block; without widening it begins with the filter by channel."""

    def __init__(self, layers: Layers, row: Row, *, into: int, stride: int) -> None:
        super().__init__()
        wide = into * row.widening
        self.widens, self.is_residual = row.widening > 1, stride == 1 and into == row.channels
        self.act = layers.activation()
        by_channel = layers.convolution(wide, wide, row.kernel, stride=stride, groups=wide)
        narrowing, last_norm = layers.convolution(wide, row.channels, 1), layers.norm(row.channels)
        if self.widens:
            self.conv_pw, self.bn1 = layers.convolution(into, wide, 1), layers.norm(wide)
            self.conv_dw, self.bn2 = by_channel, layers.norm(wide)
            self.conv_pwl, self.bn3 = narrowing, last_norm
        else:
            self.conv_dw, self.bn1 = by_channel, layers.norm(wide)
            self.conv_pw, self.bn2 = narrowing, last_norm
        self.se = SqueezeExcite(layers, channels=wide, inner=into // 4) if layers.squeezes else nn.Identity()

    def forward(self, maps: Maps) -> Maps:
        """The block's maps, added to its input where both have one shape."""
        inside = maps
        if self.widens:
            inside = self.act(self.bn1(self.conv_pw(inside)))
            inside = self.se(self.act(self.bn2(self.conv_dw(inside))))
            inside = self.bn3(self.conv_pwl(inside))
        else:
            inside = self.se(self.act(self.bn1(self.conv_dw(inside))))
            inside = self.bn2(self.conv_pw(inside))
        return maps + inside if self.is_residual else inside


def network(layers: Layers, rows: Sequence[Row], *, channels: int, stem: int, head: int) -> nn.Module:
    """The network without its classifier: a stem of stride 2, the rows' blocks, and a 1 x 1 convolution at the end."""
    blocks, into = [], stem
    for row in rows:
        together = []
        for number in range(row.blocks):
            together.append(InvertedResidual(layers, row, into=into, stride=row.stride if number == 0 else 1))
            into = row.channels
        blocks.append(nn.Sequential(*together))
    return nn.Sequential(
        OrderedDict(
            conv_stem=layers.convolution(channels, stem, 3, stride=2),
            bn1=layers.norm(stem),
            act1=layers.activation(),
            blocks=nn.Sequential(*blocks),
            conv_head=layers.convolution(into, head, 1),
            bn2=layers.norm(head),
            act2=layers.activation(),
        )
    )
