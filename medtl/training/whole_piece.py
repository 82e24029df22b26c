"""A micro-batch whose cases are computed by several processes, as if one had computed it.

In: the rows of the cases that this process computes. Out: for a block, dropout that draws for the whole micro-batch and
keeps its own rows, and batch normalisation whose statistics, and their gradients, are those of all cases. It acts on
torch's functions, so that a network needs no other layers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from medtl.errors import ConfigurationError

DROPOUTS = (functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d)


class OfWholePiece(TorchFunctionMode):
    """What depends on the other cases of a micro-batch is that of all `cases`, of which these `rows` are computed here.

    A row of `weight` 0 is computed for another process's sake and counts in no statistic.
    """

    def __init__(self, rows: Sequence[int], cases: int, *, weight: float) -> None:
        super().__init__()
        self.rows, self.cases, self.weight = list(rows), cases, weight

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """The result of a function of torch; of the whole micro-batch where its other cases matter."""
        kwargs = kwargs or {}
        if func in DROPOUTS:
            return self._dropped(func, _arguments(func, args, kwargs))
        if func is torch.rand and args and isinstance(args[0], (list, tuple)):
            return self._drawn(lambda shape: func(shape, *args[1:], **kwargs), args[0])
        if func is functional.batch_norm:
            return self._normalised(_arguments(func, args, kwargs))
        return func(*args, **kwargs)

    def _dropped(self, dropout: Callable[..., Tensor], given: Mapping[str, Any]) -> Tensor:
        if not given["training"] or given["p"] == 0.0:
            return dropout(**given)
        scans: Tensor = given["input"]
        kept = self._drawn(lambda shape: dropout(scans.new_ones(shape), given["p"], training=True), scans.shape)
        return scans * kept

    def _drawn(self, draw: Callable[[list[int]], Tensor], shape: Sequence[int]) -> Tensor:
        """The rows of this process, of a draw for all cases; a case may have several entries, such as its slices."""
        entries, rest = divmod(shape[0], len(self.rows))
        if rest:
            return draw(list(shape))  # a part of some cases' slices: draws of its own
        whole = draw([self.cases * entries, *shape[1:]])
        return whole.unflatten(0, (self.cases, entries))[self.rows].flatten(0, 1)

    def _normalised(self, given: Mapping[str, Any]) -> Tensor:
        """Batch normalisation with the mean and variance of all cases, as SyncBatchNorm, on any device."""
        if not given["training"]:
            return functional.batch_norm(**given)
        scans, weight, bias = given["input"], given["weight"], given["bias"]
        if len(scans) != len(self.rows):
            raise ConfigurationError(
                "A network that learns the statistics of its batch normalisation from the slices of volumes cannot be "
                "trained by several processes at once. Use one process for each fold (--gpus or --processes), or a "
                "policy that keeps the statistics of the pretrained encoder, such as lp_ft."
            )
        axes = [0, *range(2, scans.ndim)]
        values = scans.float() if scans.dtype in (torch.float16, torch.bfloat16) else scans
        count = float(_Summed.apply(values.new_tensor([self.weight * values.numel() / values.shape[1]])))
        mean = _Summed.apply(self.weight * values.sum(axes)) / count
        centred = values - _per_channel(mean, values)
        variance = _Summed.apply(self.weight * centred.square().sum(axes)) / count
        if given["running_mean"] is not None:
            with torch.no_grad():
                given["running_mean"].lerp_(mean, given["momentum"])
                given["running_var"].lerp_(variance * count / (count - 1), given["momentum"])
        scale = torch.rsqrt(variance + given["eps"])
        scale = scale if weight is None else scale * weight
        result = centred * _per_channel(scale, values)
        if bias is not None:  # times one: of a lone case its gradient would be a view that it shares with others
            result = result + _per_channel(bias * 1, values)
        return result.to(scans.dtype)


class _Summed(torch.autograd.Function):
    """A sum over the processes; so is its gradient, since the sum serves the loss of each of them."""

    @staticmethod
    def forward(_context: Any, own: Tensor) -> Tensor:
        summed = own.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        distributed.all_reduce(summed)
        return summed


def _arguments(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a function of torch is called with, by name."""
    call = inspect.signature(func).bind(*args, **kwargs)
    call.apply_defaults()
    return dict(call.arguments)


def _per_channel(values: Tensor, scans: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (scans.ndim - 2))
