"""Settings of the controls."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ControlSettings(BaseModel):
    """The controls that must fail at the task, run in the study's own folds.

    The first three rest on frozen features or on some grey values and are on; the last two are on request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    permutations: int = Field(
        default=200, ge=0, le=10_000, description="Draws of labels permuted by patient; 0 leaves the control out."
    )
    thumbnail: bool = Field(default=True, description="Every scan shrunk to 8 cells a side.")
    border_only: bool = Field(default=True, description="Only the outer eighth of every scan, in 16 cells a side.")
    centre_masked: bool = Field(default=False, description="Features of scans whose middle is black: a forward pass.")
    image_level_split: bool = Field(
        default=False, description="What folds that ignore patients would have claimed; a demonstration."
    )
