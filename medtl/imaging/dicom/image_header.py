"""The values of DICOM headers that decide how an image is read, stacked and described.

An allow-list: nothing else leaves the process that parses a header. `patient_id`, the unique identifiers, the
description and the date stay in memory and in private files; they are never part of a result. `modality`,
`photometric` and `burned_in` are defined terms (`dicom_words`) and may be shown; every other text is foreign.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from medtl.imaging.dicom.header_text import MODALITIES, PHOTOMETRIC, YES_OR_NO, known_word

MOST_FRAMES = 20_000
"""A CT of a whole body in thin slices has 3,000; a cine of four dimensions 10,000."""


JPEG_SYNTAXES = "1.2.840.10008.1.2.4."
"""How the transfer syntaxes of JPEG, JPEG-LS and JPEG 2000 begin."""


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_whole)]
ModalityTerm = Annotated[str, AfterValidator(partial(known_word, terms=MODALITIES))]
PhotometricTerm = Annotated[str, AfterValidator(partial(known_word, terms=PHOTOMETRIC))]
YesOrNo = Annotated[str, AfterValidator(partial(known_word, terms=YES_OR_NO))]
Triple = tuple[float, float, float]


class Plane(BaseModel):
    """One frame: where it lies, and what distinguishes it from others at the same position.

    `position` is the centre of the first pixel in mm and `orientation` the direction of a row, then of a column, both
    in DICOM's patient coordinates (left, posterior, superior positive). `pixel_mm` is (between rows, between columns).
    `moments` holds what may distinguish repeated frames, by tag name, as text; `settings` those of `acquisition_tags`,
    equal text for equal settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    position: Triple | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    pixel_mm: tuple[float, float] | None = None
    image_type: tuple[str, ...] = ()
    echo: str = ""
    stack: str = ""
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    moments: dict[str, str] = {}
    settings: dict[str, str] = Field({}, repr=False)

    @property
    def rescale(self) -> tuple[float, float] | None:
        """Slope and intercept; where one is missing it is the one that changes nothing. None when both are.

        The standard asks for both or neither (PS3.3 C.11.1: each required when the other is there).
        """
        if self.slope is None and self.intercept is None:
            return None
        return (1.0 if self.slope is None else self.slope, 0.0 if self.intercept is None else self.intercept)

    @property
    def lacks_of_rescale(self) -> tuple[str, ...]:
        """The tag of the rescale that is missing although the other is there."""
        if self.slope is None and self.intercept is not None:
            return ("RescaleSlope",)
        return ("RescaleIntercept",) if self.slope is not None and self.intercept is None else ()


class ImageHeader(BaseModel):
    """One file: its identity, its pixels, its covariates and its frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    frame_of_reference_uid: str = ""
    patient_id: str = Field("", repr=False)
    accession_number: str = Field("", repr=False)
    issuer_of_id: str = Field("", repr=False)
    patient_name: str = Field("", repr=False)
    birth_date: str = Field("", repr=False)
    sex: str = Field("", repr=False)
    instance_number: int | None = Field(None, repr=False)
    acquired_on: str = Field("", repr=False)
    series_description: str = Field("", repr=False)

    sop_class: str = ""
    transfer_syntax: str = ""
    modality: ModalityTerm = ""
    rows: Count = 0
    columns: Count = 0
    frames: Annotated[Count, Field(ge=0)] = 1
    samples: Count = 1
    photometric: PhotometricTerm = ""
    bits_allocated: Count = 0
    bits_stored: Count = 0
    high_bit: Count | None = None
    is_signed: bool = False
    has_modality_table: bool = False
    is_raw: bool = False
    low_is_white: bool = False
    padding: tuple[float, float] | None = None
    burned_in: YesOrNo = ""
    tilt_degrees: float | None = None
    spacing_hint_mm: float | None = None
    pixel_bytes: int | None = None
    tiles: int = 0

    manufacturer: str = Field("", repr=False)
    model: str = Field("", repr=False)
    field_strength_t: float | None = None
    kvp: float | None = None

    planes: tuple[Plane, ...] = Field((), repr=False)

    @property
    def bits_fault(self) -> str | None:
        """Why the layout of the bits cannot be, as a sentence; None when it can (PS3.5, section 8.1.1).

        JPEG and its successors keep no layout of their own: of them HighBit says nothing.
        """
        lowest = self.bits_stored - 1
        high = lowest if self.high_bit is None or self.transfer_syntax.startswith(JPEG_SYNTAXES) else self.high_bit
        if 0 < self.bits_stored <= self.bits_allocated and lowest <= high < self.bits_allocated:
            return None
        where = (
            "" if high == lowest or self.bits_stored > self.bits_allocated else f", the highest of them number {high}"
        )
        return f"The header says {self.bits_stored} of {self.bits_allocated} bits{where}, which cannot be."

    @property
    def is_clip(self) -> bool:
        """Whether it has several frames and none says where in the patient it lies."""
        return self.frames > 1 and not any(plane.position for plane in self.planes)

    @property
    def person(self) -> tuple[str, str, str, str]:
        """The identity that must agree in one volume, without regard to how a name is written."""
        return (self.patient_id, self.issuer_of_id, plain_name(self.patient_name), self.birth_date)


def plain_name(text: str) -> str:
    """A person's name without regard to capitals, accents, blanks and separators; of several spellings the first.

    `MÜLLER^Jane ` and `muller^JANE=…` are equal. Components stay in their order (PS3.5, 6.2.1.2).
    """
    alphabetic = text.split("=", maxsplit=1)[0] or text.strip("=")
    decomposed = unicodedata.normalize("NFKD", alphabetic.casefold())
    kept = "".join(
        character if character.isalnum() else " " for character in decomposed if not unicodedata.combining(character)
    )
    return " ".join(kept.split())
