"""Pixels that are no image: what the scanner filled in around it (PS3.3 C.7.5.1.1.2).

PixelPaddingValue names one stored value, with PixelPaddingRangeLimit all values between the two. They are judged before
any rescale, so that MONOCHROME1 does not turn them white. No shape is checked here: the worker imports this room.
"""

from __future__ import annotations

import math

import numpy as np
from pydicom import Dataset

Limits = tuple[float, float]

DARK_PERCENTILE = 0.5
"""Of the image itself: padding below it is dark, as the lower end of `intensity.ROBUST_PERCENTILES`."""


def padding_limits(header: Dataset) -> Limits | None:
    """The lowest and the highest stored value that is padding, None without any.

    A whole number that was written with the wrong sign (63536 for -2000 of 16 bits) is read as the pixels are.
    """
    value, limit = _number(header, "PixelPaddingValue"), _number(header, "PixelPaddingRangeLimit")
    if value is not None:
        ends = [_as_stored(end, header) for end in (value, value if limit is None else limit)]
        return min(ends), max(ends)
    for kind in ("FloatPixelPadding", "DoubleFloatPixelPadding"):
        value, limit = _number(header, f"{kind}Value"), _number(header, f"{kind}RangeLimit")
        if value is not None:
            return min(value, limit if limit is not None else value), max(value, limit if limit is not None else value)
    return None


def is_padding(stored: np.ndarray, limits: Limits | None) -> np.ndarray | None:
    """A mask of the stored values that are padding; None when none is, or all are."""
    if limits is None:
        return None
    found = (stored >= limits[0]) & (stored <= limits[1])
    return found if found.any() and not found.all() else None


def with_black_padding(stored: np.ndarray, limits: Limits | None, *, low_is_white: bool) -> np.ndarray:
    """Stored values with padding that would look bright set to the darkest of the image; dark padding stays."""
    found = is_padding(stored, limits)
    if found is None:
        return stored
    image = stored[~found]
    black = np.percentile(image, 100 - DARK_PERCENTILE if low_is_white else DARK_PERCENTILE)
    bright = found & (stored < black if low_is_white else stored > black)
    return np.where(bright, image.max() if low_is_white else image.min(), stored).astype(stored.dtype)


def _number(header: Dataset, name: str) -> float | None:
    """The value of a tag, None where it is missing, empty or no finite number: padding alone refuses no image."""
    try:
        value = float(header.get(name, math.nan))
    except (TypeError, ValueError, NotImplementedError):
        return None
    return value if math.isfinite(value) else None


def _as_stored(value: float, header: Dataset) -> float:
    bits, is_signed = int(header.get("BitsAllocated", 16)), header.get("PixelRepresentation", 0) == 1
    whole = int(value) % 2**bits
    return float(whole - 2**bits if is_signed and whole >= 2 ** (bits - 1) else whole)
