"""The mean of the weights that gets judged: a running one, or the equal mean of the last epochs.

It is a state that is stored after every epoch, so that a resumed fit goes on bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from medtl.training.recipe import Recipe

Share = Callable[[int], float]
"""What share of the mean is replaced by the present weights at a step, counted from 1; 0 leaves it as it is."""


class WeightAverage:
    """A mean of a module's parameters and float buffers; counters are always the present ones."""

    def __init__(self, module: nn.Module, *, share: Share) -> None:
        self.share = share
        self.steps = 0
        self.values: dict[str, Tensor] = {name: value.detach().clone() for name, value in module.state_dict().items()}

    def restore(self, values: Mapping[str, Tensor]) -> None:
        """Take in an average that was stored; each tensor stays where and how it lies."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Count a step, and take its share of the module's present weights in."""
        self.steps += 1
        share = self.share(self.steps)
        if share == 0:
            return
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, share)
            else:
                self.values[name].copy_(value)


def running(decay: float) -> Share:
    """An exponential moving average with decay min(decay, (1 + t) / (10 + t)) at step t.

    A short fit is so not dominated by its first weights.
    """
    return lambda step: 1 - min(decay, (1 + step) / (10 + step))


def equal(*, first_epoch: int, steps_an_epoch: int) -> Share:
    """The equal mean of the ends of the epochs from `first_epoch` on, counted from 0; before them the present weights.

    Stochastic weight averaging (Izmailov 2018, arXiv 1803.05407).
    """

    def share(step: int) -> float:
        epoch, rest = divmod(step, steps_an_epoch)
        return 0.0 if rest else 1 / max(1, epoch - first_epoch)

    return share


def weight_average(module: nn.Module, *, recipe: Recipe, steps_an_epoch: int) -> WeightAverage:
    """The mean of the weights that the recipe judges."""
    first = recipe.first_averaged_epoch
    if first is None:
        return WeightAverage(module, share=running(recipe.average_decay))
    return WeightAverage(module, share=equal(first_epoch=first, steps_an_epoch=steps_an_epoch))


@contextmanager
def temporary_weights(module: nn.Module, values: Mapping[str, Tensor]) -> Iterator[None]:
    """The module with other weights for the block; its own come back afterwards."""
    own = {name: value.detach().clone() for name, value in module.state_dict().items()}
    try:
        module.load_state_dict(values)
        yield
    finally:
        module.load_state_dict(own)
