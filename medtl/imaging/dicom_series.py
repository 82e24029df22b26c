"""From headers to candidates: what a heap of DICOM images holds, before a pixel is read.

In: the headers of files, in any order. Out: groups of frames that belong together by study, series, orientation, kind
of image, echo and time, each a volume, a picture or refused with a reason. File names, folders and InstanceNumber
decide nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from medtl.imaging.image_header import ImageHeader, Plane
from medtl.imaging.series_rules import PICTURE_MODALITIES
from medtl.imaging.slice_stack import SAME_PLACE_MM, Fault, Stack

SAME_DIRECTION = 1e-4
"""Difference of direction cosines that rounding in headers leaves; 0.006 degrees, 0.03 mm at the rim of a head."""

COMPLETE_SHARE = 0.5
"""At least this share of time points must have every position, or time does not explain the repetition."""


@dataclass(frozen=True)
class Slice:
    """One frame: the number of its file among the headers, its number in the file, and what is known of both."""

    file: int
    frame: int
    header: ImageHeader = field(repr=False)
    plane: Plane = field(repr=False)


@dataclass(frozen=True)
class Candidate:
    """Frames that belong together.

    `is_picture` is true for a single view that is a case of its own. `moment` tells time points, echoes or diffusion
    weightings of one series apart ("3 of 10"). `stack` orders the slices of a volume. `faults` are why it is refused,
    the weightiest first; it is accepted when there are none. `notes` are what a reader should know.
    """

    slices: tuple[Slice, ...] = field(repr=False)
    is_picture: bool = False
    moment: str = ""
    stack: Stack | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> ImageHeader:
        """The header of the first file."""
        return self.slices[0].header

    @property
    def files(self) -> tuple[int, ...]:
        """The numbers of the files, each once, in order."""
        return tuple(sorted({one.file for one in self.slices}))

    @property
    def reason(self) -> str | None:
        """The code of the weightiest fault, None when accepted."""
        return self.faults[0].reason if self.faults else None

    @property
    def sentence(self) -> str:
        """Every fault in words, and what it is that was refused."""
        return " ".join(fault.sentence for fault in self.faults)

    @property
    def title(self) -> str:
        """What it is, without anything that names a person: `CT, 28 of 512 x 512`."""
        size = f"{self.header.rows} x {self.header.columns}"
        count = "" if self.is_picture else f"{len(self.slices)} of "
        when = f", {self.moment}" if self.moment else ""
        return f"{self.header.modality or 'unknown modality'}, {count}{size}{when}"

    def refused(self, *faults: Fault) -> Candidate:
        """The same candidate with more faults, behind those that it has."""
        return replace(self, faults=self.faults + faults)


def grouped(headers: Iterable[tuple[int, ImageHeader]]) -> tuple[Candidate, ...]:
    """The candidates in order of their first file; none is judged yet.

    A file whose frames have no geometry stands for itself, as one slice.
    """
    by_kind: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    candidates: list[Candidate] = []
    for file, header in headers:
        if header.is_clip and header.modality in PICTURE_MODALITIES:
            candidates.append(Candidate(_slices(file, header)[:1], is_picture=True))
            continue
        for one in _slices(file, header):
            if header.modality in PICTURE_MODALITIES and one.plane.position is None:
                candidates.append(Candidate((one,), is_picture=True))
            else:
                by_kind[_kind(one)].append(one)
    for alike in by_kind.values():
        for parallel in _by_orientation(alike):
            candidates.extend(_by_moment(parallel))
    return tuple(sorted(candidates, key=lambda candidate: candidate.files))


def _slices(file: int, header: ImageHeader) -> tuple[Slice, ...]:
    planes = header.planes or (Plane(),)
    return tuple(Slice(file, frame, header, plane) for frame, plane in enumerate(planes))


def _kind(one: Slice) -> tuple[object, ...]:
    """What must be equal in one volume. A file with frames but no geometry is alone."""
    header, plane = one.header, one.plane
    alone = (one.file,) if plane.position is None and (header.frames > 1 or not header.series_uid) else ()
    return (
        header.study_uid, header.series_uid, header.patient_id, header.frame_of_reference_uid, header.sop_class,
        header.modality, header.rows, header.columns, header.samples, header.photometric, header.bits_allocated,
        header.bits_stored, header.is_signed, plane.image_type, plane.echo, plane.stack, plane.pixel_mm,
        plane.position is None, *alone,
    )  # fmt: skip


def _by_orientation(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Slices cut in the same direction; such as lack one, or have an impossible one, stay together."""
    groups: list[tuple[np.ndarray | None, list[Slice]]] = []
    for one in slices:
        own = None if one.plane.orientation is None else np.array(one.plane.orientation)
        own = own if own is not None and np.isfinite(own).all() else None
        for direction, members in groups:
            if (own is None and direction is None) or (
                own is not None and direction is not None and float(np.abs(own - direction).max()) <= SAME_DIRECTION
            ):
                members.append(one)
                break
        else:
            groups.append((own, [one]))
    return [members for _, members in groups]


def _by_moment(slices: Sequence[Slice]) -> list[Candidate]:
    """One candidate, or one for each time point when places repeat and a tag tells every repetition apart."""
    places = [_place(one) for one in slices]
    if len(set(places)) == len(places) or len(set(places)) == 1:
        return [Candidate(tuple(slices))]
    for name in dict.fromkeys(name for one in slices for name in one.plane.moments):
        parts: dict[str, list[Slice]] = defaultdict(list)
        for one in slices:
            parts[one.plane.moments.get(name, "")].append(one)
        if _explains(list(parts.values()), everywhere=set(places)):
            return _moments(parts, everywhere=set(places))
    return [Candidate(tuple(slices))]


def _place(one: Slice) -> tuple[int, ...]:
    """The position on a lattice so fine that two slices of a volume never share a point of it."""
    position = one.plane.position or (np.nan,) * 3
    return tuple(round(value / SAME_PLACE_MM) if np.isfinite(value) else 0 for value in position)


def _explains(parts: Sequence[Sequence[Slice]], *, everywhere: set[tuple[int, ...]]) -> bool:
    distinct = all(len({_place(one) for one in part}) == len(part) for part in parts)
    complete = sum(len(part) == len(everywhere) for part in parts)
    return len(parts) > 1 and distinct and complete >= COMPLETE_SHARE * len(parts)


def _moments(parts: dict[str, list[Slice]], *, everywhere: set[tuple[int, ...]]) -> list[Candidate]:
    candidates = []
    for number, name in enumerate(sorted(parts, key=_in_time), start=1):
        candidate = Candidate(tuple(parts[name]), moment=f"{number} of {len(parts)}")
        lacking = len(everywhere) - len(parts[name])
        if lacking:
            candidate = candidate.refused(
                Fault("missing_slice", f"This time point lacks {lacking} of the {len(everywhere)} slices of others.")
            )
        candidates.append(candidate)
    return candidates


def _in_time(name: str) -> tuple[float, str]:
    try:
        return float(name.split(" ")[0]), name
    except ValueError:
        return float("inf"), name
