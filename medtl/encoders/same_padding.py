"""Convolutions that pad as TensorFlow's SAME does: as little as the grid needs, and any odd zero at the far end.

PyTorch pads both ends alike. With a stride of 2 and an even side the two look at other positions: weights that were
trained with the one load into the other, and give other features (pinned by a test).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv3d, pad

Maps = Float[torch.Tensor, "case channel *grid"]


class SameConvolution2d(nn.Conv2d):
    """A convolution of pictures with TensorFlow's padding; its `padding` is not read."""

    def forward(self, input: Float[torch.Tensor, "case into row column"]) -> Float[torch.Tensor, "case out r c"]:
        """Maps whose sides are the picture's over the stride, rounded up."""
        return same_convolved(input, self.weight, self.bias, stride=self.stride, groups=self.groups)


class SameConvolution3d(nn.Conv3d):
    """A convolution of volumes with TensorFlow's padding; its `padding` is not read."""

    def forward(
        self, input: Float[torch.Tensor, "case into right anterior superior"]
    ) -> Float[torch.Tensor, "case out r a s"]:
        """Maps whose sides are the volume's over the stride, rounded up."""
        return same_convolved(input, self.weight, self.bias, stride=self.stride, groups=self.groups)


def same_convolved(
    maps: Maps, kernel: Tensor, bias: Tensor | None = None, *, stride: tuple[int, ...], groups: int = 1
) -> Maps:
    """The convolution of padded maps, of pictures or volumes as the kernel is."""
    padded = same_padded(maps, tuple(kernel.shape[2:]), stride)
    convolve = conv2d if kernel.ndim == 4 else conv3d
    return convolve(padded, kernel, bias, stride=stride, groups=groups)


def same_padded(maps: Maps, size: tuple[int, ...], stride: tuple[int, ...]) -> Maps:
    """Maps with the zeros that a kernel of `size` needs.

    The far end is the last row and column of a picture. In a volume it is the first voxel of each axis, since pictures
    run against the volume's axes (see `views`): a stack of slices is padded where its slices are.
    """
    amounts: list[int] = []
    for side, length, step in zip(reversed(maps.shape[2:]), reversed(size), reversed(stride), strict=True):
        total = max((-(-side // step) - 1) * step + length - side, 0)
        less, more = total // 2, total - total // 2
        amounts += [less, more] if len(size) == 2 else [more, less]
    return pad(maps, amounts) if any(amounts) else maps
