"""An encoder as the other floors see it: named stages, pooled features, maps in the patient, and its card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, cast, final

import torch
from jaxtyping import Float
from torch import nn

from medtl.axes import Plane
from medtl.encoders.account import Account
from medtl.encoders.architectures import Network, stage_channels
from medtl.encoders.card import EncoderCard
from medtl.encoders.grey_stem import SummedStem
from medtl.encoders.normalisation import Normalisation, refuse_other_space
from medtl.encoders.readout import Readout, features_of, widths_of
from medtl.errors import ConfigurationError


class Encoder(nn.Module, ABC):
    """An encoder: a network without its classifier, in ordered stages, with a way to pool their maps.

    `card` says how it is fed; `account` says what became of each stored tensor, and is None for untrained weights.
    `space` counts the dimensions of what one stage sees at once: 2 for pictures and slices, 3 for whole volumes.
    Make one with `build_encoder` or `build_untrained`.
    """

    def __init__(
        self,
        card: EncoderCard,
        network: Network,
        body: OrderedDict[str, nn.Sequential],
        *,
        account: Account | None,
        attention: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.card = card
        self.network = network
        self.account = account
        self.normalise = Normalisation(card, network)
        if card.grey_rule == "sum_stem":
            first = network.family.stem
            convolution = cast(nn.Conv2d, body["stem"].get_submodule(first))
            scale, shift = self.normalise.scale, self.normalise.shift
            body["stem"].set_submodule(first, SummedStem(convolution, scale=scale, shift=shift))
        self.body = nn.Sequential(cast("OrderedDict[str, nn.Module]", body))
        self.attention = nn.ModuleDict(dict[str, nn.Module](attention or {}))
        self.attention_is_held = False

    @property
    def feature_widths(self) -> Mapping[Readout, int]:
        """Features per scan of each readout; a wider one begins with the features of a narrower one."""
        return widths_of(stage_channels(self.network))

    def readout_of(self, features: int) -> Readout:
        """The narrowest readout that gives so many features.

        Raises:
            ConfigurationError: none does.
        """
        for readout, count in self.feature_widths.items():
            if count == features:
                return readout
        raise ConfigurationError(
            f"No readout of {self.card.name} has {features} features; they have "
            f"{', '.join(f'{count} ({readout})' for readout, count in self.feature_widths.items())}."
        )

    @property
    def space(self) -> Literal[2, 3]:
        """Dimensions of what one stage sees at once."""
        return self.network.space

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages from the scan to the features; the last one's maps are pooled."""
        return tuple(self.body._modules)

    @property
    def feature_count(self) -> int:
        """Features per scan of the readout `last`."""
        return self.network.feature_count

    def stage(self, name: str) -> nn.Module:
        """One stage, for freezing it or for reading its maps with a hook; its output is not changed afterwards.

        Raises:
            ConfigurationError: there is no such stage.
        """
        if name not in self.stages:
            raise ConfigurationError(
                f"The encoder {self.card.name} has no stage {name!r}; its stages are {', '.join(self.stages)}."
            )
        return self.body.get_submodule(name)

    @abstractmethod
    def normalised(self, scans: Float[torch.Tensor, "case channel *space"]) -> Float[torch.Tensor, "case plane *space"]:
        """Scans in [0, 1] as `pooled` wants them; refuses scans that the card does not fit."""

    @abstractmethod
    def pooled(
        self, scans: Float[torch.Tensor, "case plane *space"], *, readout: Readout = "last"
    ) -> Float[torch.Tensor, "case feature"]:
        """The features of normalised scans, one row a case."""

    def forward(self, scans: Float[torch.Tensor, "case plane *space"]) -> Float[torch.Tensor, "case feature"]:
        """Call `pooled`."""
        return self.pooled(scans)

    @abstractmethod
    def slice_weights(
        self, scans: Float[torch.Tensor, "case plane *space"]
    ) -> dict[Plane, Float[torch.Tensor, "case slice"]]:
        """The weight of each slice of normalised volumes, by plane, each case's weights summing to 1.

        Slices run towards superior, right or anterior. Empty for encoders that do not cut slices.
        """

    @abstractmethod
    def assembled(
        self,
        values: torch.Tensor | Sequence[torch.Tensor],
        cases: int,
        *,
        shape: tuple[int, ...] | None = None,
    ) -> Float[torch.Tensor, "case *grid"]:
        """One value per position of a captured stage, brought to the scans' axes.

        Args:
            values: what a hook on the stage captured in one forward pass, without its channels: (case, height, width),
                (case, right, anterior, superior), or slices of (height, width) in the order in which they came; a list
                of what each call gave, or all of it in one.
            cases: how many scans there were.
            shape: of the volumes, (right, anterior, superior); needed with several planes.
        """

    @contextmanager
    def attention_held(self) -> Iterator[None]:
        """For the block, attention weights are constants: no gradient passes through them.

        Then the features are linear in the last stage's maps, and the HiResCAM maps of a linear head add up to its
        logit without bias. Encoders without attention are what they are.
        """
        before = self.attention_is_held
        try:
            self.attention_is_held = True
            yield
        finally:
            self.attention_is_held = before

    def tensors(self) -> dict[str, torch.Tensor]:
        """A copy of all tensors by MONAI's names, on the CPU: what `WeightStore.save` stores."""
        own = {
            self.network.name_prefix + key.split(".", 1)[1]: tensor for key, tensor in self.body.state_dict().items()
        }
        own |= {f"attention.{key}": tensor for key, tensor in self.attention.state_dict().items()}
        return {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in own.items()}


@final
class NetworkEncoder(Encoder):
    """One network over the whole scan, a picture or a volume; the mean of each last map is a feature."""

    def normalised(self, scans: Float[torch.Tensor, "case channel *space"]) -> Float[torch.Tensor, "case plane *space"]:
        """Scans in [0, 1] as the card wants them: value range, mean and std, and grey scans by the card's rule."""
        refuse_other_space(self.card, scans)
        return cast(torch.Tensor, self.normalise(scans))

    def maps(self, scans: Float[torch.Tensor, "case plane *space"]) -> Float[torch.Tensor, "case feature *grid"]:
        """Feature maps after the last stage, of normalised scans."""
        return cast(torch.Tensor, self.body(scans))

    def pooled(
        self, scans: Float[torch.Tensor, "case plane *space"], *, readout: Readout = "last"
    ) -> Float[torch.Tensor, "case feature"]:
        """The readout of normalised scans; plain means, whose gradients are deterministic on CUDA."""
        return features_of(self.body, scans, readout=readout)

    def slice_weights(
        self, scans: Float[torch.Tensor, "case plane *space"]
    ) -> dict[Plane, Float[torch.Tensor, "case slice"]]:
        """None: the network sees the scan as a whole."""
        return {}

    def assembled(
        self,
        values: torch.Tensor | Sequence[torch.Tensor],
        cases: int,
        *,
        shape: tuple[int, ...] | None = None,
    ) -> Float[torch.Tensor, "case *grid"]:
        """The values as they are: the network's axes are the scan's.

        Raises:
            ConfigurationError: there is not one map for each case.
        """
        whole = values if isinstance(values, torch.Tensor) else torch.cat(list(values))
        if len(whole) != cases:
            raise ConfigurationError(f"{len(whole)} maps were captured of {cases} scans; expected one each.")
        return whole
