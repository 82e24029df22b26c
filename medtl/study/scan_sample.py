"""Sizes, spacings and values of the scans of a cohort: what the choices of a first study.yaml rest on.

In: the cases of a manifest. Out: one frozen value a scan that was read, and a sentence for each that could not be. The
scans are taken in an order that depends on the manifest's ids alone, so that the same manifest gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from nibabel.orientations import io_orientation

from medtl.cohort import Case
from medtl.errors import DataRefused
from medtl.imaging.facts import refuse_unusable
from medtl.imaging.for_intake import one_scan, read_scan
from medtl.imaging.scan import Scan, UnreadableScan
from medtl.progress import track

FEWEST_SCANS, MOST_SCANS = 20, 500
MOST_VOXELS = 500_000_000
"""Read in all, about half a minute on a slow disk; at least `FEWEST_SCANS` are read whatever their size."""

OF_A_MASK = 2
"""Different values of a mask."""


@dataclass(frozen=True)
class MeasuredScan:
    """What one scan is like.

    `shape` and `spacing_mm` of a volume are along the patient's axes (right, anterior, superior), each axis of the file
    taken for the one that it is nearest to. A picture's shape is (height, width), and its spacing is not used.
    """

    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    is_colour: bool
    is_mask: bool
    low: float
    high: float

    @property
    def extent_mm(self) -> tuple[float, ...]:
        """Of a volume, along (right, anterior, superior)."""
        return tuple(n * gap for n, gap in zip(self.shape, self.spacing_mm or (), strict=True))


@dataclass(frozen=True)
class ScanSample:
    """The scans that were read, of so many cases, and why others could not be."""

    scans: tuple[MeasuredScan, ...]
    cases: int
    unreadable: tuple[str, ...] = ()

    @property
    def is_of_volumes(self) -> bool:
        """Whether the scans are volumes; never mixed with pictures."""
        return self.scans[0].spacing_mm is not None

    @property
    def measured(self) -> str:
        """How many were measured, in words."""
        count = len(self.scans)
        if count == self.cases:
            return f"all {count:,} scans" if count > 1 else "the one scan"
        return f"{count:,} of {self.cases:,} scans"

    def column(self, value: Callable[[MeasuredScan], Sequence[float]]) -> Float[np.ndarray, "scan axis"]:
        """A value of each scan along its axes, one row a scan."""
        return np.array([value(scan) for scan in self.scans], dtype=np.float64)


def sample_of(cases: Sequence[Case]) -> ScanSample:
    """Read scans of these cases until enough voxels are known.

    Raises:
        DataRefused: no scan could be read, or some are pictures and some are volumes.
    """
    found: list[MeasuredScan] = []
    unreadable: list[str] = []
    voxels = 0
    ordered = sorted(cases, key=lambda case: case.chance_key)[:MOST_SCANS]
    for case in track(ordered, what="measuring scans", total=len(ordered)):
        if voxels > MOST_VOXELS and len(found) >= FEWEST_SCANS:
            break
        try:
            with one_scan():
                scan = read_scan(case.image)
                refuse_unusable(scan)
        except UnreadableScan as refusal:
            unreadable.append(f"manifest line {case.line}: {refusal}")
        else:
            found.append(measured(scan))
            voxels += scan.pixels.size
    _refuse_none_or_mixed(found, unreadable)
    return ScanSample(tuple(found), len(cases), tuple(unreadable))


def measured(scan: Scan) -> MeasuredScan:
    """The facts of one scan that was read."""
    pixels = scan.pixels
    shape, spacing = pixels.shape[1:], None
    if scan.affine is not None:
        axes = [int(axis) for axis, _ in io_orientation(scan.affine)]
        gaps = np.linalg.norm(scan.affine[:3, :3], axis=0)
        shape = tuple(pixels.shape[1:][axes.index(axis)] for axis in range(3))
        spacing = tuple(float(gaps[axes.index(axis)]) for axis in range(3))
    return MeasuredScan(
        shape=tuple(map(int, shape)),
        spacing_mm=spacing,
        is_colour=len(pixels) == 3 and not all((channel == pixels[0]).all() for channel in pixels[1:]),
        is_mask=_has_few_values(pixels),
        low=float(pixels.min()),
        high=float(pixels.max()),
    )


def _has_few_values(pixels: Float[np.ndarray, "channel *space"]) -> bool:
    low, high = pixels.min(), pixels.max()
    return bool(low == 0 and ((pixels == low) | (pixels == high)).all())


def _refuse_none_or_mixed(found: Sequence[MeasuredScan], unreadable: Sequence[str]) -> None:
    if not found:
        raise DataRefused(
            f"None of the scans could be read; the first, {unreadable[0] if unreadable else 'none'} "
            "Nothing was written. medtl check names every one.",
            unreadable=tuple(unreadable),
        )
    volumes = sum(scan.spacing_mm is not None for scan in found)
    if 0 < volumes < len(found):
        raise DataRefused(
            f"Of the scans that were measured, {volumes} are volumes and {len(found) - volumes} are pictures; a study "
            "is of one kind. Take them in by themselves (medtl intake), or take the lines of the other kind out of the "
            "manifest. Nothing was written.",
            volumes=volumes,
            pictures=len(found) - volumes,
        )


def tidy(number: float, *, upwards: bool = False) -> float:
    """A length with two digits that count, rounded, or rounded up."""
    if number <= 0:
        return number
    step = 10.0 ** (math.floor(math.log10(number)) - 1)
    rounded = math.ceil(number / step - 1e-9) if upwards else round(number / step)
    return float(f"{rounded * step:.3g}")
