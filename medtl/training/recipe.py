"""The recipe: how long, how fast, and how a fit stops."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """Settings of the training loop; one recipe for every policy and fold of a study.

    Defaults are engineering choices for small data: a fixed schedule (a validation part of fewer than about 100
    patients cannot pick an epoch; EVIDENCE section 5.1), averaged weights, no label smoothing, no class weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=10, ge=1, le=1000)
    batch_size: int = Field(default=16, ge=1, le=1024, description="Cases a step, whatever fits at once.")
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="Of the head; borrowed weights get a share.")
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
