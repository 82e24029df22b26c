"""Updates of low rank on an encoder's convolutions, for the time of a fit.

In: a classifier. Out: the same classifier, whose convolutions are W + BA for the block, A and B of rank `RANK`, and
plain convolutions with the sum as their weights afterwards: what was learnt is stored as any other network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from medtl.adaptation.classifier import Classifier

RANK: Final = 4
"""Small beside the 64 to 2,048 channels of a stage; an engineering choice among the ranks 1 to 8 of Hu 2022,
arXiv 2106.09685, table 6. The Methods sentence of the policy names it."""

KERNEL_AXES: Final = 4
"""A tensor of weights with so many axes or more is a convolution's."""


class LowRank(nn.Module):
    """A kernel plus an update of low rank; kernels count as matrices of output channels by everything else.

    The update is zero at first: `up` is zero, `down` is drawn as a new linear layer's weights are.
    """

    def __init__(self, kernel: Tensor, *, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = kernel.shape[0], kernel[0].numel()
        bound = 1 / math.sqrt(columns)
        drawn = torch.empty(rank, columns).uniform_(-bound, bound, generator=generator)
        self.down = nn.Parameter(drawn.to(kernel))
        self.up = nn.Parameter(torch.zeros(rows, rank).to(kernel))

    def forward(self, kernel: Tensor) -> Tensor:
        """The kernel with its update."""
        return kernel + (self.up @ self.down).view_as(kernel)


@contextmanager
def low_rank_updates(classifier: Classifier, *, seed: int) -> Iterator[None]:
    """Give every convolution of the encoder's stages an update for the block; it is added to the weights at the end."""
    generator = torch.Generator().manual_seed(seed)
    kernels = [
        (layer, kernel.detach())
        for layer in classifier.encoder.body.modules()
        for name, kernel in layer.named_parameters(recurse=False)
        if name == "weight" and kernel.ndim >= KERNEL_AXES
    ]
    try:
        for layer, kernel in kernels:
            parametrize.register_parametrization(layer, "weight", LowRank(kernel, rank=RANK, generator=generator))
        yield
    finally:
        for layer, _ in kernels:
            if parametrize.is_parametrized(layer, "weight"):
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
