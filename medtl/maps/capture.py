"""The pictures of a case on the page as a secondary capture, which every viewer of an archive opens (PS3.3, A.8)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.sc import SCImage
from jaxtyping import UInt8
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from medtl.imaging.for_intake import ImageHeader
from medtl.maps.identity import MANUFACTURER, Words, file_under, nameless, refer_to, software_version
from medtl.maps.left_out import LeftOut

SERIES_NUMBER = 9002
DIRECTIONS = {"axial": ("L", "P"), "coronal": ("L", "F"), "sagittal": ("P", "F")}
"""Where the rows and the columns of each plane's slices run, as films are hung."""

NEVER_DIAGNOSTIC = "Where a network looked, relative to its own maximum; not validated as localisation; research only."
GAP_PX = 8


def capture(
    picture: UInt8[np.ndarray, "height width 3"],
    headers: Sequence[ImageHeader],
    *,
    identity: pydicom.Dataset,
    words: Words,
    plane: str = "",
) -> pydicom.Dataset:
    """A picture as an object of its own series in the source's study, with references to the source images.

    Args:
        picture: the pixels, red, green and blue from 0 to 255.
        headers: the headers of the source images that the object refers to.
        identity: patient and study, as they stand in the source.
        words: the run, the series description and the content.
        plane: the plane of a montage's slices; without one the source's own orientation is written, if it has one.

    Raises:
        LeftOut: the source has no identifiers to refer to.
    """
    if not all((headers[0].study_uid, headers[0].series_uid, headers[0].sop_uid)):
        raise LeftOut("The source has no study, series or image identifier, so nothing can refer to it.")
    made = SCImage.from_ref_dataset(
        ref_dataset=nameless(headers[0]),
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        series_instance_uid=highdicom.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        patient_orientation=DIRECTIONS.get(plane, DIRECTIONS["axial"]),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        manufacturer_model_name=MANUFACTURER,
        software_versions=software_version(),
        device_serial_number=words.run,
        series_description=words.description,
    )
    if plane not in DIRECTIONS:
        made.PatientOrientation = list(identity.get("PatientOrientation") or [])
    made.DerivationDescription = NEVER_DIAGNOSTIC
    made.ImageComments = words.content
    if "BurnedInAnnotation" in identity:
        made.BurnedInAnnotation = identity.BurnedInAnnotation
    refer_to(made, headers)
    file_under(made, identity)
    return made


def picture_of(files: Sequence[Path]) -> UInt8[np.ndarray, "height width 3"]:
    """The pictures of a case side by side: a montage alone, or a scan and the map over it."""
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    height = max(len(picture) for picture in pictures)
    tiles = []
    for picture in pictures:
        tile = np.zeros((height, picture.shape[1] + GAP_PX, 3), dtype=np.uint8)
        tile[: len(picture), : picture.shape[1]] = picture
        tiles.append(tile)
    return np.ascontiguousarray(np.concatenate(tiles, axis=1)[:, :-GAP_PX])
