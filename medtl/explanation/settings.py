"""Settings of saliency maps: cases, stage of the encoder, method, and checks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from medtl.imaging import PreparationSettings
from medtl.record.saliency_checks import Method as Method

PICTURES_CHECKED = 6
VOLUMES_CHECKED = 2
"""Cases a fold: a volume costs as much as all its slices, and both numbers keep the checks to a small part of a study
(measured; see CHANGELOG)."""


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


class SaliencySettings(BaseModel):
    """How a map is made, and whether it is found out that it is worth looking at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = Field(default="hirescam", description="eigencam shows no class: the same map for every class.")
    checks: bool = Field(default=True, description="Randomisation, repeatability, deletion, energy and lesion checks.")
    cases_per_fold: int | None = Field(
        default=None, ge=2, le=500, description="Out-of-fold cases checked in each fold; None: 6 pictures or 2 volumes."
    )

    def checked(self, preparation: PreparationSettings) -> int:
        """The number of cases to check in a fold."""
        return self.cases_per_fold or (VOLUMES_CHECKED if preparation.is_volume else PICTURES_CHECKED)
