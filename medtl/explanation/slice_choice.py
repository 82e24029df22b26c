"""Choose the slices of a volume to show: those that hold most of the map, not too close to each other.

In: a volume along the patient's axes. Out: a plane and slice indices, the same each time.
"""

from __future__ import annotations

import numpy as np

from medtl.axes import NORMAL, PLANES, Plane
from medtl.explanation.overlay import TRANSPARENT_BELOW
from medtl.explanation.patient_planes import PatientVolume

MOST_SLICES = 6
"""As many as stand side by side on a page and can still be read."""

LEAST_SHARE_BETWEEN = 12
"""Two chosen slices lie at least a twelfth of the coloured stretch from each other, so that six cover half of it."""

SPACING_DIGITS = 3
"""Spacings that agree to a thousandth of a mm are equal: headers hold rounded numbers."""


def finest_plane(spacing_mm: tuple[float, float, float]) -> Plane:
    """The plane with the smallest pixels; of equal ones axial, then coronal."""
    return max(PLANES, key=lambda plane: round(spacing_mm[NORMAL[plane]], SPACING_DIGITS))


def slices_that_matter(volume: PatientVolume, plane: Plane, *, at_most: int = MOST_SLICES) -> tuple[int, ...]:
    """Indices of slices in rising order.

    Slices with anything that an overlay would colour, taken by the sum of the squared map, each at a distance from
    those taken before. Where nothing is coloured, slices spread evenly over what the network saw.
    """
    within = tuple(axis for axis in range(3) if axis != NORMAL[plane])
    coloured = np.flatnonzero(volume.saliency.max(axis=within) >= TRANSPARENT_BELOW)
    if not len(coloured):
        return _spread(np.flatnonzero(volume.seen.any(axis=within)), volume.scan.shape[NORMAL[plane]], at_most)
    energy = np.square(volume.saliency, dtype=np.float64).sum(axis=within)
    distance = max(1, round((coloured[-1] - coloured[0] + 1) / LEAST_SHARE_BETWEEN))
    chosen: list[int] = []
    for index in sorted(coloured.tolist(), key=lambda slice_: (-energy[slice_], slice_)):
        if len(chosen) < at_most and all(abs(index - other) >= distance for other in chosen):
            chosen.append(index)
    return tuple(sorted(chosen))


def _spread(seen: np.ndarray, count: int, at_most: int) -> tuple[int, ...]:
    first, last = (int(seen[0]), int(seen[-1])) if len(seen) else (0, count - 1)
    positions = np.linspace(first - 0.5, last + 0.5, min(at_most, last - first + 1) * 2 + 1)[1::2]
    return tuple(sorted({int(position) for position in np.round(positions)}))
