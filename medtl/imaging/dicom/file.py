"""One DICOM picture: a still, or one frame of a clip, on one way for everybody who asks.

The header is read and the pixels are decoded in a process of their own (`decoding`); `grey_values` says what they mean.
Only image tags are looked at; nothing about the patient leaves this room.
"""

from __future__ import annotations

import io
import struct
import zlib

import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError

from medtl.imaging.dicom.clips import clip_sentence
from medtl.imaging.dicom.decoding import decoder_missing, dicom_header, dicom_pixels
from medtl.imaging.dicom.frame_header import header_of_frame
from medtl.imaging.dicom.grey_values import scan_of
from medtl.imaging.dicom.header_text import keep_pydicom_quiet
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.dicom.series_folder import volume_in
from medtl.imaging.dicom.series_rules import PICTURE_MODALITIES
from medtl.imaging.scan import Scan, UnreadableScan, refuse_too_large, undecodable

keep_pydicom_quiet()

PYDICOM_FAULTS = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    AssertionError,
    RecursionError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise on damaged files (seen on thousands of mutated ones)."""


def decode_dicom(data: bytes) -> Scan:
    """The scan in a DICOM file: a picture of one frame, or the one volume of a multi-frame file.

    Raises:
        UnreadableScan: several_frames for a clip; too_large, truncated, undecodable, bad_header, unsupported_format,
            decoder_crashed, decoder_timeout, or why a file of several frames is no volume (`series_folder.volume_in`).
    """
    try:
        facts = dicom_header(data)
    except UnreadableScan as refusal:
        if refusal.reason in ("deflated", "no_image", "not_dicom"):
            raise UnreadableScan(str(refusal), reason="unsupported_format") from refusal
        raise
    if facts.frames == 1:
        return decode_frame(data, facts)
    if facts.is_clip and facts.modality in PICTURE_MODALITIES:
        raise UnreadableScan(clip_sentence(facts), reason="several_frames", frames=facts.frames)
    return volume_in((data,), headers=(facts,))


def decode_frame(data: bytes, facts: ImageHeader, *, frame: int = 0) -> Scan:
    """One frame (from 0) of a DICOM file with this header, as a picture; a still has one.

    Raises:
        UnreadableScan: as `decode_dicom`.
    """
    refuse_too_large(facts.rows, facts.columns)
    fault = facts.bits_fault if facts.bits_stored else None  # pixels of floating point have no stored bits
    if fault:
        raise UnreadableScan(f"{fault} Get the file again from its source.", reason="bad_header")
    if missing := decoder_missing(facts.transfer_syntax):
        raise UnreadableScan(missing, reason="unsupported_format")
    stored = dicom_pixels(data, expected=(1, facts.rows, facts.columns), frame=frame)
    try:
        return scan_of(header_of_frame(pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True), frame), stored)
    except PYDICOM_FAULTS as error:
        raise undecodable("DICOM", error) from error
