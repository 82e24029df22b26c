"""From an open DICOM file to the facts of `image_header.ImageHeader`, as plain JSON; runs in the worker process."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import BinaryIO

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from medtl.imaging.dicom.acquisition_tags import STEADY, VARYING, setting_text
from medtl.imaging.dicom.dates import known_date
from medtl.imaging.dicom.nuclear_geometry import NAMES_OF_TAGS, nuclear_frames
from medtl.imaging.dicom.padding import padding_limits
from medtl.imaging.dicom.private_elements import WANTED, private_settings, tiles_of

Json = dict[str, object]

MOST_FRAMES = 20_000
"""As in `image_header`, which this process does not import."""

LONGEST_TEXT = 64
"""What a short or long string (SH, LO) may hold by the standard (PS3.5, section 6.2)."""

PIXELS = {tag_for_keyword(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")}
UNDEFINED_LENGTH = 0xFFFFFFFF

MOMENTS = (
    "TemporalPositionIdentifier", "TemporalPositionIndex", "DiffusionBValue", "DiffusionGradientOrientation",
    "InversionTime", "FlipAngle", "ConvolutionKernel", "AcquisitionNumber", "FrameAcquisitionNumber", "TriggerTime",
    "AcquisitionDateTime", "FrameAcquisitionDateTime", "AcquisitionTime", "ContentTime",
)  # fmt: skip
"""Tags that may distinguish frames at the same position, in the order in which they are tried."""

ECHOES = ("EffectiveEchoTime", "EchoTime", "EchoNumbers")

PLANE = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImageType", "FrameType",
    "ComplexImageComponent", "StackID", "RescaleSlope", "RescaleIntercept", "RescaleType", *ECHOES, *MOMENTS,
    *(name for name in STEADY if name != "MakersImageKind"), *VARYING,
)  # fmt: skip
FRAME_TAGS = {Tag(name): name for name in PLANE}

PERSON = ("IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")

TAG_NAMES = (
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID", "PatientID",
    "AcquisitionDate", "SeriesDate", "StudyDate", "SeriesDescription", "Modality", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation",
    "ModalityLUTSequence", "BurnedInAnnotation", "GantryDetectorTilt", "SpacingBetweenSlices", "Manufacturer",
    "HighBit", "PixelPaddingValue", "PixelPaddingRangeLimit", "FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit", "PresentationIntentType",
    "PresentationLUTShape", "ManufacturerModelName", "MagneticFieldStrength", "KVP", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "AccessionNumber", *PERSON, "InstanceNumber", *NAMES_OF_TAGS, *PLANE,
)  # fmt: skip

RAW_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.1.{kind}.1" for kind in (1, 2, 3))
"""SOP classes of digital X-ray, mammography and intra-oral images for processing (PS3.4, table B.5-1)."""

DECIDING = frozenset(
    {"ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept", "Rows"}
    | {"Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"}
)
"""Tags whose value must be readable; another's, such as a flip angle written in words, is taken as missing."""


WANTED_TAGS: list[BaseTag] = [*map(Tag, TAG_NAMES), *WANTED]


def extract_header(stream: BinaryIO) -> Json:
    """The facts, or `{"refusal": word}` for what holds no readable image (words of `decoding.REFUSALS`).

    A deflated file is refused by its meta header, before anything is inflated.
    """
    if _transfer_syntax(stream) == DeflatedExplicitVRLittleEndian:
        return {"refusal": "deflated"}
    found: list[int] = []

    def at_pixels(tag: BaseTag, _vr: str | None, length: int) -> bool:
        if tag in PIXELS:
            found.append(length)
        return bool(found)

    dataset = read_partial(stream, stop_when=at_pixels, specific_tags=WANTED_TAGS)
    left = _size(stream) - stream.tell()
    if not found:
        return {"refusal": "truncated" if "Rows" in dataset else "no_image"}
    if found[0] != UNDEFINED_LENGTH and found[0] > left:
        return {"refusal": "truncated"}
    return _facts(dataset, pixel_bytes=None if found[0] == UNDEFINED_LENGTH else found[0])


def _transfer_syntax(stream: BinaryIO) -> UID | None:
    read_preamble(stream, force=False)
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, *_: tag.group != 2)
    stream.seek(0)
    return meta.get("TransferSyntaxUID")


def _size(stream: BinaryIO) -> int:
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return end


def _facts(dataset: Dataset, *, pixel_bytes: int | None) -> Json:
    frames = int(_number(dataset, "NumberOfFrames") or 1)
    dates = [_text(dataset, name) for name in ("AcquisitionDate", "SeriesDate", "StudyDate")]
    return {
        "study_uid": _text(dataset, "StudyInstanceUID"),
        "series_uid": _text(dataset, "SeriesInstanceUID"),
        "sop_uid": _text(dataset, "SOPInstanceUID"),
        "frame_of_reference_uid": _text(dataset, "FrameOfReferenceUID"),
        "patient_id": _text(dataset, "PatientID"),
        "accession_number": _text(dataset, "AccessionNumber"),
        "issuer_of_id": _text(dataset, "IssuerOfPatientID"),
        "patient_name": _text(dataset, "PatientName"),
        "birth_date": _text(dataset, "PatientBirthDate"),
        "sex": _text(dataset, "PatientSex"),
        "instance_number": _image_number(dataset),
        "acquired_on": next(filter(None, map(known_date, dates)), ""),
        "series_description": _text(dataset, "SeriesDescription"),
        "sop_class": _text(dataset, "SOPClassUID"),
        "transfer_syntax": str(dataset.file_meta.get("TransferSyntaxUID", "")),
        "modality": _text(dataset, "Modality"),
        "rows": _number(dataset, "Rows") or 0,
        "columns": _number(dataset, "Columns") or 0,
        "frames": frames,
        "samples": _number(dataset, "SamplesPerPixel") or 0,
        "photometric": _text(dataset, "PhotometricInterpretation"),
        "bits_allocated": _number(dataset, "BitsAllocated") or 0,
        "bits_stored": _number(dataset, "BitsStored") or 0,
        "is_signed": _number(dataset, "PixelRepresentation") == 1,
        "has_modality_table": "ModalityLUTSequence" in dataset,
        "high_bit": _number(dataset, "HighBit"),
        "is_raw": _is_raw(dataset),
        "low_is_white": _text(dataset, "PhotometricInterpretation") == "MONOCHROME1"
        or _text(dataset, "PresentationLUTShape") == "INVERSE",
        "padding": padding_limits(dataset),
        "burned_in": _text(dataset, "BurnedInAnnotation"),
        "tilt_degrees": _number(dataset, "GantryDetectorTilt"),
        "spacing_hint_mm": _number(dataset, "SpacingBetweenSlices"),
        "pixel_bytes": pixel_bytes,
        "manufacturer": _text(dataset, "Manufacturer"),
        "model": _text(dataset, "ManufacturerModelName"),
        "field_strength_t": _finite(_number(dataset, "MagneticFieldStrength")),
        "kvp": _finite(_number(dataset, "KVP")),
        "tiles": tiles_of(dataset),
        "planes": list(_planes(dataset, frames=frames)),
    }


def _is_raw(dataset: Dataset) -> bool:
    """Whether the values are a detector's own, before the maker's processing (PS3.3 C.8.11.1)."""
    intent = _text(dataset, "PresentationIntentType")
    return intent == "FOR PROCESSING" or (not intent and _text(dataset, "SOPClassUID") in RAW_CLASSES)


def _planes(dataset: Dataset, *, frames: int) -> Iterator[Json]:
    """The frames; of a file with several, by its functional groups (PS3.3 C.7.6.16), none where they do not fit."""
    of_file = _wanted(dataset)
    if frames == 1 and "PerFrameFunctionalGroupsSequence" not in dataset:
        yield _plane(of_file)
        return
    if nuclear := nuclear_frames(dataset, frames=frames):
        yield from (_plane(of_file | frame) for frame in nuclear)
        return
    shared = dataset.get("SharedFunctionalGroupsSequence") or [Dataset()]
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if len(each) != frames or not 0 < frames <= MOST_FRAMES:
        return
    of_file |= _in_groups(shared[0])
    for groups in each:
        yield _plane(of_file | _in_groups(groups))


def _in_groups(groups: Dataset) -> Json:
    """Wanted values in the public macros of one item of functional groups."""
    found: Json = {}
    for tag in tuple(groups.keys()):
        element = groups[tag]
        if element.VR == "SQ" and not tag.is_private and len(element.value) > 0:
            found |= _wanted(element.value[0])
    return found


def _wanted(item: Dataset) -> Json:
    """The values of a frame's tags that a dataset holds, by name, empty ones left out."""
    found = {FRAME_TAGS[tag]: _value(item, FRAME_TAGS[tag]) for tag in FRAME_TAGS.keys() & item.keys()}
    found = private_settings(item) | found
    return {name: value for name, value in found.items() if value not in (None, "")}


def _image_number(dataset: Dataset) -> int | None:
    value = _finite(_as_number(_value(dataset, "InstanceNumber")))
    return int(value) if value is not None and value.is_integer() else None


def _value(item: Dataset, name: str) -> object:
    """A value; None when it is missing, or cannot be read and decides nothing about the pixels or their position."""
    try:
        return item.get(name)
    except (ValueError, TypeError, NotImplementedError, OverflowError):
        if name in DECIDING:
            raise
        return None


def _plane(values: Json) -> Json:
    moments = {name: text for name in MOMENTS if (text := _plain(values.get(name)))}
    if "DiffusionBValue" in moments:
        moments["Diffusion"] = f"{moments.pop('DiffusionBValue')} {moments.pop('DiffusionGradientOrientation', '')}"
    kinds = values.get("FrameType") or values.get("ImageType") or ()
    kinds = [kinds] if isinstance(kinds, str) else [*kinds, *filter(None, [values.get("ComplexImageComponent")])]  # type: ignore[misc]
    return {
        "position": _numbers(values.get("ImagePositionPatient"), count=3),
        "orientation": _numbers(values.get("ImageOrientationPatient"), count=6),
        "pixel_mm": _numbers(values.get("PixelSpacing"), count=2),
        "image_type": [_plain(kind) for kind in kinds],
        "echo": " ".join(_plain(values[name]) for name in ECHOES if name in values),
        "stack": _plain(values.get("StackID")),
        "slope": _as_number(values.get("RescaleSlope")),
        "intercept": _as_number(values.get("RescaleIntercept")),
        "rescale_type": _plain(values.get("RescaleType")),
        "moments": moments,
        "settings": {name: text for name in (*STEADY, *VARYING) if (text := setting_text(name, values.get(name)))},
    }


def _text(dataset: Dataset, name: str) -> str:
    return _plain(_value(dataset, name))


def _plain(value: object) -> str:
    """A value as printable text of one line."""
    if value is None:
        return ""
    text = str(value) if isinstance(value, str | int | float) else " ".join(map(str, value))  # type: ignore[call-overload]
    return "".join(character for character in text if character.isprintable()).strip()[:LONGEST_TEXT]


def _number(dataset: Dataset, name: str) -> float | None:
    return _as_number(_value(dataset, name))


def _as_number(value: object) -> float | None:
    """A number, not necessarily finite; None when there is none, an error when it is something else."""
    return None if value in (None, "") else float(value)  # type: ignore[arg-type]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _numbers(values: object, *, count: int) -> list[float] | None:
    """So many numbers, not necessarily finite; NaN for all when there is another number of them."""
    if values is None:
        return None
    found = [float(value) for value in values]  # type: ignore[attr-defined]
    return found if len(found) == count else [math.nan] * count
