"""How scans are prepared and varied, as settings that import neither torch nor MONAI."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Preset = Literal["radiograph", "photograph", "ultrasound", "ct", "mr"]
HounsfieldWindow = Literal["soft_tissue", "lung", "bone", "brain", "mediastinum", "liver", "stroke", "subdural"]
Side = Annotated[int, Field(ge=16, le=2048)]

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

    `size_px` is (height, width). `window` names a Hounsfield window and belongs to the preset ct alone, where it is
    soft_tissue when not said.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Preset = Field("radiograph", description="the kind of scan, which decides channels and brightness")
    size_px: tuple[Side, Side] = Field((224, 224), description="(height, width) in pixels, 16 to 2048 each")
    window: HounsfieldWindow | None = Field(None, description="Hounsfield window of the preset ct")

    @model_validator(mode="before")
    @classmethod
    def _give_ct_its_window(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("preset") == "ct" and values.get("window") is None:
            return {**values, "window": "soft_tissue"}
        return values

    @model_validator(mode="after")
    def _keep_the_window_for_ct(self) -> PreparationSettings:
        if self.preset != "ct" and self.window is not None:
            raise ValueError(
                f"window {self.window!r} is in Hounsfield units and belongs to preset ct; the preset is "
                f"{self.preset!r}. Leave the window out or set preset: ct."
            )
        return self

    @property
    def channels(self) -> int:
        """Channels of a prepared scan: 3 for photographs, 1 for everything else."""
        return 3 if self.preset == "photograph" else 1


class AugmentationSettings(BaseModel):
    """How training scans are varied: `auto` follows the preparation's preset, `none` leaves them as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["auto", "none", "radiograph", "photograph", "ultrasound", "ct", "mr"] = "auto"

    def chosen(self, preparation: PreparationSettings) -> Preset | None:
        """The preset to apply to scans prepared in this way, None for no variation."""
        if self.preset == "none":
            return None
        return preparation.preset if self.preset == "auto" else self.preset
