"""A scan as read from its file, and the error that says why one cannot be read.

Values are the file's own (grey levels, Hounsfield units after the rescale of the header); nothing is scaled here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from medtl.errors import DataRefused

MAX_PIXELS = 100_000_000
"""Largest picture that is decoded: ten times a 3,000 x 3,500 radiograph, and 400 MB as float32."""

MAX_VOXELS = 400_000_000
"""Largest volume that is decoded: a CT of 512 x 512 x 1,500, and 1.6 GB as float32."""


LONGEST_SHAPE = 20.0
"""Height of a pixel over its width, or the reverse: an M-mode or a strip comes near, a damaged header beyond."""


class UnreadableScan(DataRefused):
    """A scan that cannot be studied: `reason` is a short code for counting, the message a sentence for people."""

    def __init__(self, message: str, *, reason: str, **facts: object) -> None:
        super().__init__(message, reason=reason, **facts)
        self.reason = reason


@dataclass(frozen=True)
class Scan:
    """One image as read: a picture, or a volume.

    Attributes:
        pixels: a picture is (channel, height, width); row 0 is the top, column 0 the left of the image as displayed.
            One channel is grey, three are red, green, blue. A volume is (1, i, j, k), as in its file. A stored
            "low is white" image is already turned to "high is white".
        spacing_mm: distance of neighbouring pixel centres, (between rows, between columns) or along (i, j, k), or None
            when unknown; of volumes it is always known.
        reader: the library and format that decoded it.
        notes: what was changed or left aside while reading, as sentences.
        window: the header's display window as (centre, width) of an exact linear ramp: 0 at centre - width / 2 and
            1 at centre + width / 2, in units of `pixels`.
        full_scale: the value of full brightness when the file's number type says so (255 for 8 bits), else None.
        pixel_aspect: height of a pixel over its width, where `spacing_mm` does not say it.
        affine: of a volume, from indices (i, j, k) to the patient in mm, right, anterior and superior positive; None
            for a picture.
    """

    pixels: Float32[np.ndarray, "channel *space"]
    spacing_mm: tuple[float, ...] | None
    reader: str
    notes: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    full_scale: float | None = None
    affine: Float[np.ndarray, "4 4"] | None = None
    pixel_aspect: float = 1.0

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Of a picture, (height, width) of a pixel in any unit: what its true shape is."""
        return size_of_pixel(self.spacing_mm, self.pixel_aspect)


def size_of_pixel(spacing_mm: tuple[float, ...] | None, aspect: float) -> tuple[float, float]:
    """(height, width) of a pixel: in mm where they are known, else with a width of 1."""
    return (aspect, 1.0) if spacing_mm is None else (spacing_mm[0], spacing_mm[1])


def refuse_too_large(*sides: int, at_most: int = MAX_PIXELS) -> None:
    """Refuse, from the numbers of the header, an image that would not fit into memory, or none at all.

    Raises:
        UnreadableScan: `too_large` above `at_most` pixels, `undecodable` when a side is below 1.
    """
    size = " x ".join(map(str, sides))
    if min(sides) < 1:
        raise UnreadableScan(
            f"The header says {size} pixels; an image has at least one. The file is damaged.", reason="undecodable"
        )
    if math.prod(sides) > at_most:
        raise UnreadableScan(
            f"The image has {size} = {math.prod(sides):,} pixels; at most {at_most:,} are read. "
            "Make it smaller, or check that the file is what it should be.",
            reason="too_large",
            sides=sides,
        )


def refuse_several(count: int, *, what: str = "frames") -> None:
    """Refuse a file of several frames, time points or pages.

    Raises:
        UnreadableScan: `several_frames`.
    """
    if count != 1:
        raise UnreadableScan(
            f"The file holds {count} {what}; a case is one picture or one volume. "
            "Save the one that is meant as its own file.",
            reason="several_frames",
            frames=count,
        )


def undecodable(what: str, error: BaseException) -> UnreadableScan:
    """The refusal for a decoder that gave up: `truncated` when its words say that bytes are missing.

    The words themselves are not repeated: libraries quote the file's own values in them, which may name a person.
    """
    words = " ".join(str(error).split())
    missing = isinstance(error, EOFError) or any(sign in words.lower() for sign in TRUNCATION_SIGNS)
    reason, verdict = ("truncated", "is cut short") if missing else ("undecodable", "cannot be decoded")
    return UnreadableScan(
        f"The {what} file {verdict} ({type(error).__name__}). Get the file again from its source.",
        reason=reason,
    )


TRUNCATION_SIGNS = (
    "truncated",
    "less than expected",
    "unexpected end",
    "end-of-stream",
    "end of file",
    "reached end of data",
    "expected, got",
)
"""What Pillow, pydicom, zlib and nibabel say when bytes are missing."""
