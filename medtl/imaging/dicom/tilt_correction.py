"""A stack of slices from a tilted gantry, brought into a box: each slice is moved sideways in its own plane.

Nothing is cut off: the planes grow by the whole drift, and the new rim holds the lowest value of the volume.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Float32


def straightened(
    pixels: Float32[np.ndarray, "i j k"], affine: Float[np.ndarray, "4 4"], *, drift_mm: tuple[float, float]
) -> tuple[Float32[np.ndarray, "wider taller k"], Float[np.ndarray, "4 4"]]:
    """The volume on a box, and its affine.

    Slice k truly lies `k * drift_mm` along (i, j) from where the affine, which is that of a box, puts it. Values
    between pixels are linear.
    """
    spacing = np.linalg.norm(affine[:3, :2], axis=0)
    steps = [drift / float(size) for drift, size in zip(drift_mm, spacing, strict=True)]
    moved, origin = pixels, np.zeros(4)
    for axis, step in enumerate(steps):
        shifts = step * np.arange(pixels.shape[2])
        before = max(0, math.ceil(-float(shifts.min()) - 1e-9))
        after = max(0, math.ceil(float(shifts.max()) - 1e-9))
        moved = _shifted(moved, shifts + before, axis=axis, length=moved.shape[axis] + before + after)
        origin[axis] = -before
    shifted_affine = affine.copy()
    shifted_affine[:, 3] += affine @ np.append(origin[:3], 0.0)
    return moved, shifted_affine


def _shifted(
    pixels: Float32[np.ndarray, "i j k"], shifts: Float[np.ndarray, " k"], *, axis: int, length: int
) -> Float32[np.ndarray, "new_i new_j k"]:
    """Each slice moved up by its own shift (not below zero) along an axis of the given new length."""
    lowest = pixels.min()
    shape = list(pixels.shape)
    shape[axis] = length
    moved = np.full(shape, lowest, dtype=np.float32)
    count = pixels.shape[axis]
    for k, shift in enumerate(shifts):
        source = np.arange(length) - shift
        lower = np.floor(source + 1e-9).astype(int)
        share = (source - lower).astype(np.float32)
        share[np.abs(share) < 1e-6] = 0.0
        known = (lower >= 0) & (lower + (share > 0) <= count - 1)
        one = np.moveaxis(pixels[:, :, k], axis, 0)
        below, above = one[lower[known]], one[np.minimum(lower[known] + 1, count - 1)]
        weight = share[known][:, None]
        np.moveaxis(moved[:, :, k], axis, 0)[known] = below + weight * (above - below)
    return moved
