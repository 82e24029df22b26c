"""Which maps of an encoder become features: the mean of its last stage, or means and deviations of several stages.

Features of a wider readout begin with those of a narrower one: the last stage's means, its standard deviations, then
those of the stage before it, and so on. So a table of the widest holds them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, get_args

from jaxtyping import Float

if TYPE_CHECKING:
    import torch

Readout = Literal["last", "last_two", "all"]

READOUTS: Final[tuple[Readout, ...]] = get_args(Readout)
"""From the narrowest to the widest."""

LEAST_VARIANCE: Final = 1e-8
"""Added to the variance before the root, whose slope at 0 has no end."""


def widths_of(channels: Sequence[int]) -> dict[Readout, int]:
    """The number of features of each readout, given the channels of each stage in the order of the forward pass."""
    return {"last": channels[-1], "last_two": 2 * sum(channels[-2:]), "all": 2 * sum(channels)}


def stages_of(readout: Readout, stages: Sequence[str]) -> tuple[str, ...]:
    """The stages that a readout looks at, in the order of the forward pass."""
    return tuple(stages[-{"last": 1, "last_two": 2, "all": len(stages)}[readout] :])


def features_of(
    network: Iterable[torch.nn.Module], scans: Float[torch.Tensor, "case channel *space"], *, readout: Readout
) -> Float[torch.Tensor, "case feature"]:
    """The features of scans that pass through the stages one after the other."""
    import torch

    maps, parts = scans, []
    for stage in network:
        maps = stage(maps)
        if readout != "last":
            parts.append(_mean_and_deviation(maps))
    if readout == "last":
        return maps.flatten(2).mean(-1)
    wanted = parts[-2:] if readout == "last_two" else parts
    return torch.cat(wanted[::-1], dim=1)


def _mean_and_deviation(maps: Float[torch.Tensor, "case channel *grid"]) -> Float[torch.Tensor, "case statistic"]:
    import torch

    positions = maps.flatten(2)
    mean = positions.mean(-1)
    variance = (positions - mean[..., None]).square().mean(-1)
    return torch.cat([mean, (variance + LEAST_VARIANCE).sqrt()], dim=1)
