"""2D kernels on volumes without inflating them: axial, coronal and sagittal groups in one convolution.

Yang et al. 2021 (Reinventing 2D Convolutions for 3D Images, IEEE JBHI 25(8), arXiv 1911.10477): the output channels of
a 2D kernel are split into three groups, and each group sees the volume in one of the three planes. The parameter stays
the 2D kernel, so published 2D weights fit as they are and no parameter is added.
"""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import conv3d

from medtl.axes import Plane
from medtl.encoders.views import VIEWS, kernel_in_plane

GROUPS: Final[tuple[Plane, ...]] = ("axial", "coronal", "sagittal")
"""The plane of each group, in the order of the output channels."""


class AcsConvolution(nn.Module):
    """A convolution that replaces a Conv3d of equal sides: the same output grid, a 2D kernel as its only parameter."""

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        out, into, side = convolution.out_channels, convolution.in_channels, convolution.kernel_size[0]
        self.weight = nn.Parameter(torch.empty(out, into, side, side, device=convolution.weight.device))
        self.stride = convolution.stride

    def forward(
        self, volumes: Float[torch.Tensor, "case into right anterior superior"]
    ) -> Float[torch.Tensor, "case out r a s"]:
        """Its maps on the grid of the convolution that it replaces."""
        return convolved_by_views(volumes, self.weight, stride=self.stride)


def convolved_by_views(
    volumes: Float[torch.Tensor, "case into right anterior superior"],
    kernel: Float[torch.Tensor, "out into row column"],
    *,
    stride: tuple[int, ...],
) -> Float[torch.Tensor, "case out r a s"]:
    """Each group of the kernel in its plane, zero-padded to keep the grid; the groups' maps one after the other."""
    if kernel.shape[-1] == 1:  # a point looks the same from every side
        return conv3d(volumes, kernel.unsqueeze(-1), stride=stride)
    reach = kernel.shape[-1] // 2
    maps = []
    for plane, group in zip(GROUPS, kernel.split(groups_of(len(kernel))), strict=True):
        padding = tuple(0 if axis == VIEWS[plane].depth else reach for axis in range(3))
        maps.append(conv3d(volumes, kernel_in_plane(group, plane), stride=stride, padding=padding))
    return torch.cat(maps, dim=1)


def groups_of(channels: int) -> list[int]:
    """Three groups as equal as can be, the larger ones first."""
    return [(channels + 2 - group) // 3 for group in range(3)]


def replace_convolutions(module: nn.Module) -> None:
    """Replace `module`'s 3D convolutions by ACS convolutions, in place."""
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.Conv3d):
            module.set_submodule(name, AcsConvolution(part))
