"""Pooling in 3D that CUDA can repeat bit for bit.

The gradients of torch's MaxPool3d and AvgPool3d have no deterministic form on CUDA (see
`torch.use_deterministic_algorithms`); those of pooling in 2D do. Pooling a box is pooling its planes, then across them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.functional import avg_pool2d, max_pool2d

Volume = Float[torch.Tensor, "case channel right anterior superior"]


class MaxByPlanes(nn.Module):
    """The same numbers as the MaxPool3d it is made from."""

    def __init__(self, pool: nn.MaxPool3d) -> None:
        super().__init__()
        self.size, self.stride, self.padding = _side(pool.kernel_size), _side(pool.stride), _side(pool.padding)
        self.pool = partial(max_pool2d, ceil_mode=pool.ceil_mode)

    def forward(self, volumes: Volume) -> Volume:
        """The largest value of each box."""
        return _by_planes(self.pool, volumes, size=self.size, stride=self.stride, padding=self.padding)


class MeanByPlanes(nn.Module):
    """The same means as the AvgPool3d without padding that it is made from."""

    def __init__(self, pool: nn.AvgPool3d) -> None:
        super().__init__()
        self.size, self.stride = _side(pool.kernel_size), _side(pool.stride)

    def forward(self, volumes: Volume) -> Volume:
        """The mean of each box."""
        return _by_planes(avg_pool2d, volumes, size=self.size, stride=self.stride, padding=0)


def _side(sides: int | tuple[int, ...]) -> int:
    """The one side of a box; MONAI's pools have equal ones."""
    return sides if isinstance(sides, int) else sides[0]


def _by_planes(pool: Callable[..., torch.Tensor], volumes: Volume, *, size: int, stride: int, padding: int) -> Volume:
    planes = pool(volumes.flatten(1, 2), size, stride, padding)
    sides = planes.shape[2:]
    columns = planes.unflatten(1, volumes.shape[1:3]).flatten(3)
    return pool(columns, (size, 1), (stride, 1), (padding, 0)).unflatten(3, sides)


def replace_pools(module: nn.Module) -> None:
    """Replace `module`'s 3D pools by these, in place."""
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.MaxPool3d):
            module.set_submodule(name, MaxByPlanes(part))
        elif isinstance(part, nn.AvgPool3d):
            module.set_submodule(name, MeanByPlanes(part))
