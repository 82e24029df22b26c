"""A volume and its map along the patient's axes, and its three planes as a radiologist looks at them.

In: arrays on the scan's own grid, in whatever order its axes are. Out: the same voxels with whole axes turned so that
they run towards right, anterior and superior, never mixed: an oblique volume stays oblique. Positions are in mm of the
scanner, right, anterior and superior positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from medtl.axes import NORMAL, Plane, position_in_words
from medtl.errors import ConfigurationError

OBLIQUE_DEGREES = 0.1
"""From here on the edge of a slice 250 mm wide lies 0.2 mm off its centre, so that one printed digit no longer holds
for all of it."""

ROUNDING = 1e-4
"""How far outside [0, 1] sums of 32-bit numbers may come to lie."""


@dataclass(frozen=True)
class PatientVolume:
    """A scan in [0, 1], its map in [0, 1] and what the network could see, along (right, anterior, superior).

    `affine` leads from indices to the scanner's mm.
    """

    scan: Float[np.ndarray, "right anterior superior"]
    saliency: Float[np.ndarray, "right anterior superior"]
    seen: Bool[np.ndarray, "right anterior superior"]
    affine: Float[np.ndarray, "4 4"]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Between neighbouring voxels along right, anterior and superior."""
        right, anterior, superior = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(right), float(anterior), float(superior)

    @property
    def peak(self) -> tuple[int, int, int] | None:
        """The voxel where the map is strongest, the first of equals; None for a map of zeros."""
        if not self.saliency.any():
            return None
        right, anterior, superior = np.unravel_index(int(self.saliency.argmax()), self.saliency.shape)
        return int(right), int(anterior), int(superior)


def along_patient(
    scan: Float[np.ndarray, "i j k"],
    saliency: Float[np.ndarray, "i j k"],
    *,
    seen: Bool[np.ndarray, "i j k"],
    affine: Float[np.ndarray, "4 4"],
) -> PatientVolume:
    """The volume with its axes turned towards right, anterior and superior.

    Raises:
        ConfigurationError: the three arrays are not volumes of one shape, a value lies outside [0, 1] or is no number,
            or the affine does not lead to three directions.
    """
    shapes = [array.shape for array in (scan, saliency, seen)]
    if scan.ndim != 3 or not scan.size or len(set(shapes)) > 1:
        raise ConfigurationError(
            f"Expected a scan, a map and what was seen as volumes of one shape; got {', '.join(map(str, shapes))}. "
            "Bring the map to the scan's own grid first."
        )
    for name, values in (("scan", scan), ("map", saliency)):
        low, high = float(values.min()), float(values.max())
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):
            raise ConfigurationError(
                f"Expected a {name} with values from 0 to 1; got {low:g} to {high:g}. "
                "Window the scan and divide the map by its maximum first."
            )
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise ConfigurationError(
            "Expected an affine of 4 x 4 finite numbers that leads to three directions in space; "
            f"got {np.array2string(np.asarray(affine), precision=3, separator=', ')}. Read the scan's geometry again."
        )
    towards = io_orientation(affine)
    turned = [np.ascontiguousarray(apply_orientation(array, towards)) for array in (scan, saliency, seen)]
    return PatientVolume(turned[0], turned[1], turned[2], affine @ inv_ornt_aff(towards, scan.shape))


def normal_of(affine: Float[np.ndarray, "4 4"], plane: Plane) -> Float[np.ndarray, "3"]:
    """The direction, of length 1, in which the slices of a plane follow each other; towards R, A or S.

    `affine` has its axes in the patient's order. Upright on the slices, also when a tilted gantry sheared them.
    """
    own = NORMAL[plane]
    first, second = (affine[:3, axis] for axis in range(3) if axis != own)
    upright = np.cross(first, second)
    return upright / np.linalg.norm(upright) * np.sign(upright @ affine[:3, own])


def position_mm(affine: Float[np.ndarray, "4 4"], plane: Plane, index: float) -> float:
    """The position of a slice along its normal, in mm: the same for every point of the slice."""
    point = affine[:3, 3] + index * affine[:3, NORMAL[plane]]
    return float(normal_of(affine, plane) @ point)


def tilt_degrees(affine: Float[np.ndarray, "4 4"], plane: Plane) -> float:
    """The angle between the normal of a plane and the patient's axis that it is named by."""
    return float(np.degrees(np.arccos(np.clip(normal_of(affine, plane)[NORMAL[plane]], -1.0, 1.0))))


def is_oblique(affine: Float[np.ndarray, "4 4"], plane: Plane) -> bool:
    """Whether positions of a plane's slices hold along the slice axis only, and not along the patient's."""
    return tilt_degrees(affine, plane) > OBLIQUE_DEGREES


def spoken_mm(plane: Plane, mm: float) -> str:
    """A position along a plane's normal with an orientation letter instead of a sign: `S 12.5`, `I 3.0`."""
    return position_in_words(NORMAL[plane], mm)


def slice_picture(
    values: Shaped[np.ndarray, "right anterior superior"], plane: Plane, index: int
) -> Shaped[np.ndarray, "row column"]:
    """One slice as it is looked at; see `EDGES`."""
    across = np.take(values, index, axis=NORMAL[plane])
    return across[::-1, ::-1].T


def pixel_mm(affine: Float[np.ndarray, "4 4"], plane: Plane) -> tuple[float, float]:
    """Height and width of a pixel in a plane's pictures."""
    column, row = (float(np.linalg.norm(affine[:3, axis])) for axis in range(3) if axis != NORMAL[plane])
    return row, column
