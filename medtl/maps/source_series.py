"""The source series of a map: which image each plane of the map lies on, by positions in the patient alone.

In: DICOM files and the grid of a map. Out: the slices in the map's order, and how the map's axes become a row, a column
and the slices of the source. File names and InstanceNumber decide nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from medtl.imaging.for_intake import (
    Candidate,
    ImageHeader,
    SeriesRules,
    Slice,
    UnreadableScan,
    dicom_header,
    grouped,
    judged,
)
from medtl.maps.left_out import LeftOut

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""DICOM's patient axes run left, posterior, superior; NIfTI's right, anterior, superior."""

SAME_GRID = 0.05
"""Voxels by which a corner of the map may lie off the source's: float32 in headers leaves a thousandth."""

RULES = SeriesRules(fewest_slices=2, correct_tilt=True)
"""Wider than any run's, so that a tilted or short series is named as such, and not only missed."""


@dataclass(frozen=True)
class SourceSeries:
    """A volume's slices from the lowest to the highest along their normal, and the file of each.

    `affine` leads from (column, row, slice) to the patient in mm: left, posterior, superior.
    """

    slices: tuple[Slice, ...]
    files: tuple[Path, ...]
    affine: Float[np.ndarray, "4 4"]

    @property
    def header(self) -> ImageHeader:
        """The header of the first slice's file."""
        return self.slices[0].header

    @property
    def shape(self) -> tuple[int, int, int]:
        """The number of columns, rows and slices."""
        return self.header.columns, self.header.rows, len(self.slices)

    @property
    def spacing_mm(self) -> float:
        """The distance from one slice to the next."""
        return float(np.linalg.norm(self.affine[:3, 2]))

    def planes_of(
        self, values: Float[np.ndarray, "i j k"], affine: Float[np.ndarray, "4 4"]
    ) -> Float32[np.ndarray, "slice row column"]:
        """A map, with its affine in right, anterior, superior, as planes on the source's slices.

        Raises:
            LeftOut: the map lies on another grid.
        """
        towards = _whole_axes(self, values.shape, affine)
        if towards is None:
            raise LeftOut(OTHER_GRID)
        order, flipped = towards
        turned = np.transpose(values, order)[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)]
        return np.ascontiguousarray(turned.transpose(2, 1, 0), dtype=np.float32)


OTHER_GRID = (
    "The map lies on another grid than the source series: the volume was resampled, cut or turned between the archive "
    "and the run. Nothing was guessed."
)


def series_on_grid(
    files: Sequence[Path], *, shape: tuple[int, ...], affine: Float[np.ndarray, "4 4"], series_uid: str = ""
) -> SourceSeries:
    """The one volume among the files that has the map's grid; `affine` is the map's: right, anterior, superior.

    Raises:
        LeftOut: no volume or several have that grid; the series was corrected for tilt; it is another than expected.
    """
    volumes = [candidate for candidate in _candidates(files) if _is_volume(candidate)]
    fitting = [one for one in volumes if _is_upright(one) and _whole_axes(_series(one, files), shape, affine)]
    if len(fitting) > 1:
        raise LeftOut(
            f"{len(fitting)} volumes of the source lie on the map's grid (time points or echoes, as in an enhanced "
            "object), and references could not tell them apart."
        )
    if not fitting:
        raise LeftOut(_why_none(volumes))
    (candidate,) = fitting
    frames = sum({one.file: one.header.frames for one in candidate.slices}.values())
    if frames != len(candidate.slices):
        raise LeftOut(
            f"The source is an object of {frames} frames, of which the map covers {len(candidate.slices)}: time "
            "points, echoes or stacks in one object are not exported."
        )
    if series_uid and candidate.header.series_uid != series_uid:
        raise LeftOut(
            "The source files are of another series now than when they were taken in. Bring the old ones back."
        )
    return _series(candidate, files)


def headers_of(files: Sequence[Path]) -> list[tuple[int, ImageHeader]]:
    """The headers of files that hold an image, with their numbers."""
    found = []
    for number, file in enumerate(files):
        try:
            found.append((number, dicom_header(file)))
        except UnreadableScan:
            continue
    return found


def _candidates(files: Sequence[Path]) -> tuple[Candidate, ...]:
    return judged(grouped(headers_of(files)), RULES)


def _is_volume(candidate: Candidate) -> bool:
    return not candidate.is_picture and not candidate.faults and candidate.stack is not None


def _is_upright(candidate: Candidate) -> bool:
    return candidate.stack is not None and candidate.stack.drift_mm == (0.0, 0.0)


def _why_none(volumes: Sequence[Candidate]) -> str:
    if any(not _is_upright(one) for one in volumes):
        return (
            "The gantry was tilted and intake corrected it (--correct-tilt), so the map's grid is no longer that of "
            "the source's slices."
        )
    return OTHER_GRID if volumes else "No volume can be made of the source files any more: some are gone or damaged."


def _series(candidate: Candidate, files: Sequence[Path]) -> SourceSeries:
    order = range(len(candidate.slices)) if candidate.stack is None else candidate.stack.order
    slices = tuple(candidate.slices[index] for index in order)
    first, last = (np.array(slices[index].plane.position, dtype=np.float64) for index in (0, -1))
    orientation = np.array(slices[0].plane.orientation, dtype=np.float64)
    row_mm, column_mm = slices[0].plane.pixel_mm or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = orientation[:3] * column_mm, orientation[3:] * row_mm
    affine[:3, 2], affine[:3, 3] = (last - first) / (len(slices) - 1), first
    return SourceSeries(slices, tuple(files[one.file] for one in slices), affine)


def _whole_axes(
    source: SourceSeries, shape: tuple[int, ...], affine: Float[np.ndarray, "4 4"]
) -> tuple[tuple[int, int, int], tuple[bool, bool, bool]] | None:
    """Which axis of the map each axis of the source is, and whether it runs backwards; None on another grid."""
    to_source = np.linalg.inv(source.affine) @ LPS_TO_RAS @ affine
    whole = np.rint(to_source)
    steps = whole[:3, :3]
    if not (np.abs(steps).sum(axis=0) == 1).all() or not (np.abs(steps).sum(axis=1) == 1).all():
        return None
    corners = np.array([(*corner, 1) for corner in np.ndindex(2, 2, 2)]) * (*(count - 1 for count in shape), 1)
    if float(np.abs(corners @ (to_source - whole).T).max()) > SAME_GRID:
        return None
    order = np.abs(steps).argmax(axis=1)
    ends = np.sort((corners @ whole.T)[[0, -1], :3], axis=0)
    if (ends[0] != 0).any() or tuple(ends[1] + 1) != source.shape:
        return None
    i, j, k = (int(axis) for axis in order)
    flipped = [bool(steps[axis, own] < 0) for axis, own in enumerate(order)]
    return (i, j, k), (flipped[0], flipped[1], flipped[2])
