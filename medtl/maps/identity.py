"""Whose a DICOM object is: what is copied from the source, so that an archive files it under patient and study.

Objects made with this bear the patient's name. They are private, and never lie in a run folder.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import empty_value_for_VR

from medtl import __version__
from medtl.imaging.for_intake import PYDICOM_FAULTS, ImageHeader
from medtl.maps.left_out import LeftOut

ALWAYS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime",
    "AccessionNumber", "StudyID", "ReferringPhysicianName",
)  # fmt: skip
"""Tags of patient and study that every object has, be they empty (PS3.3, C.7.1.1 and C.7.2.1, type 2)."""

WHERE_THERE = (
    "SpecificCharacterSet", "IssuerOfPatientID", "PatientAge", "StudyDescription", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod",
)  # fmt: skip
"""Copied where the source has them; what was made of a lossy image stays so (PS3.3, C.7.6.1.1.5)."""
ASIDE = ("SliceThickness", "PatientOrientation", "BurnedInAnnotation")
"""Read along, for those who make an object of it."""

MANUFACTURER = "medtl"
LONGEST_TEXT = 64
"""Of a long string (LO; PS3.5, section 6.2)."""


@dataclass(frozen=True)
class Words:
    """The texts of an object: the run it is from, and what the map is of. Plain ASCII, at most 64 characters each."""

    run: str
    description: str
    content: str

    @classmethod
    def of(cls, *, run: str, description: str, content: str) -> Words:
        """The texts shortened to fit into a header, whatever characters a class is named with."""
        return cls(_short(run), _short(description), _short(content))


def _short(text: str) -> str:
    plain = text.replace("\\", "/").encode("ascii", "replace").decode("ascii")
    return "".join(character for character in plain if character.isprintable())[:LONGEST_TEXT]


def read_identity(file: Path) -> pydicom.Dataset:
    """Patient and study of a DICOM file; its pixels are not read.

    Raises:
        LeftOut: the header cannot be read.
    """
    wanted = [*ALWAYS, *WHERE_THERE, *ASIDE]
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=wanted)
    except PYDICOM_FAULTS as error:
        raise LeftOut(f"The header of a source file cannot be read ({type(error).__name__}).") from error


def file_under(made: pydicom.Dataset, identity: pydicom.Dataset) -> None:
    """Give an object its patient and study, each value as it is in the source, even one that breaks a rule."""
    for name in (*ALWAYS, *WHERE_THERE):
        tag = tag_for_keyword(name)
        if tag in identity:
            made[tag] = copy.deepcopy(identity[tag])
        elif name in ALWAYS:
            setattr(made, name, empty_value_for_VR(dictionary_VR(tag)))


def nameless(header: ImageHeader) -> pydicom.Dataset:
    """A stand-in for a source image: what it is and what it belongs to, nobody's name.

    highdicom refuses names and sexes that break a rule; `file_under` puts them in afterwards.
    """
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = header.sop_class, header.sop_uid
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = header.study_uid, header.series_uid
    dataset.Rows, dataset.Columns = header.rows, header.columns
    for name in ALWAYS:
        if name not in dataset:
            setattr(dataset, name, None)
    return dataset


def refer_to(made: pydicom.Dataset, headers: Sequence[ImageHeader]) -> None:
    """Name the source images, each once, and their series (PS3.3, C.7.6.1 and C.12.2)."""
    images = []
    for header in {header.sop_uid: header for header in headers}.values():
        image = pydicom.Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = header.sop_class, header.sop_uid
        images.append(image)
    series = pydicom.Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = headers[0].series_uid, images
    made.SourceImageSequence, made.ReferencedSeriesSequence = images, [series]


def software_version() -> str:
    """The version of medtl, as a DICOM object names it."""
    return __version__
