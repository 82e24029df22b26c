"""The recipe: how long, how fast, and how a fit stops."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medtl.errors import ConfigurationError
from medtl.policies.small_data import SmallDataOptions

FEWEST_AVERAGED = 2
"""Epochs of which a mean of weights is one."""


class Recipe(BaseModel):
    """Settings of the training loop; one recipe for every policy and fold of a study.

    Defaults are engineering choices for small data: a fixed schedule (a validation part of fewer than about 100
    patients cannot pick an epoch), averaged weights, no label smoothing, no class weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=10, ge=1, le=1000)
    batch_size: int = Field(default=16, ge=1, le=1024, description="Cases a step, whatever fits at once.")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Of the head; pretrained weights get a share.")
    weight_decay: float = Field(default=1e-2, ge=0, le=1)
    warmup_epochs: float = Field(default=0.5, ge=0, description="Epochs over which the rate rises from zero.")
    gradient_limit: float = Field(default=1.0, gt=0, description="Largest norm of the gradient; longer ones are cut.")
    average_decay: float = Field(
        default=0.98, ge=0, lt=1, description="Memory of the running average of weights that is judged; 0 switches off."
    )
    stopping: Literal["fixed", "validation_loss"] = Field(
        default="fixed", description="Judge the last epoch, or the epoch of least validation loss."
    )
    micro_batch_size: int | None = Field(
        default=None, ge=1, description="Cases through the net at once; gradients are added up to batch_size."
    )
    mixed_precision: bool = Field(default=True, description="Lower precision on CUDA; the CPU always uses float32.")
    deterministic: bool = Field(default=False, description="On CUDA: the same bits every time, at some cost in speed.")
    loading_workers: int | None = Field(default=None, ge=0, le=64, description="Processes that load and augment.")
    trunk_cache_gb: float | None = Field(
        default=None,
        gt=0,
        description="GB on disk, at most, for what frozen stages give of each scan, computed once; off without it.",
    )
    small_data: SmallDataOptions | None = Field(default=None, description="Options for small data, all off.")

    @model_validator(mode="after")
    def _averages_two_epochs(self) -> Self:
        first = self.first_averaged_epoch
        if first is not None and self.stopping != "fixed":
            raise ValueError(
                f"small_data.swa_from averages the last epochs, and stopping: {self.stopping} judges one of them: "
                "choose one of the two"
            )
        if first is not None and self.epochs - first < FEWEST_AVERAGED:
            raise ValueError(
                f"small_data.swa_from leaves {self.epochs - first} of {self.epochs} epochs to average, which takes "
                f"{FEWEST_AVERAGED} or more: begin earlier, or train for longer"
            )
        return self

    @property
    def first_averaged_epoch(self) -> int | None:
        """The first epoch, counted from 0, whose weights are averaged with equal weight; None without that option."""
        share = self.options.swa_from
        return None if share is None else round(share * self.epochs)

    def deciding(self) -> dict[str, Any]:
        """The settings that can change a number: all but how many processes load, and what is kept on disk."""
        off = {"small_data"} if self.small_data is None else set()  # a recipe without options is what it always was
        return self.model_dump(mode="json", exclude={"loading_workers", "trunk_cache_gb"} | off)

    @property
    def options(self) -> SmallDataOptions:
        """The options for small data, each None where it is off."""
        return self.small_data or SmallDataOptions.none()

    def refuse_lone_cases(self, *, learning: str) -> None:
        """Nothing, if every pass through a network that learns its batch-norm statistics has two cases or more.

        Raises:
            ConfigurationError: a batch, or a part of one, is a single case; asked before anything is trained.
        """
        name = "batch_size" if self.batch_size == 1 else "micro_batch_size" if self.micro_batch_size == 1 else None
        if name is not None:
            raise ConfigurationError(
                f"recipe.{name} is 1, and {learning} learns the statistics of its batch normalisation, for which every "
                f"batch needs at least two cases. Set recipe.{name} to 2 or more, or use the policies probe, lp_ft or "
                "full, which keep the statistics of the pretrained encoder."
            )


def schedule(step: int, *, steps_an_epoch: int, recipe: Recipe) -> float:
    """The learning rate as a share of its peak: linear warm-up, then half a cosine down to zero.

    Where the last epochs' weights are averaged with equal weight, the rate stays what it is when they begin.
    """
    total, warmup = recipe.epochs * steps_an_epoch, recipe.warmup_epochs * steps_an_epoch
    if recipe.first_averaged_epoch is not None:
        step = min(step, recipe.first_averaged_epoch * steps_an_epoch)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))
