"""The recipe: how long, how fast, and how a fit stops."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtl.errors import ConfigurationError


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

    def deciding(self) -> dict[str, Any]:
        """The settings that can change a number: all but how many processes load."""
        return self.model_dump(mode="json", exclude={"loading_workers"})

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
    """The learning rate as a share of its peak: linear warm-up, then half a cosine down to zero."""
    total, warmup = recipe.epochs * steps_an_epoch, recipe.warmup_epochs * steps_an_epoch
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, total - warmup)))
