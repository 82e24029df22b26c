"""The mapping between a scan and its prepared grid: one linear map for each axis.

A picture keeps its true aspect ratio, also where its pixels are not square: it is scaled to fit and lies centred on
black. A volume is brought to the patient's axes (right, anterior, superior) by turning whole axes, and to a spacing and
an extent in millimetres; an oblique volume stays oblique. Pixel centres are whole numbers on both grids, so a map comes
back without a shift.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from nibabel.orientations import io_orientation

from medtl.errors import ConfigurationError

EDGE = 0.5
"""A pixel reaches half its size beyond its centre."""

ROUNDING = 1e-6
"""Pixels: positions are sums of a few floating-point numbers."""


@dataclass(frozen=True)
class Axis:
    """One axis of the prepared grid: which axis of the scan it runs along, and where its positions lie there.

    Position p (0 to `length` - 1) lies at `start + step * p`, in indices of the scan's axis `source`, which has `count`
    pixels. `step` is negative where the two run against each other.
    """

    source: int
    count: int
    start: float
    step: float
    length: int

    def prepared_from_scan(self) -> Float32[np.ndarray, "length count"]:
        """Weights of the scan's pixels in each prepared one; a row of zeros outside the scan.

        Linear between pixels; where the grid becomes coarser, a triangle as wide as a step averages over all pixels.
        """
        centres = self.start + self.step * np.arange(self.length)
        reach = max(1.0, abs(self.step))
        distance = np.abs(np.arange(self.count)[None, :] - np.clip(centres, 0, self.count - 1)[:, None])
        weights = np.maximum(0.0, 1.0 - distance / reach)
        weights /= weights.sum(axis=1, keepdims=True)
        weights[~self.inside()] = 0.0
        return weights.astype(np.float32)

    def scan_from_prepared(self) -> Float32[np.ndarray, "count length"]:
        """Weights of prepared pixels in each of the scan's, linear, edges held; a row of zeros where none was seen."""
        weights = np.zeros((self.count, self.length), dtype=np.float32)
        inside = np.flatnonzero(self.inside())
        if not len(inside):
            return weights
        wanted = np.clip((np.arange(self.count) - self.start) / self.step, inside[0], inside[-1])
        lower = np.minimum(wanted.astype(int), max(self.length - 2, 0))
        upper = np.minimum(lower + 1, self.length - 1)
        rows = np.arange(self.count)
        weights[rows, lower] += 1.0 - (wanted - lower)
        weights[rows, upper] += wanted - lower
        weights[~self.seen()] = 0.0
        return weights

    def seen(self) -> Bool[np.ndarray, " count"]:
        """Whether each of the scan's pixels lies on the prepared grid, and the grid has a voxel within the scan."""
        position = (np.arange(self.count) - self.start) / self.step
        within = (position >= -EDGE - ROUNDING) & (position <= self.length - EDGE + ROUNDING)
        return within & self.inside().any()

    def inside(self) -> Bool[np.ndarray, " length"]:
        """Whether each position of the prepared grid lies within the scan."""
        centres = self.start + self.step * np.arange(self.length)
        return (centres >= -EDGE - ROUNDING) & (centres <= self.count - EDGE + ROUNDING)


@dataclass(frozen=True)
class Placement:
    """The axes of a prepared grid, in its order: (height, width), or (right, anterior, superior)."""

    axes: tuple[Axis, ...]

    @classmethod
    def fitted(
        cls, shape: Sequence[int], *, size_px: Sequence[int], pixel_size: Sequence[float] = (1.0, 1.0)
    ) -> Placement:
        """The largest centred placement of a picture, its true aspect ratio kept (to the nearest whole pixel).

        `pixel_size` is (height, width) of a pixel of the scan in any unit; those of the prepared grid are square.
        """
        narrowest = min(pixel_size)
        sizes = [count * (size / narrowest) for count, size in zip(shape, pixel_size, strict=True)]
        scale = min(side / size for side, size in zip(size_px, sizes, strict=True))
        axes = []
        for source, (side, count) in enumerate(zip(size_px, shape, strict=True)):
            scaled = min(side, max(1, round(sizes[source] * scale)))
            step, before = count / scaled, (side - scaled) // 2
            axes.append(Axis(source, count, start=(0.5 - before) * step - 0.5, step=step, length=side))
        return cls(tuple(axes))

    @classmethod
    def in_patient(
        cls,
        shape: Sequence[int],
        affine: Float[np.ndarray, "4 4"],
        *,
        spacing_mm: Sequence[float],
        lengths: Sequence[int],
        centre: Sequence[float] | None = None,
    ) -> Placement:
        """The placement of a volume on a grid along right, anterior and superior; axes are turned, never mixed.

        Args:
            shape: of the scan, in voxels.
            affine: from indices of the scan to the patient in mm (RAS).
            spacing_mm: voxel size of the grid along right, anterior, superior.
            lengths: voxels of the grid along right, anterior, superior.
            centre: the point of the scan, in its own indices, at the middle of the grid; None for the scan's middle.
        """
        own_spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
        towards = io_orientation(affine)
        middle = [(count - 1) / 2 for count in shape] if centre is None else centre
        axes = []
        for axis, (spacing, length) in enumerate(zip(spacing_mm, lengths, strict=True)):
            source = int(np.flatnonzero(towards[:, 0] == axis)[0])
            step = float(towards[source, 1]) * spacing / float(own_spacing_mm[source])
            start = middle[source] - step * (length - 1) / 2
            axes.append(Axis(source, int(shape[source]), start=start, step=step, length=int(length)))
        return cls(tuple(axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the prepared grid."""
        return tuple(axis.length for axis in self.axes)

    @property
    def covered(self) -> float:
        """The share of the prepared grid that lies within the scan, 0 to 1; the rest is black."""
        return math.prod(float(axis.inside().mean()) for axis in self.axes)

    def affine(self, scan: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
        """From indices of the prepared grid to the patient in mm, given that of the scan."""
        to_scan = np.zeros((4, 4))
        to_scan[3, 3] = 1.0
        for column, axis in enumerate(self.axes):
            to_scan[axis.source, column] = axis.step
            to_scan[axis.source, 3] = axis.start
        return scan @ to_scan

    def to_scan_grid(self, prepared_map: Float[np.ndarray, "*prepared"]) -> Float32[np.ndarray, "*scan"]:
        """A map on the prepared grid, on the scan's own pixels: linear, and zero where the grid did not reach.

        Raises:
            ConfigurationError: the map's shape is not that of the prepared grid.
        """
        if prepared_map.shape != self.shape:
            raise ConfigurationError(
                f"Expected a map of shape {self.shape} as the prepared scan; got {prepared_map.shape}. "
                "Bring the map to the prepared grid first."
            )
        values = prepared_map.astype(np.float32)
        for axis in self.axes:  # each turn takes the first axis away and puts the scan's one at the end
            values = np.tensordot(values, axis.scan_from_prepared(), axes=(0, 1))
        return values.transpose(np.argsort([axis.source for axis in self.axes]))

    def seen(self) -> Bool[np.ndarray, "*scan"]:
        """A mask of the scan's pixels that lie on the prepared grid; a map says nothing about the others."""
        by_source = sorted(self.axes, key=lambda axis: axis.source)
        seen = np.ones((), dtype=bool)
        for axis in by_source:
            seen = seen[..., None] & axis.seen()
        return seen

    def to_scan_position(self, position: Sequence[float]) -> tuple[float, ...]:
        """A position on the prepared grid, in indices of the scan (the centre of the first pixel is 0)."""
        found = {axis.source: axis.start + axis.step * p for axis, p in zip(self.axes, position, strict=True)}
        return tuple(found[source] for source in sorted(found))
