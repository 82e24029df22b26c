"""One frame of a candidate as a picture: a single view, or a look at what was refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medtl.imaging.decoding import dicom_pixels
from medtl.imaging.dicom_file import decode_dicom
from medtl.imaging.dicom_series import Candidate
from medtl.imaging.scan import Scan, UnreadableScan
from medtl.imaging.series_rules import SECONDARY_CAPTURE, SHOW_TEXT

UNSHOWABLE = ("bad_header", "bad_rescale", "too_large", "truncated")
"""Faults after which the pixels, or what they mean, are unknown."""


def preview_of(candidate: Candidate, content_of: Callable[[int], bytes]) -> Scan:
    """The middle frame as a picture; of a single view, the picture itself as `read_scan` gives it.

    Raises:
        UnreadableScan: it cannot be decoded.
    """
    middle = candidate.slices[len(candidate.slices) // 2]
    header, content = middle.header, content_of(middle.file)
    if any(fault.reason in UNSHOWABLE for fault in candidate.faults):
        raise UnreadableScan("The header does not say what can be shown.", reason="undecodable")
    if header.frames == 1:
        return decode_dicom(content)
    values = dicom_pixels(content, expected=(header.frames, header.rows, header.columns))
    one = values[middle.frame if header.planes else len(values) // 2]
    pixels = one[None] if one.ndim == 2 else one.transpose(2, 0, 1)
    return Scan(np.ascontiguousarray(pixels, dtype=np.float32), middle.plane.pixel_mm, "pydicom")


def shows_text(candidate: Candidate) -> bool:
    """Whether names may be written into the pixels, so that no picture of it may be shown to others."""
    header = candidate.header
    if header.burned_in.upper() == "NO":
        return False
    return header.burned_in.upper() == "YES" or header.modality in SHOW_TEXT or header.sop_class in SECONDARY_CAPTURE
