"""A grey scan through a stem that was trained on colours, without showing it three times (the rule `sum_stem`)."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import conv2d, conv3d

from medtl.encoders.acs import AcsConvolution
from medtl.encoders.same_padding import SameConvolution2d, SameConvolution3d, same_convolved


class SummedStem(nn.Module):
    """The stem's convolution for grey scans in [0, 1], with the card's normalisation inside it.

    With grey g shown as three channels, channel c holds `scale_c * g + shift_c`, so the convolution is
    `conv(g, sum_c W_c * scale_c) + conv(1, sum_c W_c * shift_c)`. The plane of ones is zero-padded like the scan, which
    makes the sum the same function as showing g three times, at the border too; only the rounding differs. The
    parameter stays the colour kernel, so that training, saving and loading are those of the rule `repeat`.
    """

    def __init__(
        self, convolution: nn.Conv2d | nn.Conv3d | AcsConvolution, *, scale: torch.Tensor, shift: torch.Tensor
    ) -> None:
        super().__init__()
        self.weight = convolution.weight
        if isinstance(convolution, AcsConvolution):
            self.convolve = convolution.convolve
        elif isinstance(convolution, SameConvolution2d | SameConvolution3d):
            self.convolve = partial(same_convolved, stride=convolution.stride)
        else:
            convolve = conv2d if isinstance(convolution, nn.Conv2d) else conv3d
            self.convolve = partial(convolve, stride=convolution.stride, padding=convolution.padding)
        sides = (1,) * (self.weight.ndim - 2)
        self.register_buffer("scale", scale.view(1, -1, *sides), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, *sides), persistent=False)
        self.scale: torch.Tensor
        self.shift: torch.Tensor

    def forward(self, grey: Float[torch.Tensor, "batch 1 *space"]) -> Float[torch.Tensor, "batch feature *grid"]:
        """Features of grey scans in [0, 1]."""
        for_grey = (self.weight * self.scale).sum(dim=1, keepdim=True)
        for_ones = (self.weight * self.shift).sum(dim=1, keepdim=True)
        planes = torch.cat([grey, torch.ones_like(grey)], dim=1)
        return self.convolve(planes, torch.cat([for_grey, for_ones], dim=1))
