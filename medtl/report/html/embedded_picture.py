"""A PNG of the run folder inside a page: as a data URI, with its true shape.

In: the path of a file that the run wrote. Out: a frozen picture; a file that is missing, huge or no PNG is refused.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from medtl.errors import ConfigurationError, IntegrityFailure

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
"""The last chunk of every whole PNG with its checksum."""

HEADER_BYTES = 26
"""Signature, length and name of the first chunk, width, height, bits and kind of colour."""

GREY_OF_8_BITS = (8, 0)
NARROWEST_FRAME, WIDEST_FRAME = 0.7, 1.5
LARGEST_PICTURE_BYTES = 4_000_000
"""A picture of 512 by 512 in colour has less than 0.8 MB; a larger file is not one that the run wrote."""


@dataclass(frozen=True)
class Picture:
    """A picture inside the page: its data URI and its true shape as width to height, spacing respected."""

    uri: Markup
    aspect: float
    size_px: tuple[int, int]
    is_grey: bool

    @property
    def frame(self) -> float:
        """The black frame's width to height: the picture's own, unless it is a strip."""
        return max(NARROWEST_FRAME, min(WIDEST_FRAME, self.aspect))


def picture(path: Path, *, fold: int) -> Picture:
    """A PNG as a data URI, its pixels square, as the run draws them; what is missing, huge or no PNG is refused."""
    return picture_at(path, name=f"fold_{fold}/saliency/{path.name}", named_by="saliency.csv")


def picture_at(path: Path, *, name: str, named_by: str) -> Picture:
    """The same for a picture that is called `name` in letters and that the file `named_by` speaks of."""
    if not path.is_file():
        raise ConfigurationError(
            f"{name} is missing: {named_by} names it. If the run was copied, copy it whole.", file=path.name
        )
    size = path.stat().st_size
    data = path.read_bytes() if size <= LARGEST_PICTURE_BYTES else b""
    if not data.startswith(PNG_SIGNATURE) or not data.endswith(PNG_END):
        raise IntegrityFailure(
            f"{name} is not a whole PNG of at most {LARGEST_PICTURE_BYTES:,} bytes ({size:,} bytes): it was changed "
            "after the run wrote it. Restore it, or run again with --resume.",
            file=path.name,
        )
    width, height, *kind = struct.unpack(">IIBB", data[16:HEADER_BYTES])
    return Picture(
        data_uri(data), round(width / max(height, 1), 4), size_px=(width, height), is_grey=tuple(kind) == GREY_OF_8_BITS
    )


def data_uri(data: bytes) -> Markup:
    """The bytes of a PNG as an address that needs no file."""
    return Markup("data:image/png;base64,{}").format(base64.b64encode(data).decode("ascii"))
