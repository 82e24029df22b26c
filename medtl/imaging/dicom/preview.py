"""One frame of a candidate as a picture: a single view, or a look at what was refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from medtl.imaging.dicom.file import decode_frame
from medtl.imaging.dicom.series import Candidate
from medtl.imaging.dicom.series_rules import SECONDARY_CAPTURE, SHOW_TEXT
from medtl.imaging.scan import Scan, UnreadableScan

UNSHOWABLE = ("bad_header", "bad_rescale", "too_large", "truncated")
"""Faults after which the pixels, or what they mean, are unknown."""


def preview_of(candidate: Candidate, content_of: Callable[[int], bytes]) -> Scan:
    """The middle frame as a picture; of a single view or a frame of a clip, the picture itself.

    Raises:
        UnreadableScan: it cannot be decoded.
    """
    if any(fault.reason in UNSHOWABLE for fault in candidate.faults):
        raise UnreadableScan("The header does not say what can be shown.", reason="undecodable")
    middle = candidate.slices[len(candidate.slices) // 2]
    frame = middle.frame
    if len(candidate.slices) == 1 and not candidate.moment:  # the header does not distinguish the frames
        frame = middle.header.frames // 2
    scan = decode_frame(content_of(middle.file), middle.header, frame=frame)
    if candidate.is_picture and middle.header.frames > 1:
        return replace(scan, notes=(f"{candidate.moment or f'frame {frame + 1}'} of a clip", *scan.notes))
    return scan


def shows_text(candidate: Candidate) -> bool:
    """Whether names may be written into the pixels, so that no picture of it may be shown to others."""
    header = candidate.header
    if header.burned_in.upper() == "NO":
        return False
    return header.burned_in.upper() == "YES" or header.modality in SHOW_TEXT or header.sop_class in SECONDARY_CAPTURE
