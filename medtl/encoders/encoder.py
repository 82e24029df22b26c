"""An encoder as the other floors see it: named stages, feature maps, pooled features, and its card."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import cast, final

import torch
from jaxtyping import Float
from torch import nn

from medtl.encoders.architectures import FEATURES, hollow_stages, name_prefix, untrained_tensors
from medtl.encoders.card import EncoderCard
from medtl.encoders.grey_stem import SummedStem
from medtl.encoders.key_maps import COUNTER, Account
from medtl.encoders.weight_import import account_of_tensors
from medtl.encoders.weight_store import WeightStore
from medtl.errors import ConfigurationError, IntegrityFailure


@final
class Encoder(nn.Module):
    """A network without its classifier, in ordered stages.

    `card` says how it is fed; `account` says what became of each stored tensor, and is None for untrained weights.
    Make one with `build_encoder` or `build_untrained`.
    """

    def __init__(self, card: EncoderCard, body: OrderedDict[str, nn.Sequential], *, account: Account | None) -> None:
        super().__init__()
        low, high = card.value_range
        std = torch.tensor(card.std)
        scale, shift = (high - low) / std, (low - torch.tensor(card.mean)) / std
        if card.grey_rule == "sum_stem":
            first = next(iter(body["stem"]._modules))
            convolution = cast(nn.Conv2d, body["stem"].get_submodule(first))
            body["stem"].set_submodule(first, SummedStem(convolution, scale=scale, shift=shift))
        self.card = card
        self.account = account
        self.body = nn.Sequential(cast("OrderedDict[str, nn.Module]", body))
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)
        self.scale: torch.Tensor
        self.shift: torch.Tensor

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages from the scan to the features; the last one's output is `maps`."""
        return tuple(self.body._modules)

    @property
    def feature_count(self) -> int:
        """Features per scan, which is the number of channels of `maps`."""
        return FEATURES[self.card.architecture]

    def stage(self, name: str) -> nn.Module:
        """One stage, for freezing it or for reading its maps with a hook; its output is not changed afterwards."""
        if name not in self.stages:
            raise ConfigurationError(
                f"The encoder {self.card.name} has no stage {name!r}; its stages are {', '.join(self.stages)}."
            )
        return self.body.get_submodule(name)

    def normalised(
        self, scans: Float[torch.Tensor, "batch channel height width"]
    ) -> Float[torch.Tensor, "batch plane height width"]:
        """Scans in [0, 1] as the card wants them: value range, mean and std, and grey scans by the card's rule.

        With the rule `repeat` a grey scan comes out in the stem's channels; with `sum_stem` it passes unchanged, since
        the stem holds the normalisation itself.
        """
        channels, rule = scans.shape[1], self.card.grey_rule
        takes = (1,) if rule == "sum_stem" or self.card.channels == 1 else (1, 3)
        if channels not in takes:
            advice = "choose an encoder for colour images" if takes == (1,) else "choose a preparation that gives them"
            raise ConfigurationError(
                f"The encoder {self.card.name} takes scans of {' or '.join(map(str, takes))} channel(s) (grey rule "
                f"{rule}); got {channels}: {advice}.",
                expected=takes,
                got=channels,
            )
        if rule == "sum_stem":
            return scans
        return scans * self.scale + self.shift

    def maps(
        self, scans: Float[torch.Tensor, "batch plane height width"]
    ) -> Float[torch.Tensor, "batch feature height_out width_out"]:
        """Feature maps after the last stage, of normalised scans; 32 times coarser than the scan."""
        return cast(torch.Tensor, self.body(scans))

    def pooled(self, scans: Float[torch.Tensor, "batch plane height width"]) -> Float[torch.Tensor, "batch feature"]:
        """The mean of each feature map, of normalised scans; a plain mean, whose gradient is deterministic on CUDA."""
        return self.maps(scans).flatten(2).mean(-1)

    def forward(self, scans: Float[torch.Tensor, "batch plane height width"]) -> Float[torch.Tensor, "batch feature"]:
        """The same as `pooled`."""
        return self.pooled(scans)

    def tensors(self) -> dict[str, torch.Tensor]:
        """A copy of all tensors by MONAI's names, on the CPU: what `WeightStore.save` stores."""
        prefix = name_prefix(self.card.architecture)
        return {
            prefix + key.split(".", 1)[1]: tensor.detach().to("cpu", copy=True).contiguous()
            for key, tensor in self.body.state_dict().items()
        }


def build_encoder(name: str, *, store: WeightStore, seed: int) -> Encoder:
    """The encoder of that name with its stored weights; a bare architecture gets weights drawn from the seed.

    Refuses unknown names, absent and damaged weights (see `WeightStore`), and weights that do not cover 100 % of the
    network's tensors. The global random generators are not touched.
    """
    card = store.card(name)
    if not card.needs_weights:
        return build_untrained(card, seed=seed)
    stored = store.load(name)
    account = account_of_tensors(stored, architecture=card.architecture, channels=card.channels)
    if not account.complete:
        raise IntegrityFailure(
            f"The stored weights of {name} do not fit its card, a {card.architecture} with {card.channels} input "
            f"channels: {account.complaint()}. Was the card edited? Import the weights again with --replace.",
            encoder=name,
        )
    return _filled(card, stored, account=account)


def build_untrained(card: EncoderCard, *, seed: int) -> Encoder:
    """The card's network, fed as the card says, with weights drawn from the seed: the control `scratch`."""
    tensors = untrained_tensors(card.architecture, channels=card.channels, seed=seed)
    return _filled(card, tensors, account=None)


def _filled(card: EncoderCard, tensors: Mapping[str, torch.Tensor], *, account: Account | None) -> Encoder:
    stages = hollow_stages(card.architecture, channels=card.channels)
    prefix = name_prefix(card.architecture)
    for stage in stages.values():
        stage.load_state_dict(
            {key: _number(tensors, prefix + key) for key in stage.state_dict()}, strict=True, assign=True
        )
    encoder = Encoder(card, stages, account=account)
    return cast(Encoder, encoder.to(memory_format=torch.channels_last))  # type: ignore[call-overload]  # a third faster


def _number(tensors: Mapping[str, torch.Tensor], key: str) -> torch.Tensor:
    if key.endswith(COUNTER):
        return tensors[key].to(torch.int64) if key in tensors else torch.zeros((), dtype=torch.int64)
    return tensors[key].to(torch.float32)
