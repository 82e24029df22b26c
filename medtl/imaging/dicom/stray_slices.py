"""A single image that belongs at the end of a volume but whose header separates it: the volume is not whole.

One wrong byte in a study, a kind of image or a position makes of the first or last slice a group of its own. What is
left looks whole, as nothing is missing between its slices. So a single refused image counts as a lost slice when it
lies exactly where the next slice would, or when it has the series of the volume and does not say where it lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medtl.imaging.dicom.series import Candidate, Slice
from medtl.imaging.dicom.series_rules import SINGLE_SLICE
from medtl.imaging.dicom.slice_stack import Fault

WITHOUT_POSITION = ("no_geometry", "bad_geometry", "bad_header", "colour", "truncated")
"""Faults of a header that cannot say where its image lies, or what it is; others of a series are of another kind."""

NEXT_POSITION_SHARE = 0.05
"""Share of the spacing by which an image may lie off the next position and still be the next slice."""

STRAY_SLICE = Fault(
    "stray_slice",
    "An image that lies where its next slice would be, or that does not say where it lies, is left out because of its "
    "header. "
    "Get that file again, or move it away when it does not belong to the series.",
)


def without_strays(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates, with volumes refused where a single image beside them was probably one of their slices."""
    singles = [one for one in candidates if len(one.slices) == 1 and _may_be_a_slice(one)]
    return tuple(
        candidate.refused(STRAY_SLICE) if _is_whole(candidate) and _strayed(candidate, singles) else candidate
        for candidate in candidates
    )


def _may_be_a_slice(single: Candidate) -> bool:
    """Whether it is refused, or is a picture only because the rules accept single slices."""
    return SINGLE_SLICE in single.notes or (bool(single.faults) and not single.is_picture)


def _is_whole(candidate: Candidate) -> bool:
    return not candidate.faults and candidate.stack is not None and candidate.header.frames == 1


def _strayed(volume: Candidate, singles: Sequence[Candidate]) -> bool:
    return any(_misses(volume, single) or _continues(volume, single.slices[0]) for single in singles)


def _misses(volume: Candidate, single: Candidate) -> bool:
    """Whether the image has the volume's series and cannot say where it lies."""
    return single.header.series_uid == volume.header.series_uid and single.reason in WITHOUT_POSITION


def _continues(volume: Candidate, single: Slice) -> bool:
    """Whether the image, of the same size and direction and of the same series or study, lies at a next position."""
    header, own = single.header, volume.header
    if not (header.series_uid == own.series_uid or header.study_uid == own.study_uid) or volume.stack is None:
        return False
    if (header.rows, header.columns) != (own.rows, own.columns) or single.plane.position is None:
        return False
    if single.plane.orientation != volume.slices[0].plane.orientation:
        return False
    ends = [volume.slices[index].plane.position for index in volume.stack.order]
    first, second, last_but_one, last = (np.array(ends[index], dtype=float) for index in (0, 1, -2, -1))
    here = np.array(single.plane.position)
    nearest = min(np.linalg.norm(here - (2 * first - second)), np.linalg.norm(here - (2 * last - last_but_one)))
    return bool(nearest <= NEXT_POSITION_SHARE * volume.stack.spacing_mm)
