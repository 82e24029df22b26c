"""Refuse the series that a damaged file may have been a slice of: an unreadable slice is never just left out.

A stack that lost its first or last slice looks whole. So a DICOM file whose header cannot be read refuses its own
series, and never another: the one whose unique identifier is still found in its bytes; else, of the study whose
identifier is, or of its folder, the only series; else the one that the files before and after it in the order of names
both belong to; else the only one that lacks a slice. Where nothing decides, no series is refused, and a note says so.
An empty file counts too, as a copy that failed. A file without the DICOM prefix is taken for a slice only where it
holds an identifier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.dicom.series import Candidate
from medtl.imaging.dicom.slice_stack import Fault

SEARCHED_BYTES = 2**16
"""Identifiers stand before the pixels, in the first kilobytes."""

DICOM_MAGIC_END, KIND_WITHIN = 132, 200
"""The kind of object is the third element of the meta header, which follows the magic DICM."""

UNREADABLE_SLICE = Fault(
    "unreadable_slice",
    "A damaged DICOM file may have been one of its slices. Get that file again, or move it away when it was not.",
)


EXPLAINED = ("missing_slice", "irregular_spacing", "too_few_slices")
"""Faults of a series that lost a slice."""


@dataclass(frozen=True)
class DamagedFile:
    """A file that may have been a slice.

    Its start, its number among the files in the order of names, and the numbers of all files of its folder; none of
    them for a file without the DICOM prefix.
    """

    content: bytes = field(repr=False)
    number: int
    in_folder: frozenset[int] = field(default=frozenset(), repr=False)


def tainted(candidates: Sequence[Candidate], damaged: Sequence[DamagedFile]) -> tuple[Candidate, ...]:
    """The candidates, with those refused that a damaged file may have been a slice of."""
    suspected: set[int] = set()
    for one in damaged:
        suspected |= _suspects(candidates, one) or set()
    return tuple(
        _with_unreadable_slice(candidate) if index in suspected else candidate
        for index, candidate in enumerate(candidates)
    )


def without_a_series(candidates: Sequence[Candidate], damaged: Sequence[DamagedFile]) -> int:
    """The number of damaged files that may be slices of one of several series, without a sign of which."""
    return sum(_suspects(candidates, one) is None for one in damaged)


def lost_its_pixels(content: bytes, headers: Iterable[ImageHeader]) -> bool:
    """Whether a file without an image says at its start that it is one of the kind that lies beside it.

    Reports and segmentations have kinds of their own; the kind stands in the meta header (PS3.10, 7.1).
    """
    start = content[DICOM_MAGIC_END : DICOM_MAGIC_END + KIND_WITHIN]
    return any(_holds(start + b"\0", kind) for kind in {header.sop_class for header in headers})


def _with_unreadable_slice(candidate: Candidate) -> Candidate:
    """The damaged file comes first where it explains the other fault."""
    if candidate.reason in EXPLAINED:
        return replace(candidate, faults=(UNREADABLE_SLICE, *candidate.faults))
    return candidate.refused(UNREADABLE_SLICE)


def _suspects(candidates: Sequence[Candidate], damaged: DamagedFile) -> set[int] | None:
    """Indices of the candidates of its series; empty where there is no stack, None where it is one of several."""
    content = damaged.content[:SEARCHED_BYTES]
    stacks = {
        index: candidate
        for index, candidate in enumerate(candidates)
        if not candidate.is_picture and candidate.header.frames == 1
    }
    own = {index for index, one in stacks.items() if _holds(content, one.header.series_uid)}
    if own:
        return own
    pool = {index for index, one in stacks.items() if _holds(content, one.header.study_uid)}
    pool = pool or {index for index, one in stacks.items() if damaged.in_folder & set(one.files)}
    series = {index: (stacks[index].header.study_uid, stacks[index].header.series_uid) for index in pool}
    for chosen in (set(series.values()), _beside(stacks, series, damaged), _lacking(stacks, series)):
        if len(chosen) == 1:
            return {index for index in pool if series[index] in chosen}
    return None if pool else set()


def _beside(
    stacks: Mapping[int, Candidate], series: Mapping[int, tuple[str, str]], damaged: DamagedFile
) -> set[tuple[str, str]]:
    """The series of the file before and of the file after it in its folder."""
    owners = {file: series[index] for index in series for file in stacks[index].files if file in damaged.in_folder}
    before = max((file for file in owners if file < damaged.number), default=None)
    after = min((file for file in owners if file > damaged.number), default=None)
    return {owners[file] for file in (before, after) if file is not None}


def _lacking(stacks: Mapping[int, Candidate], series: Mapping[int, tuple[str, str]]) -> set[tuple[str, str]]:
    """The series that look as if one slice was lost."""
    return {name for index, name in series.items() if stacks[index].reason in EXPLAINED}


def _holds(content: bytes, uid: str) -> bool:
    """Whether binary content has the identifier, and not just a longer one that begins alike; a text proves nothing."""
    wanted = uid.encode()
    start = content.find(wanted) if uid and b"\0" in content else -1
    while start >= 0:
        after = content[start + len(wanted) : start + len(wanted) + 1]
        if not after or after not in b"0123456789.":
            return True
        start = content.find(wanted, start + 1)
    return False
