"""A scan as it came out of its file, and the letter that says why one did not.

Values are the file's own (grey levels, Hounsfield units after the rescale of the header); nothing is scaled here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from medtl.errors import DataRefused

MAX_PIXELS = 100_000_000
"""Largest image that is decoded: ten times a 3,000 x 3,500 radiograph, and 400 MB as float32."""


class UnreadableScan(DataRefused):
    """A scan that cannot be studied: `reason` is a short code for counting, the message a sentence for people."""

    def __init__(self, message: str, *, reason: str, **facts: object) -> None:
        super().__init__(message, reason=reason, **facts)
        self.reason = reason


@dataclass(frozen=True)
class Scan:
    """One image as read.

    Attributes:
        pixels: (channel, height, width); row 0 is the top, column 0 the left of the image as displayed. One channel is
            grey, three are red, green, blue. A stored "low is white" image is already turned to "high is white".
        spacing_mm: distance of neighbouring pixel centres as (between rows, between columns), or None when unknown.
        reader: the library and format that decoded it.
        notes: what was changed or left aside while reading, as sentences.
        window: the header's display window as (centre, width) of an exact linear ramp: 0 at centre - width / 2 and
            1 at centre + width / 2, in units of `pixels`.
        full_scale: the value of full brightness when the file's number type says so (255 for 8 bits), else None.
    """

    pixels: Float32[np.ndarray, "channel height width"]
    spacing_mm: tuple[float, float] | None
    reader: str
    notes: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    full_scale: float | None = None


def refuse_too_large(height: int, width: int) -> None:
    """Refuse, from the numbers of the header, an image that would not fit into memory, or none at all.

    Raises:
        UnreadableScan: `too_large` above `MAX_PIXELS`, `undecodable` when a side is below 1.
    """
    if height < 1 or width < 1:
        raise UnreadableScan(
            f"The header says {width} x {height} pixels; an image has at least one. The file is damaged.",
            reason="undecodable",
        )
    if height * width > MAX_PIXELS:
        raise UnreadableScan(
            f"The image has {width} x {height} = {height * width:,} pixels; at most {MAX_PIXELS:,} are read. "
            "Make it smaller, or check that the file is what it should be.",
            reason="too_large",
            height=height,
            width=width,
        )


def refuse_several(count: int) -> None:
    """Refuse a file of several frames or slices (`several_frames`)."""
    if count != 1:
        raise UnreadableScan(
            f"The file holds {count} frames or slices; volumes and films are not read here yet. "
            "Save the one image that is meant as its own file.",
            reason="several_frames",
            frames=count,
        )


def undecodable(what: str, error: BaseException) -> UnreadableScan:
    """The letter for a decoder that gave up: `truncated` when its words say that bytes are missing."""
    words = " ".join(str(error).split())
    missing = isinstance(error, EOFError) or any(sign in words.lower() for sign in TRUNCATION_SIGNS)
    reason, verdict = ("truncated", "is cut short") if missing else ("undecodable", "cannot be decoded")
    return UnreadableScan(
        f"The {what} file {verdict}: {type(error).__name__}: {words[:200]}. Get the file again from its source.",
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
