"""The interface of a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """How a model is drawn: the same colour, dash and marker in every figure."""

    colour: str
    dash: Dash
    marker: str


@dataclass(frozen=True)
class StageInTime:
    """A stage of the encoder at a moment of the training.

    `above` counts the stages between it and the head, 0 for the last one, of `stages` in all; `progress` is the share
    of the steps that have been taken; `last_stages` is the study's setting.
    """

    above: int
    stages: int
    progress: float
    last_stages: int


@dataclass(frozen=True)
class Policy:
    """A way of adapting an encoder.

    Attributes:
        name: in settings and tables, such as `lp_ft`.
        label: in tables and figures. `short` stands before an encoder or a learning rate, `phrase` inside a sentence.
        methods: the policy in a Methods section, after "The models were".
        cites: keys of the works that a page with this model cites.
        look: how the model is drawn.
        rank: the order in which a page prefers models when the study declares none; the lowest is preferred.
        beside: the order in which models stand beside the chosen one among a page's first numbers.
        simplicity: the simpler of two models that cannot be distinguished is named; 0 is the simplest.
        fits: `probe` and `centroids` are fitted on frozen features, `network` by the training loop.
        start: what the network starts from: the fitted probe as its head, a new head on the pretrained encoder, or
            random weights throughout. None for models on frozen features.
        is_fitted_always: whether every study fits it, whether named or not.
        is_choosable: whether a study's `adaptation.policy` may name it.
        is_control: whether it stands beside the candidates and cannot be selected.
        is_reference: whether other models are compared with it.
        encoder_scale: the encoder's learning rate as a share of the recipe's; None: the study's `encoder_rate`.
        head_scale: the head's, likewise.
        stage_scale: the rate of a stage as a share of the encoder's; 0 keeps the stage as it is. None: 1 throughout.
        rates_from: the stages' shares of the encoder's rate from the norm of each one's gradient as a share of its
            weights', measured on the first batch of every epoch. None: `stage_scale` says them.
        learns: all parameters of the encoder, the scales and shifts of its batch normalisation alone, or updates of low
            rank to its convolutions.
        penalty: a term of the loss from the network's parameters at the start and now, by name; None: no penalty.
    """

    name: str
    label: str
    phrase: str
    methods: str
    look: Look
    rank: int
    beside: int
    simplicity: int
    short: str | None = None
    cites: tuple[str, ...] = ()
    fits: Literal["probe", "centroids", "network"] = "network"
    start: Literal["fitted_probe", "new_head", "random"] | None = None
    is_fitted_always: bool = False
    is_choosable: bool = True
    is_control: bool = False
    is_reference: bool = False
    encoder_scale: float | None = None
    head_scale: float | None = 1.0
    stage_scale: Callable[[StageInTime], float] | None = None
    rates_from: Callable[[Mapping[str, float]], Mapping[str, float]] | None = None
    learns: Literal["all", "normalisation", "low_rank"] = "all"
    penalty: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor] | None = None

    def keeps_stages(self, *, last_stages: int) -> bool:
        """Whether an encoder with more stages than `last_stages` keeps the first ones throughout the training."""
        if self.stage_scale is None:
            return False
        return self.stage_scale(StageInTime(last_stages, last_stages + 1, 1.0, last_stages)) == 0.0

    @property
    def is_pretrained(self) -> bool:
        """Whether the network starts from the pretrained encoder."""
        return self.start in ("fitted_probe", "new_head")

    @property
    def is_baseline_only(self) -> bool:
        """Whether it is fitted on frozen features for comparison alone, so that no sentence rests on it."""
        return self.is_control and not self.is_trained

    @property
    def is_trained(self) -> bool:
        """Whether it needs the training loop."""
        return self.fits == "network"
