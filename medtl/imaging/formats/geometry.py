"""Checks of a header's geometry; from any patient coordinates to right, anterior, superior.

DICOM, MetaImage (ITK) and most NRRD files count towards left, posterior and superior (LPS); NIfTI, and everything in
this program, towards right, anterior and superior (RAS). Both are in mm; two signs change.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from medtl.imaging.scan import UnreadableScan

WIDEST_SPACING_MM = 100.0
"""A pixel larger than this is a typing error in the header."""

FINEST_SPACING_MM = 0.01
"""Microscopy ends here; a smaller voxel is a unit that was written wrongly."""

LARGEST_SHEAR = 0.05
"""Cosine between two axes: 3 degrees from the right angle, beyond what rounding and registration leave."""

NO_ORIENTATION = "no orientation in the header: the stored axes are taken as right, anterior, superior"
"""The note of a volume whose axes are only assumed."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
LAS_TO_RAS = np.diag([-1.0, 1.0, 1.0, 1.0])

COLOUR_LENGTHS = (3, 4)
"""Channels of a colour picture, without and with transparency."""

SMALLEST_PHOTOGRAPH_PX = 16
SAME_SIZE = 1e-3


def believed(affine: Float[np.ndarray, "4 4"], *, what: str) -> Float[np.ndarray, "4 4"]:
    """The affine of a volume, once its voxel sizes and angles are possible.

    Raises:
        UnreadableScan: `bad_geometry`.
    """
    if not np.isfinite(affine).all():
        raise bad_geometry(what, "the affine has numbers that are not finite")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((sizes >= FINEST_SPACING_MM) & (sizes <= WIDEST_SPACING_MM)).all():
        listed = " x ".join(f"{size:.4g}" for size in sizes)
        raise bad_geometry(
            what, f"voxels of {listed} mm; {FINEST_SPACING_MM:g} to {WIDEST_SPACING_MM:g} mm are believed"
        )
    directions = affine[:3, :3] / sizes
    if float(np.abs(directions.T @ directions - np.eye(3)).max()) > LARGEST_SHEAR:
        raise bad_geometry(what, "the axes are not at right angles, as after a gantry tilt; resample the volume first")
    return affine


def bad_geometry(what: str, fault: str) -> UnreadableScan:
    """The refusal of a header whose geometry cannot be used."""
    return UnreadableScan(
        f"The {what} header's geometry cannot be used: {fault}. Where the voxels lie in the patient would be a guess.",
        reason="bad_geometry",
    )


def refuse_photograph(shape: tuple[int, ...], sizes_mm: tuple[float, ...], *, what: str) -> None:
    """Refuse an array whose first or last axis may be colours: 3 or 4 long, and nothing speaks for slices.

    Slices have a distance of their own, or are more than four; a photograph that was saved as a volume has voxels of
    one size. Which axis is the row would be a guess, too, so it is not turned into a picture.

    Raises:
        UnreadableScan: `colour_or_slices`.
    """
    across = next((axis for axis in (2, 0) if shape[axis] in COLOUR_LENGTHS), None)
    if across is None or min(size for axis, size in enumerate(shape) if axis != across) < SMALLEST_PHOTOGRAPH_PX:
        return
    if max(sizes_mm) - min(sizes_mm) > SAME_SIZE * max(sizes_mm):
        return
    raise UnreadableScan(
        f"The {what} array is {' x '.join(map(str, shape))} with voxels of one size: an axis of {shape[across]} may be "
        "the colours of a photograph or slices of a scan, and the header does not say which. Save a photograph as "
        "PNG; give slices their true distance in the header.",
        reason="colour_or_slices",
    )
