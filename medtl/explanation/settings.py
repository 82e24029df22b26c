"""Which out-of-fold cases are explained, and at which stage of the encoder."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from medtl.imaging import PreparationSettings


class ExplanationSettings(BaseModel):
    """Settings of the maps and of the gallery that shows some of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cases_of_each_kind: int = Field(
        default=2, ge=0, le=50, description="Per fold: confident right and wrong, of each class. 0 switches off."
    )
    stage: str | None = Field(
        default=None,
        description="Stage of the encoder that is looked at; None takes the deepest whose map has 7 positions a side.",
    )
    maps: Literal["auto", "gallery", "all"] = Field(
        default="auto",
        description="Which out-of-fold cases get a map: those of the gallery, or all; auto is all for volumes.",
    )
    viewers: int = Field(default=2, ge=0, le=50, description="Volumes with an interactive viewer on each fold's page.")

    def maps_all(self, preparation: PreparationSettings) -> bool:
        """Whether every out-of-fold case gets a map on disk."""
        return self.maps == "all" or (self.maps == "auto" and preparation.is_volume)
