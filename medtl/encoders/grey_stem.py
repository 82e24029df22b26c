"""A grey scan through a stem that was trained on colours, without showing it three times (the rule `sum_stem`)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import nn


class SummedStem(nn.Module):
    """The stem's convolution for grey scans in [0, 1], with the card's normalisation inside it.

    With grey g shown as three channels, channel c holds `scale_c * g + shift_c`, so the convolution is
    `conv(g, sum_c W_c * scale_c) + conv(1, sum_c W_c * shift_c)`. The plane of ones is zero-padded like the scan, which
    makes the sum the same function as showing g three times, at the border too; only the rounding differs. The
    parameter stays the colour kernel, so that training, saving and loading are those of the rule `repeat`.
    """

    def __init__(self, convolution: nn.Conv2d, *, scale: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.stride, self.padding = convolution.stride, convolution.padding
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)
        self.scale: torch.Tensor
        self.shift: torch.Tensor

    def forward(self, grey: Float[torch.Tensor, "batch 1 height width"]) -> Float[torch.Tensor, "batch feature h w"]:
        """Features of grey scans in [0, 1]."""
        for_grey = (self.weight * self.scale).sum(dim=1, keepdim=True)
        for_ones = (self.weight * self.shift).sum(dim=1, keepdim=True)
        planes = torch.cat([grey, torch.ones_like(grey)], dim=1)
        return nn.functional.conv2d(
            planes, torch.cat([for_grey, for_ones], dim=1), stride=self.stride, padding=self.padding
        )
