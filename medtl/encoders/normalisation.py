"""From a prepared scan in [0, 1] to what the weights were trained on."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import nn

from medtl.encoders.architectures import Network, fewest_voxels
from medtl.encoders.card import EncoderCard
from medtl.errors import ConfigurationError

LEAST_DEVIATION: Final = 1e-6
"""Of the foreground, in units of [0, 1]: a flat volume is centred and not blown up."""


class Normalisation(nn.Module):
    """The card's value range, mean and std, and grey scans by the card's rule; refuses what the network cannot take."""

    def __init__(self, card: EncoderCard, network: Network) -> None:
        super().__init__()
        self.card, self.network = card, network
        low, high = card.value_range
        std, sides = torch.tensor(card.std), (1,) * network.space
        self.register_buffer("scale", ((high - low) / std).view(1, -1, *sides), persistent=False)
        self.register_buffer("shift", ((low - torch.tensor(card.mean)) / std).view(1, -1, *sides), persistent=False)
        self.scale: torch.Tensor
        self.shift: torch.Tensor

    def forward(self, scans: Float[torch.Tensor, "case channel *space"]) -> Float[torch.Tensor, "case plane *space"]:
        """Standardised scans in the channels of the stem.

        With the rule `repeat` a grey scan comes out in the stem's channels; with `sum_stem` it passes unchanged, since
        the stem holds the normalisation itself.
        """
        self._refuse_unfit(scans)
        if self.card.standardised == "by_foreground":
            return by_foreground(scans)
        if self.card.grey_rule == "sum_stem":
            return scans
        return scans * self.scale + self.shift

    def _refuse_unfit(self, scans: torch.Tensor) -> None:
        card, channels = self.card, scans.shape[1]
        is_grey_only = card.grey_rule == "sum_stem" or card.channels == 1 or self.network.space == 3
        takes = (1,) if is_grey_only else (1, 3)
        if channels not in takes:
            advice = "choose an encoder for colour images" if takes == (1,) else "choose a preparation that gives them"
            raise ConfigurationError(
                f"The encoder {card.name} takes scans of {' or '.join(map(str, takes))} channel(s) (grey rule "
                f"{card.grey_rule}); got {channels}: {advice}.",
                expected=takes,
                got=channels,
            )
        needed = [fewest_voxels(self.network, axis) for axis in range(self.network.space)]
        if any(side < least for side, least in zip(scans.shape[2:], needed, strict=True)):
            raise ConfigurationError(
                f"The encoder {card.name} halves its maps five times and needs at least "
                f"{' x '.join(map(str, needed))} voxels; got {' x '.join(map(str, scans.shape[2:]))}. Prepare larger "
                "scans, or choose a ResNet.",
                expected=tuple(needed),
                got=tuple(scans.shape[2:]),
            )


def by_foreground(volumes: Float[torch.Tensor, "case 1 *space"]) -> Float[torch.Tensor, "case 1 *space"]:
    """Each volume less the mean of its voxels above 0, over their deviation; voxels at 0 stay 0.

    MedicalNet's publishers fill the voxels at 0 with normal noise; 0 is the noise's mean.
    """
    axes = tuple(range(1, volumes.ndim))
    inside = volumes > 0
    count = inside.sum(axes, keepdim=True).clamp(min=1)
    mean = volumes.where(inside, 0.0).sum(axes, keepdim=True) / count
    centred = (volumes - mean).where(inside, 0.0)
    deviation = (centred.square().sum(axes, keepdim=True) / count).sqrt()
    return centred / deviation.clamp(min=LEAST_DEVIATION)


def refuse_other_space(card: EncoderCard, scans: torch.Tensor) -> None:
    """Refuse volumes for an encoder of pictures and pictures for one of volumes.

    Raises:
        ConfigurationError: the scans have another number of axes.
    """
    if scans.ndim == card.dimensions + 2:
        return
    if card.dimensions == 2:
        raise ConfigurationError(
            f"The encoder {card.name} takes pictures (case, channel, height, width); got {scans.ndim} axes. For "
            f"volumes name slices-{card.name}, inflated-{card.name} or acs-{card.name}.",
            encoder=card.name,
        )
    raise ConfigurationError(
        f"The encoder {card.name} takes volumes (case, 1, right, anterior, superior); got {scans.ndim} axes. Prepare "
        "the scans as volumes, or choose an encoder for pictures.",
        encoder=card.name,
    )
