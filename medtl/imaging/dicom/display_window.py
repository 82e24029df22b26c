"""The display window of a grey image: a linear ramp, or values that went through a curve (PS3.3 C.11.2.1).

LINEAR is a ramp from centre - 0.5 - (width - 1) / 2 to centre - 0.5 + (width - 1) / 2, of width 1 a step at
centre - 0.5; LINEAR_EXACT a ramp of the whole width around the centre; SIGMOID and a VOILUTSequence are curves.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from pydicom import Dataset
from pydicom.pixels import apply_voi

from medtl.imaging.pixel_size import numbers_of

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

TABLE_FAULTS = (AttributeError, ValueError, TypeError, IndexError, NotImplementedError, OverflowError, struct.error)
"""What pydicom raises on a table that is incomplete or contradicts itself."""

STEP = 4.0
"""Width of a step in steps of float32 at the image's largest value: no value lies on it."""

STEEPEST = 700.0
"""Largest exponent: beyond it a double overflows, and the curve is flat."""

Ramp = tuple[float, float]


@dataclass(frozen=True)
class WindowedValues:
    """Values and their linear display window (centre, width); `is_curved` when a display curve was applied to them."""

    values: Float64[np.ndarray, "..."]
    ramp: Ramp | None
    is_curved: bool = False
    notes: tuple[str, ...] = ()


def windowed_values(values: Float64[np.ndarray, "..."], header: Dataset, *, keeps_units: bool) -> WindowedValues:
    """Values with the display window of the header, or after its display curve (sigmoid or VOI lookup table).

    Of several windows the first is taken. With `keeps_units` (Hounsfield units, activities) no curve is applied.
    """
    centres, widths = numbers_of(header, "WindowCenter"), numbers_of(header, "WindowWidth")
    if not centres or not widths:
        return _through_table(values, header, keeps_units=keeps_units)
    notes: tuple[str, ...] = ()
    function = " ".join(str(header.get("VOILUTFunction") or "LINEAR").upper().split())
    if function not in FUNCTIONS:
        function, notes = "LINEAR", ("the header's VOILUTFunction is none of the standard's and was taken as LINEAR",)
    centre, width = centres[0], widths[0]
    least = 1.0 if function == "LINEAR" else 0.0
    if not math.isfinite(centre) or not math.isfinite(width) or width < least or width == 0:
        notes += (f"the header's display window (width {width:.3g}) is impossible and was left aside",)
        return WindowedValues(values, None, notes=notes)
    if len(centres) > 1:
        notes += (f"first of {len(centres)} display windows taken",)
    if function == "SIGMOID" and keeps_units:
        return WindowedValues(values, (centre, width), notes=(*notes, "display window of kind SIGMOID taken as linear"))
    if function == "SIGMOID":
        exponent = np.clip(-4.0 * (values - centre) / width, -STEEPEST, STEEPEST)
        notes += ("values are those of the header's display curve (SIGMOID)",)
        return WindowedValues(1.0 / (1.0 + np.exp(exponent)), (0.5, 1.0), is_curved=True, notes=notes)
    largest = max(abs(centre), float(np.abs(values).max()), 1.0)
    step = STEP * float(np.spacing(np.float32(largest)))
    if function == "LINEAR_EXACT":
        return WindowedValues(values, (centre, max(width, step)), notes=notes)
    if width > 1:
        return WindowedValues(values, (centre - 0.5, max(width - 1, step)), notes=notes)
    return WindowedValues(
        values, (centre - 0.5 + step / 2, step), notes=(*notes, "display window of width 1: black or white")
    )


def _through_table(values: Float64[np.ndarray, "..."], header: Dataset, *, keeps_units: bool) -> WindowedValues:
    if not header.get("VOILUTSequence"):
        return WindowedValues(values, None)
    if keeps_units:
        return WindowedValues(values, None, notes=("the header's VOI lookup table was not applied",))
    try:
        curved = apply_voi(np.rint(values).astype(np.int64), header)
        full = 2.0 ** int(header.VOILUTSequence[0].LUTDescriptor[2]) - 1
    except TABLE_FAULTS:
        return WindowedValues(values, None, notes=("the header's VOI lookup table cannot be read and was left aside",))
    note = "values are those of the header's display curve (VOI lookup table)"
    return WindowedValues(curved.astype(np.float64), (full / 2, full), is_curved=True, notes=(note,))
