"""The pixel size of a picture: in millimetres where the header says so, else its aspect ratio alone.

Looked at in this order: PixelSpacing (calibrated or in the patient), ImagerPixelSpacing (at the detector),
NominalScannedPixelSpacing (on the film that was scanned), and without millimetres PixelAspectRatio
(PS3.3 C.7.6.3.1.7, 10.7.1.3, C.8.6.2). All give the distance between rows first, the height of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom import Dataset

from medtl.imaging.scan import LONGEST_SHAPE

WIDEST_SPACING_MM = 100.0
"""A pixel larger than this is a typing error in the header."""

SQUARE = 1e-3
"""Share by which height and width may differ without a note: rounding in headers."""

SPACINGS = {
    "PixelSpacing": "",
    "ImagerPixelSpacing": "spacing is that of the detector (ImagerPixelSpacing)",
    "NominalScannedPixelSpacing": "spacing is that of the scanned film (NominalScannedPixelSpacing)",
}
"""The tags in order, with what a reader should know of each."""


@dataclass(frozen=True)
class PixelSize:
    """(between rows, between columns) in mm, None when unknown; `aspect` is height over width where it is."""

    spacing_mm: tuple[float, float] | None
    aspect: float
    notes: tuple[str, ...]


def pixel_size(header: Dataset) -> PixelSize:
    """The size of a pixel; impossible values (zero, negative, not a number) are left aside with a note."""
    notes: tuple[str, ...] = ()
    for name, note in SPACINGS.items():
        numbers = numbers_of(header, name)
        if not numbers:
            continue
        is_size = len(numbers) == 2 and all(0 < number <= WIDEST_SPACING_MM for number in numbers)
        if is_size and 1 / LONGEST_SHAPE <= numbers[0] / numbers[1] <= LONGEST_SHAPE:
            height, width = numbers
            notes += tuple(filter(None, [note])) + _shape_notes(height / width)
            return PixelSize((height, width), height / width, notes)
        notes += (f"the header's {name} is impossible and was left aside",)
    numbers = numbers_of(header, "PixelAspectRatio")
    if not numbers:
        return PixelSize(None, 1.0, notes)
    if len(numbers) != 2 or not all(0 < number < math.inf for number in numbers):
        return PixelSize(None, 1.0, (*notes, "the header's PixelAspectRatio is impossible and was left aside"))
    aspect = numbers[0] / numbers[1]
    if not 1 / LONGEST_SHAPE <= aspect <= LONGEST_SHAPE:
        return PixelSize(None, 1.0, (*notes, "the header's PixelAspectRatio is impossible and was left aside"))
    return PixelSize(None, aspect, notes + _shape_notes(aspect))


def _shape_notes(aspect: float) -> tuple[str, ...]:
    if abs(aspect - 1) <= SQUARE:
        return ()
    return (f"pixels are not square: {aspect:.3g} times as high as wide; pictures are prepared in their true shape",)


def numbers_of(header: Dataset, name: str) -> tuple[float, ...]:
    """A tag's value as numbers; () when it is missing or empty, not a number where it holds something else."""
    try:
        value = header.get(name)
        if value is None or value == "":
            return ()
        if isinstance(value, str | int | float):
            return (float(value),)
        return tuple(float(number) for number in value)
    except (ValueError, TypeError, NotImplementedError, OverflowError):
        return (math.nan,)
