"""From headers to candidates: what a heap of DICOM images holds, before a pixel is read.

In: the headers of files, in any order. Out: groups of frames that belong together by person, study, series,
orientation, kind of image, echo, settings and time, each a volume, a picture or refused with a reason. File names and
folders decide nothing; InstanceNumber never orders slices, it only helps to see two acquisitions in one series.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from medtl.imaging.dicom.candidate import Candidate as Candidate
from medtl.imaging.dicom.candidate import Slice as Slice
from medtl.imaging.dicom.image_header import ImageHeader, Plane
from medtl.imaging.dicom.series_parts import parted
from medtl.imaging.dicom.series_rules import PICTURE_MODALITIES

SAME_DIRECTION = 1e-4
"""Difference of direction cosines that rounding in headers leaves; 0.006 degrees, 0.03 mm at the rim of a head."""


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
            candidates.extend(parted(parallel))
    return tuple(sorted(candidates, key=lambda candidate: candidate.files))


def _slices(file: int, header: ImageHeader) -> tuple[Slice, ...]:
    planes = header.planes or (Plane(),)
    return tuple(Slice(file, frame, header, plane) for frame, plane in enumerate(planes))


def _kind(one: Slice) -> tuple[object, ...]:
    """The values that must be equal in one volume. A file with frames but no geometry is alone."""
    header, plane = one.header, one.plane
    alone = (one.file,) if plane.position is None and (header.frames > 1 or not header.series_uid) else ()
    return (
        header.study_uid, header.series_uid, header.person, header.frame_of_reference_uid, header.sop_class,
        header.modality, header.rows, header.columns, header.samples, header.photometric, header.bits_allocated,
        header.bits_stored, header.is_signed, header.low_is_white, plane.image_type, plane.echo, plane.stack,
        plane.pixel_mm,
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
