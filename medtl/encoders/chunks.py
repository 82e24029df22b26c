"""Many slices through a network in memory for a few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Final, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

PIXELS_OF_A_SLICE: Final = 224 * 224
"""What `slices_at_once` is counted in: larger slices go through fewer at a time."""


def in_chunks(
    features_of: Callable[[range], torch.Tensor], *, count: int, pixels: int, at_once: int, network: nn.Module
) -> torch.Tensor:
    """`features_of(range(count))`, computed a chunk at a time and put together.

    With gradients, a chunk's activations are not kept but computed again on the way back (Chen et al. 2016, arXiv
    1604.06174), unless all slices together are no more than a chunk. Then hooks inside the network are called once more
    on the way back; its running statistics are moved by the first pass only.

    Args:
        features_of: features of a range of slices.
        count: slices in all.
        pixels: of a slice.
        at_once: slices of 224 x 224 pixels that fit into memory.
        network: the module whose running statistics are kept in the second pass.
    """
    budget = at_once * PIXELS_OF_A_SLICE
    step = max(1, min(at_once, budget // pixels))
    chunks = [range(start, min(start + step, count)) for start in range(0, count, step)]
    if not torch.is_grad_enabled() or count * pixels <= budget:
        return torch.cat([features_of(chunk) for chunk in chunks])
    again = partial(_first_and_second_pass, network)
    return torch.cat(
        [
            cast(
                torch.Tensor,
                checkpoint(features_of, chunk, use_reentrant=False, preserve_rng_state=False, context_fn=again),
            )
            for chunk in chunks
        ]
    )


def _first_and_second_pass(
    network: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_held(network)


@contextmanager
def _statistics_held(network: nn.Module) -> Iterator[None]:
    """Batch normalisation in training mode leaves its running statistics as they are, for the block."""
    learning = [part for part in network.modules() if isinstance(part, _BatchNorm) and part.training]
    before = [(part, part.momentum, part.num_batches_tracked) for part in learning]
    try:
        for part in learning:
            part.momentum = 0.0
            part.num_batches_tracked = None
        yield
    finally:
        for part, momentum, counted in before:
            part.momentum, part.num_batches_tracked = momentum, counted
