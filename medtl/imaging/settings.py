"""Settings of preparation and augmentation; they import neither torch nor MONAI."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Preset = Literal["radiograph", "photograph", "ultrasound", "ct", "mr", "mask"]
HounsfieldWindow = Literal["soft_tissue", "lung", "bone", "brain", "mediastinum", "liver", "stroke", "subdural"]
Side = Annotated[int, Field(ge=16, le=2048)]
Length = Annotated[float, Field(gt=0, le=2000, allow_inf_nan=False)]
Millimetres = tuple[Length, Length, Length]

MIRRORED: frozenset[Preset] = frozenset({"photograph"})
"""Kinds of scans whose mirror image is as good; elsewhere left and right mean something: heart, liver, marker."""

USUAL_SIZE_PX = (224, 224)
"""What ImageNet encoders were trained on."""

LONGEST_SIDE = 1024
MOST_VOXELS = 2**27
"""A prepared volume of 134 million voxels is 0.5 GB as float32."""

HOUNSFIELD_WINDOWS: dict[HounsfieldWindow, tuple[float, float]] = {
    "soft_tissue": (50.0, 400.0),
    "lung": (-600.0, 1500.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
    "mediastinum": (50.0, 350.0),
    "liver": (30.0, 150.0),
    "stroke": (40.0, 40.0),
    "subdural": (75.0, 215.0),
}
"""(centre, width) in Hounsfield units, from the reference article "Windowing (CT)" of radiopaedia.org, which gives
ranges for some windows: stroke 40/40, subdural 50-100/130-300, lung -600/1500, mediastinum 50/350, bone 400/1800,
brain 40/80, liver 30/150, abdominal soft tissue 50/400."""


class PreparationSettings(BaseModel):
    """How a scan becomes what an encoder looks at.

    A picture gets `size_px`, (height, width), with its aspect ratio kept. A volume gets a grid in the patient's
    millimetres instead: `spacing_mm` and `extent_mm` along (right, anterior, superior), around its middle or around the
    middle of its foreground; what lies outside is cropped, what is missing is black. `window` names a Hounsfield window
    and belongs to the preset ct alone, where it is soft_tissue when not said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Preset = Field("radiograph", description="the kind of scan, which decides channels and brightness")
    size_px: tuple[Side, Side] | None = Field(
        None, description="pictures: (height, width) in pixels, 16 to 2048 each; 224 x 224 when not said"
    )
    spacing_mm: Millimetres | None = Field(None, description="volumes: voxel size (right, anterior, superior)")
    extent_mm: Millimetres | None = Field(None, description="volumes: size of the grid (right, anterior, superior)")
    around: Literal["middle", "foreground"] = Field("middle", description="volumes: what the grid is centred on")
    window: HounsfieldWindow | None = Field(None, description="Hounsfield window of the preset ct")

    @model_validator(mode="before")
    @classmethod
    def _give_ct_its_window(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("preset") == "ct" and values.get("window") is None:
            return {**values, "window": "soft_tissue"}
        return values

    @model_validator(mode="before")
    @classmethod
    def _give_pictures_their_size(cls, values: object) -> object:
        if isinstance(values, dict) and not any(values.get(n) for n in ("size_px", "spacing_mm", "extent_mm")):
            return {**values, "size_px": USUAL_SIZE_PX}
        return values

    @model_validator(mode="after")
    def _is_a_picture_or_a_volume(self) -> PreparationSettings:
        if (self.spacing_mm is None) != (self.extent_mm is None):
            raise ValueError(
                "spacing_mm and extent_mm belong together: give both to study volumes, neither for pictures"
            )
        if self.extent_mm is not None and self.size_px is not None:
            raise ValueError("size_px is for pictures, spacing_mm and extent_mm for volumes: choose one")
        if self.extent_mm is None:
            if self.around != "middle":
                raise ValueError("around is for volumes: give spacing_mm and extent_mm, or leave it out")
            return self
        if self.preset == "photograph":
            raise ValueError("preset photograph is for colour pictures, not for volumes: choose another preset")
        longest, count = max(self.shape), math.prod(self.shape)
        if min(self.shape) < 1 or longest > LONGEST_SIDE or count > MOST_VOXELS:
            raise ValueError(
                f"extent_mm / spacing_mm is a grid of {' x '.join(map(str, self.shape))} voxels; expected 1 to "
                f"{LONGEST_SIDE} a side and at most {MOST_VOXELS:,} in all"
            )
        return self

    @model_validator(mode="after")
    def _keep_the_window_for_ct(self) -> PreparationSettings:
        if self.preset != "ct" and self.window is not None:
            raise ValueError(
                f"window {self.window!r} is in Hounsfield units and belongs to preset ct; the preset is "
                f"{self.preset!r}. Leave the window out or set preset: ct."
            )
        return self

    @property
    def is_volume(self) -> bool:
        """Whether scans are prepared as volumes."""
        return self.extent_mm is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a prepared scan without its channels: (height, width), or (right, anterior, superior)."""
        if self.extent_mm is None or self.spacing_mm is None:
            return self.size_px or USUAL_SIZE_PX
        return tuple(round(extent / spacing) for extent, spacing in zip(self.extent_mm, self.spacing_mm, strict=True))

    @property
    def channels(self) -> int:
        """Channels of a prepared scan: 3 for photographs, 1 for everything else."""
        return 3 if self.preset == "photograph" else 1


class AugmentationSettings(BaseModel):
    """How training scans are varied: `auto` follows the preparation's preset, `none` leaves them as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["auto", "none", "radiograph", "photograph", "ultrasound", "ct", "mr", "mask"] = "auto"
    strength: Literal["strong"] | None = Field(
        default=None, description="strong: scans are turned, shifted, zoomed and brightened by twice as much."
    )
    draws: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Varied copies of a scan in the whole study; every epoch makes a new one where this is not said.",
    )

    @model_validator(mode="after")
    def _draws_where_scans_are_varied(self) -> AugmentationSettings:
        if self.draws is not None and self.preset == "none":
            raise ValueError(
                f"augmentation.draws is {self.draws}, but augmentation.preset is none, so every copy would be the "
                "scan itself: leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _varies_strongly_or_not_at_all(self) -> AugmentationSettings:
        if self.strength is not None and self.preset == "none":
            raise ValueError("augmentation.strength is strong, but augmentation.preset is none: leave one of them out")
        return self

    def deciding(self) -> dict[str, Any]:
        """The settings that can change a number; without an option this is what it always was."""
        return self.model_dump(mode="json", exclude_none=True)

    def chosen(self, preparation: PreparationSettings) -> Preset | None:
        """The preset to apply to scans prepared in this way, None for no variation."""
        if self.preset == "none":
            return None
        return preparation.preset if self.preset == "auto" else self.preset
