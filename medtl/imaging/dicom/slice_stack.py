"""Whether slices are the layers of one volume, from their positions and their orientation alone.

In: centres of first pixels and direction cosines in the patient's millimetres. Out: a `Stack`, and every fault that
keeps it from being a volume, in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SAME_POSITION_MM = 0.005
"""Two slices nearer than this lie at the same position: half of the finest spacing that is believed."""

UNEVEN_SHARE = 0.01
"""Share of the spacing by which neighbours may differ from it: what rounding in headers leaves (as highdicom)."""

OFF_GRID_SHARE = 0.1
"""Share of the spacing by which a slice may lie off its position in the volume, when small differences add up."""

OFF_LINE_PIXELS = 0.1
"""Pixels by which the slices' corners may drift sideways over the whole stack; beyond it the gantry was tilted."""

UNSQUARE = 1e-3
"""Cosine between rows and columns, and deviation of their length from 1, that rounding leaves."""

MULTIPLE_TOLERANCE = 0.05
"""How near a gap must come to a whole number of spacings to be missing slices, and not an uneven spacing."""

MOST_MISSING = 50
"""A gap of more spacings than this is not a gap in one volume."""


@dataclass(frozen=True)
class Fault:
    """Why slices are no volume: a code for counting, a sentence for people."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal.

    `order` gives their numbers from the lowest. `spacing_mm` is the distance of neighbours along the normal. `drift_mm`
    is the sideways step from one slice to the next, along (a row, a column): zeros but for a tilted gantry.
    """

    order: tuple[int, ...]
    spacing_mm: float
    drift_mm: tuple[float, float]

    @property
    def tilt_degrees(self) -> float:
        """The angle between the stack's direction and the slices' normal."""
        return math.degrees(math.atan2(math.hypot(*self.drift_mm), self.spacing_mm))


def stack_of(
    positions_mm: Float[np.ndarray, "slices 3"],
    orientation: Float[np.ndarray, "6"],
    *,
    pixel_mm: tuple[float, float],
) -> tuple[Stack | None, tuple[Fault, ...]]:
    """The stack of at least two slices, and its faults: repeated, missing, irregular, tilted. Both may come."""
    along_row, along_column = orientation[:3], orientation[3:]
    normal = np.cross(along_row, along_column)
    distances = positions_mm @ normal
    order = np.argsort(distances, kind="stable")
    gaps = np.diff(distances[order])
    if (gaps < SAME_POSITION_MM).any():
        return None, (_repeated(gaps),)
    spacing, faults = _spacing(gaps)
    sideways = np.stack([positions_mm @ along_row, positions_mm @ along_column], axis=1)[order]
    steps = (distances[order] - distances[order[0]]) / spacing
    drift = _slope(steps, sideways)
    away = sideways - sideways[0] - np.outer(steps, drift)
    if float(np.abs(away - away.mean(axis=0)).max()) > OFF_LINE_PIXELS * min(pixel_mm):
        faults += (Fault("irregular_spacing", "The slices do not lie on one straight line."),)
    if float(np.abs(drift).max()) * steps[-1] <= OFF_LINE_PIXELS * min(pixel_mm):
        drift = np.zeros(2)
    stack = Stack(tuple(int(index) for index in order), spacing, (float(drift[0]), float(drift[1])))
    return stack, faults + _tilted(stack)


def usable_orientation(orientation: Float[np.ndarray, "6"]) -> bool:
    """Whether rows and columns have directions of length 1 at right angles."""
    directions = orientation.reshape(2, 3)
    return bool(np.isfinite(directions).all()) and float(np.abs(directions @ directions.T - np.eye(2)).max()) < UNSQUARE


def _repeated(gaps: Float[np.ndarray, " gaps"]) -> Fault:
    positions = int((gaps >= SAME_POSITION_MM).sum()) + 1
    what = "all at one place" if positions == 1 else f"at {positions} places"
    return Fault(
        "repeated_slice",
        f"{len(gaps) + 1} slices lie {what}, and the headers do not say which belong together.",
    )


def _spacing(gaps: Float[np.ndarray, " gaps"]) -> tuple[float, tuple[Fault, ...]]:
    """The spacing, and what is wrong with the gaps."""
    mean = float(gaps.mean())
    off_grid = float(np.abs(np.cumsum(gaps) - mean * np.arange(1, len(gaps) + 1)).max())
    if float(np.abs(gaps - mean).max()) <= UNEVEN_SHARE * mean and off_grid <= OFF_GRID_SHARE * mean:
        return mean, ()
    smallest = float(gaps.min())
    multiples = gaps / smallest
    whole = np.rint(multiples)
    near = bool((np.abs(multiples - whole) <= MULTIPLE_TOLERANCE * whole).all())
    if near and 1 < whole.max() <= MOST_MISSING:
        spacing = float(gaps.sum() / whole.sum())
        missing, where = int((whole - 1).sum()), int((whole > 1).sum())
        return spacing, (
            Fault(
                "missing_slice",
                f"{missing} slice{'s are' if missing > 1 else ' is'} missing: the spacing is {spacing:.4g} mm, and a "
                f"multiple of it in {where} place{'s' if where > 1 else ''}.",
            ),
        )
    return mean, (
        Fault("irregular_spacing", f"The spacing of the slices varies from {gaps.min():.4g} to {gaps.max():.4g} mm."),
    )


def _slope(steps: Float[np.ndarray, " slices"], sideways: Float[np.ndarray, "slices 2"]) -> Float[np.ndarray, "2"]:
    """Least squares: sideways mm for each step."""
    centred = steps - steps.mean()
    return centred @ (sideways - sideways.mean(axis=0)) / float(centred @ centred)


def _tilted(stack: Stack) -> tuple[Fault, ...]:
    if stack.drift_mm == (0.0, 0.0):
        return ()
    return (
        Fault(
            "gantry_tilt",
            f"The gantry was tilted by {stack.tilt_degrees:.1f} degrees: the slices are stacked sideways, "
            f"{math.hypot(*stack.drift_mm):.3g} mm from one to the next.",
        ),
    )
