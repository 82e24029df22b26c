"""The settings of an intake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from medtl.errors import ConfigurationError
from medtl.imaging.for_intake import FrameChoice
from medtl.intake.declared_classes import class_names

SourceKind = Literal["auto", "dicom", "nifti", "pictures", "bids", "datalist", "nnunet", "medmnist"]


VoxelMm = Annotated[float, Field(gt=0, le=100)]


def _three_sizes(value: object) -> object:
    """`0.5x0.5x2` as three numbers."""
    return tuple(value.lower().split("x")) if isinstance(value, str) else value


class IntakeSettings(BaseModel):
    """The options of `medtl intake`.

    `labels` is a CSV with a label for patients, cases or folders; `classes` declares all classes as they are written,
    also one that is called NA, and any other label is left empty. `modality` keeps one DICOM modality, or one BIDS
    suffix such as T1w. `series` keeps DICOM series whose description fits a pattern such as T1*; with `fewest_slices`
    of 1 a single slice is a picture. `mask` chooses among several masks of an image by a pattern of their path.
    `volume` is taken of files of several, `pages_mm` (between rows, columns, pages) makes a volume of the pages of a
    TIFF. `patients_from` says who the patient is where the source does not (folder, folder:N, file, name or a
    pattern), `labels_from` that folders are the classes, `sequence` which of several sequences is kept.
    `one_per_patient` refuses the cases of a patient with several; `ids_as_written` takes ids that differ only in
    capitals, zeros or blanks as those of different patients. `series_description` and `interval` add columns that
    may say more about a patient than needed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceKind = "auto"
    labels: Path | None = None
    label_column: str = Field("label", min_length=1)
    classes: Annotated[tuple[str, ...], BeforeValidator(class_names)] = ()
    modality: str | None = None
    fewest_slices: int = Field(5, ge=1)
    series: str | None = Field(None, min_length=1)
    correct_tilt: bool = False
    frame: FrameChoice | None = None
    mask: str | None = Field(None, min_length=1)
    patients_from: str | None = Field(None, min_length=1)
    labels_from: str | None = Field(None, pattern=r"^folder(:[1-9][0-9]?)?$")
    sequence: str | None = Field(None, min_length=1)
    one_per_patient: bool = False
    ids_as_written: bool = False
    volume: Literal["first", "mean"] | Annotated[int, Field(ge=1)] | None = None
    pages_mm: Annotated[tuple[VoxelMm, VoxelMm, VoxelMm], BeforeValidator(_three_sizes)] | None = None
    series_description: bool = False
    interval: bool = False
    workers: int = Field(2, ge=1, le=64)
    replace: bool = False


def intake_settings(options: Mapping[str, object]) -> IntakeSettings:
    """The settings of an intake from the options of the command line.

    Raises:
        ConfigurationError: some cannot be followed, all in one message.
    """
    try:
        return IntakeSettings.model_validate(options)
    except ValidationError as error:
        faults = "; ".join(
            f"--{str(fault['loc'][0]).replace('_', '-')} {fault['input']}: {fault['msg'].lower()}"
            for fault in error.errors()
        )
        raise ConfigurationError(f"Nothing was taken in, as options cannot be followed: {faults}.") from None
