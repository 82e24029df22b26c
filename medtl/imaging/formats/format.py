"""The interface of a file format, and the options of its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from medtl.imaging.scan import Scan

START_BYTES = 4096
"""Bytes that decide what a file is: a packed NIfTI header needs a few hundred of them."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class FilePair:
    """The bytes of a header and of the data file that it names."""

    header: bytes
    data: bytes


@dataclass(frozen=True)
class Choice:
    """The choice within a file of several pictures or volumes; by default such a file is refused.

    `volume` is first, mean, or a number from 1, of several volumes. `page_mm` is the voxel size (between rows, between
    columns, between pages) with which a TIFF of several pages is one volume.
    """

    volume: Literal["first", "mean"] | int | None = None
    page_mm: Triple | None = None


Content = bytes | FilePair


@dataclass(frozen=True)
class Format:
    """One format: `begins` looks at the first `START_BYTES` bytes, unpacked where the file is a gzip.

    `shows` is what a file of it usually is. `data_files` gives, from the header's bytes and the file's name, the names
    of which one must lie beside the header and holds the pixels; nothing when the file holds them itself.
    """

    name: str
    shows: Literal["picture", "volume"]
    endings: tuple[str, ...]
    begins: Callable[[bytes], bool]
    decode: Callable[[Content, Choice], Scan]
    may_be_gzip: bool = False
    data_files: Callable[[bytes, str], tuple[str, ...]] = lambda _header, _name: ()
