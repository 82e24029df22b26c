"""Which series a damaged file may have been a slice of: an unreadable slice is never just left out.

A stack that lost its first or last slice looks whole. So a DICOM file whose header cannot be read refuses the series
whose unique identifier is still found in its bytes; else the series of a study that is; else, as nothing tells, every
series in its folder. An empty file does so too, as a copy that failed. A file that is not even marked as DICOM is
taken for a slice only where it holds an identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from medtl.imaging.dicom_series import Candidate
from medtl.imaging.image_header import ImageHeader
from medtl.imaging.slice_stack import Fault

SEARCHED_BYTES = 2**16
"""Identifiers stand before the pixels, in the first kilobytes."""

DICOM_MARK_END, KIND_WITHIN = 132, 200
"""The kind of object is the third element of the meta header, which follows the mark."""

UNREADABLE_SLICE = Fault(
    "unreadable_slice",
    "A damaged DICOM file may have been one of its slices. Get that file again, or move it away when it was not.",
)


EXPLAINED = ("missing_slice", "irregular_spacing", "too_few_slices")
"""What a series looks like that one slice was lost of."""


def tainted(
    candidates: Sequence[Candidate], damaged: Sequence[tuple[bytes, frozenset[int] | None]]
) -> tuple[Candidate, ...]:
    """The candidates, those refused that a damaged file may belong to.

    Each damaged file comes as its bytes and the numbers of the files that it may be a neighbour of: None for all of
    them, empty for a file that is not marked as DICOM.
    """
    doubtful: set[int] = set()
    for content, neighbours in damaged:
        doubtful |= _suspects(candidates, content[:SEARCHED_BYTES], neighbours)
    return tuple(_doubted(candidate) if place in doubtful else candidate for place, candidate in enumerate(candidates))


def lost_its_pixels(content: bytes, headers: Iterable[ImageHeader]) -> bool:
    """Whether a file without an image says at its start that it is one of the kind that lies beside it.

    Reports and segmentations have kinds of their own; the kind stands in the meta header (PS3.10, 7.1).
    """
    start = content[DICOM_MARK_END : DICOM_MARK_END + KIND_WITHIN]
    return any(_holds(start + b"\0", kind) for kind in {header.sop_class for header in headers})


def _doubted(candidate: Candidate) -> Candidate:
    """The damaged file comes first where it explains the other fault."""
    if candidate.reason in EXPLAINED:
        return replace(candidate, faults=(UNREADABLE_SLICE, *candidate.faults))
    return candidate.refused(UNREADABLE_SLICE)


def _suspects(candidates: Sequence[Candidate], content: bytes, neighbours: frozenset[int] | None) -> set[int]:
    stacks = {
        place: candidate
        for place, candidate in enumerate(candidates)
        if not candidate.is_picture and candidate.header.frames == 1
    }
    for name in ("series_uid", "study_uid"):
        found = {place for place, one in stacks.items() if _holds(content, getattr(one.header, name))}
        if found:
            return found
    return {place for place, one in stacks.items() if neighbours is None or neighbours & set(one.files)}


def _holds(content: bytes, uid: str) -> bool:
    """Whether binary content has the identifier, and not just a longer one that begins alike; a text proves nothing."""
    wanted = uid.encode()
    place = content.find(wanted) if uid and b"\0" in content else -1
    while place >= 0:
        after = content[place + len(wanted) : place + len(wanted) + 1]
        if not after or after not in b"0123456789.":
            return True
        place = content.find(wanted, place + 1)
    return False
