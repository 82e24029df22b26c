"""The rules that a DICOM series must meet to be a volume, and the kinds of DICOM objects."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SECONDARY_CAPTURE = tuple(f"1.2.840.10008.5.1.4.1.1.7{more}" for more in ("", ".1", ".2", ".3", ".4"))
"""SOP classes of pictures taken of a screen or a film (PS3.4, table B.5-1)."""

CAPTURED_RADIOGRAPHS = frozenset(("CR", "DX", "MG", "RG", "PX", "IO"))
"""Modalities whose secondary captures are radiographs that lost their class on the way: digitised films, exports."""

UNCALIBRATED = "secondary capture: values are grey levels of a copy, not calibrated"

PICTURE_MODALITIES = frozenset(
    ("CR", "DX", "RG", "MG", "PX", "IO", "XA", "RF", "US", "IVUS", "OP", "OPT", "ES", "XC", "GM", "DOC")
)
"""Modalities whose images are pictures: projections, photographs and single views, each a case of its own."""

SHOW_TEXT = frozenset(("US", "IVUS", "ES", "XC", "GM", "DOC", "OT", "SC"))
"""Modalities whose images often have names and numbers of patients written into the pixels."""

SINGLE_SLICE = "a single slice, taken as a picture"
"""The note on such a picture."""

GRID_WORDS = ("MOSAIC", "VFRAME")
"""ImageType of Siemens' and United Imaging's images that hold all slices of a time point as tiles."""

FrameChoice = Literal["first", "middle", "all"] | Annotated[int, Field(ge=1)]
"""Which frames of a clip: a word, or a number counted from 1 as DICOM does."""

LOCALIZER_WORDS = ("LOCALIZER", "SCOUT", "TOPOGRAM", "SURVEY")
LOCALIZER_ORIENTATIONS = 3
"""A series cut in so many directions is the planning of others (or a rotating one), and no volume."""


class SeriesRules(BaseModel):
    """The rules that make a series a volume, beyond its geometry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fewest_slices: int = Field(
        5,
        ge=1,
        description="A stack of fewer slices is a sample of a volume, such as a scout or a bolus test. With 1, a "
        "series of a single slice is taken as a picture.",
    )
    correct_tilt: bool = Field(
        default=False, description="Shear the slices of a tilted gantry back into a box, with linear interpolation."
    )
    frame: FrameChoice | None = Field(None, description="Which frames of a clip are taken, each as a picture.")
    modality: str | None = Field(None, description="Only this modality (CT, MR, CR, …); others are refused by name.")
    description: str | None = Field(
        None, description="Only series whose description fits this pattern, such as T1*; several are parted by |."
    )

    def asks_for(self, description: str) -> bool:
        """Whether a series of this description is wanted; capitals do not matter."""
        if self.description is None:
            return True
        text = description.casefold().strip()
        return any(fnmatchcase(text, pattern.casefold().strip()) for pattern in self.description.split("|"))
