"""MONAI's 3D ResNet in the form in which MedicalNet was trained (Tencent/MedicalNet, `models/resnet.py`).

MONAI's own form takes the same weights strictly and is another function (pinned by a test): it halves the grid before
layers 3 and 4, where MedicalNet dilates. And its weightless shortcuts pass no gradient, since they read `.data`.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from jaxtyping import Float
from torch import nn

DILATIONS: Final = {"layer3": 2, "layer4": 4}


class PaddedShortcut(nn.Module):
    """A shortcut without weights: every `stride`-th position, and zeros in new channels (He et al. 2016, option A)."""

    def __init__(self, *, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(
        self, volumes: Float[torch.Tensor, "case into right anterior superior"]
    ) -> Float[torch.Tensor, "case channel r a s"]:
        """The thinned volumes with their new channels."""
        kept = volumes[..., :: self.stride, :: self.stride, :: self.stride]
        return nn.functional.pad(kept, (0, 0, 0, 0, 0, 0, 0, self.channels - kept.shape[1]))


def dilate(network: nn.Module) -> None:
    """Change MONAI's network in place."""
    for name in ("layer1", "layer2", "layer3", "layer4"):
        layer, dilation = cast(nn.Sequential, network.get_submodule(name)), DILATIONS.get(name, 1)
        for part in layer.modules():
            if isinstance(part, nn.Conv3d) and dilation > 1:
                part.stride = (1, 1, 1)
                if part.kernel_size[0] > 1:
                    part.dilation = part.padding = (dilation,) * 3
        first = layer[0]
        if callable(first.downsample) and not isinstance(first.downsample, nn.Module):
            stride = 1 if dilation > 1 else first.stride
            first.downsample = PaddedShortcut(channels=first.bn1.num_features, stride=stride)
