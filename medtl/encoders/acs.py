"""2D kernels on volumes without inflating them: axial, coronal and sagittal groups in one convolution.

Yang et al. 2021 (Reinventing 2D Convolutions for 3D Images, IEEE JBHI 25(8), arXiv 1911.10477): the output channels of
a 2D kernel are split into three groups, and each group sees the volume in one of the three planes. The parameter stays
the 2D kernel, so published 2D weights fit as they are and no parameter is added.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import conv3d

from medtl.axes import Plane
from medtl.encoders.same_padding import SameConvolution3d, same_padded
from medtl.encoders.views import VIEWS, kernel_in_plane

GROUPS: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")
"""The plane of each group, in the order of the output channels."""


class AcsConvolution(nn.Module):
    """A convolution that replaces a Conv3d of equal sides: the same output grid, a 2D kernel instead of the 3D one.

    Of a convolution that filters each channel by itself, a channel is seen in one plane.
    """

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        out, into, side, *_ = convolution.weight.shape
        if convolution.groups > 1 and into > 1:
            raise NotImplementedError(f"ACS of a convolution in {convolution.groups} groups of {into} channels")
        self.weight = nn.Parameter(torch.empty(out, into, side, side, device=convolution.weight.device))
        self.bias = convolution.bias
        self.convolve = partial(
            convolved_by_views, stride=convolution.stride, pads_as_tensorflow=isinstance(convolution, SameConvolution3d)
        )

    def forward(
        self, volumes: Float[torch.Tensor, "case into right anterior superior"]
    ) -> Float[torch.Tensor, "case out r a s"]:
        """Its maps on the grid of the convolution that it replaces."""
        maps = self.convolve(volumes, self.weight)
        return maps if self.bias is None else maps + self.bias.view(1, -1, 1, 1, 1)


def convolved_by_views(
    volumes: Float[torch.Tensor, "case into right anterior superior"],
    kernel: Float[torch.Tensor, "out into_each row column"],
    *,
    stride: tuple[int, ...],
    pads_as_tensorflow: bool = False,
) -> Float[torch.Tensor, "case out r a s"]:
    """Each group of the kernel in its plane, zero-padded to keep the grid; the groups' maps one after the other.

    A kernel of one channel on volumes of several filters each channel by itself. With `pads_as_tensorflow` a group is
    centred where a cube of the kernel's side would be, so that all planes see the same positions.
    """
    if kernel.shape[-1] == 1:  # a point looks the same from every side
        return conv3d(volumes, kernel.unsqueeze(-1), stride=stride)
    side, by_channel = kernel.shape[-1], kernel.shape[1] == 1 < volumes.shape[1]
    reach = side // 2
    if pads_as_tensorflow:
        volumes = same_padded(volumes, (side,) * 3, stride)
    maps, first = [], 0
    for plane, group in zip(GROUPS, kernel.split(groups_of(len(kernel))), strict=True):
        depth = VIEWS[plane].depth
        seen = volumes.narrow(1, first, len(group)) if by_channel else volumes
        if pads_as_tensorflow:
            seen = seen.narrow(2 + depth, reach, seen.shape[2 + depth] - 2 * reach)
        padding = tuple(0 if axis == depth or pads_as_tensorflow else reach for axis in range(3))
        groups = len(group) if by_channel else 1
        maps.append(conv3d(seen, kernel_in_plane(group, plane), stride=stride, padding=padding, groups=groups))
        first += len(group)
    return torch.cat(maps, dim=1)


def groups_of(channels: int) -> list[int]:
    """Three groups as equal as can be, the larger ones first."""
    return [(channels + 2 - group) // 3 for group in range(3)]


def replace_convolutions(module: nn.Module) -> None:
    """Replace `module`'s 3D convolutions by ACS convolutions, in place."""
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.Conv3d):
            module.set_submodule(name, AcsConvolution(part))
