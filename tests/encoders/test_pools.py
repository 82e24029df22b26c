"""Pools by planes give the numbers of torch's own 3D pools, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medtl.encoders.pools import MaxByPlanes, MeanByPlanes, replace_pools


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (nn.MaxPool3d(3, 2, 1), MaxByPlanes),
        (nn.MaxPool3d(3, 2, ceil_mode=True), MaxByPlanes),
        (nn.AvgPool3d(2, 2), MeanByPlanes),
    ],
    ids=["largest", "largest_to_the_end", "mean"],
)
@pytest.mark.parametrize("sides", [(8, 9, 11), (3, 16, 2)])
def test_the_numbers_and_the_gradients_are_torchs(theirs, ours, sides) -> None:
    volumes = torch.randn(2, 3, *sides, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(theirs(volumes).shape, dtype=torch.float64)
    (expected,) = torch.autograd.grad((theirs(volumes) * weights).sum(), volumes)
    (gradient,) = torch.autograd.grad((ours(theirs)(volumes) * weights).sum(), volumes)
    torch.testing.assert_close(ours(theirs)(volumes), theirs(volumes))
    torch.testing.assert_close(gradient, expected)


def test_every_3d_pool_of_a_network_is_replaced() -> None:
    network = nn.Sequential(nn.Sequential(nn.MaxPool3d(3, 2, 1)), nn.AvgPool3d(2, 2), nn.MaxPool2d(2))
    replace_pools(network)
    assert [type(part).__name__ for part in network.modules()] == [
        "Sequential", "Sequential", "MaxByPlanes", "MeanByPlanes", "MaxPool2d",
    ]  # fmt: skip
