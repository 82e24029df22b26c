"""The running average of the weights, which is what gets judged (exponential moving average with a warm start)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of a module's parameters and float buffers.

    The decay at step t is min(decay, (1 + t) / (10 + t)), so that a short fit is not dominated by its first weights.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.values: dict[str, Tensor] = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Take in an average that was stored; each tensor stays where and how it lies."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take one step towards the module's present weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)


@contextmanager
def temporary_weights(module: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """The module with other weights for the block; its own come back afterwards."""
    own = {name: value.detach().clone() for name, value in module.state_dict().items()}
    try:
        module.load_state_dict(values)
        yield
    finally:
        module.load_state_dict(own)
