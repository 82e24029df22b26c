"""A bounded look at a picture or volume: its size, and whether its pixels take few values, as a mask's do.

Pixels are few-valued when at most `FEW` values occur; or when whole numbers lie in flat regions (an atlas of organs);
or when nearly all lie at the two ends of the range (a mask saved as JPEG, or made smaller with soft edges). A file
that takes more bits for a pixel than any mask does is not unpacked at all.
"""

from __future__ import annotations

import gzip
import io
import math
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile

from medtl.errors import ResourceExhausted
from medtl.imaging.for_intake import UnreadableScan, one_scan, read_scan
from medtl.intake.folder_contents import content_of

FEW = 16
MOST_LABELS = 256
FLAT = 0.8
"""Share of neighbours, along and across the rows, that are equal where neither has the commonest value: about 0.95 in
atlases, 0.05 in scans."""

AT_THE_ENDS, NEAR_AN_END = 0.97, 0.1
"""Share of the pixels that lie within this share of the range from its ends."""

WIDEST_BITS = 1.25
"""Bits for a pixel in a compressed file: masks take 0.02 to 0.5, scans 2 to 14."""

SMALL_PIXELS = 2**14
MOST_PIXELS = 2**27
FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP")
ROWS_SEEN = 256
CHUNK_BYTES = 2**20
MOST_VOXELS, FARTHEST_OFFSET, DENSEST_GZIP = 2**29, 2**20, 1032
"""What a header may promise for its voxels to be looked at; deflate packs no more than 1032 bytes into one."""

MOST_CHUNKS = 512


@dataclass(frozen=True)
class PixelFacts:
    """The size of an image in pixels, empty when it cannot be read; whether its values are few, or its edges soft.

    `is_soft` is of few values only but for its edges, as after JPEG.
    """

    shape: tuple[int, ...] = ()
    is_few: bool = False
    is_soft: bool = False


def look_at(path: Path) -> PixelFacts:
    """The look at one file; an empty one where it cannot be read."""
    content = content_of(path)
    try:
        with one_scan():
            if content == "picture" or is_gif(path):
                return _picture(path)
            if content == "nifti" and (look := _nifti(path)) is not None:
                return look
            pixels = read_scan(path).pixels
            return _judged(pixels.shape[1:], pixels.reshape(-1, pixels.shape[-1]))
    except (UnreadableScan, ResourceExhausted):
        return PixelFacts()  # its reader says later what is wrong


def is_gif(path: Path) -> bool:
    """Whether the file begins as a GIF does."""
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"GIF8"
    except OSError:
        return False


def _picture(path: Path) -> PixelFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with PillowImage.open(path, formats=FORMATS) as image:
            shape = (image.height, image.width)
            if math.prod(shape) > MOST_PIXELS:
                return PixelFacts(shape)
            if math.prod(shape) > SMALL_PIXELS and _is_dense(path, image):
                return PixelFacts(shape)
            is_lossy = image.format == "JPEG"
            values = np.asarray(_plain(image))
    if values.ndim == 3:
        wide = values.astype(np.int64)
        values = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    step = max(1, values.shape[0] // ROWS_SEEN)
    look = _judged(shape, values[::step])
    return replace(look, is_soft=look.is_few) if is_lossy else look


def _plain(image: ImageFile.ImageFile) -> PillowImage.Image:
    """Grey as it is stored, colour as RGB; a JPEG in a small copy, without its colours."""
    if image.format == "JPEG":
        image.draft("L", (ROWS_SEEN, ROWS_SEEN))
        return image.convert("L")
    if image.mode in ("1", "L", "I", "F", "P") or image.mode.startswith("I;16"):
        return image
    return image.convert("RGB")


def _is_dense(path: Path, image: ImageFile.ImageFile) -> bool:
    """A packed file of more bits for a pixel than masks take; others are not packed, or were made with one bit."""
    packed = image.format in ("PNG", "JPEG", "GIF") or image.info.get("compression", "raw") != "raw"
    return packed and image.mode != "1" and 8 * path.stat().st_size > WIDEST_BITS * image.width * image.height


def _nifti(path: Path) -> PixelFacts | None:
    """The look at a NIfTI of one file; None for a volume in another format, which is read as a whole."""
    with path.open("rb") as plain:
        is_packed = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_packed else path.open("rb") as stream:
        start = stream.read(540)
        if start[4:7] != b"n+2" and start[344:347] != b"n+1":
            return None
        kind = nibabel.Nifti2Header if start[4:7] == b"n+2" else nibabel.Nifti1Header
        header = kind.from_fileobj(io.BytesIO(start[: 540 if kind is nibabel.Nifti2Header else 348]), check=False)
        shape = tuple(int(size) for size in header.get_data_shape())
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        dtype = header.get_data_dtype()
        voxels = math.prod(shape)
        offset, promised = int(header.get_data_offset()), voxels * dtype.itemsize
        if dtype.kind not in "iuf" or len(shape) > 3 or not 0 < voxels <= MOST_VOXELS or offset > FARTHEST_OFFSET:
            return PixelFacts(shape)
        if promised > DENSEST_GZIP * path.stat().st_size:
            return PixelFacts(shape)
        if is_packed and voxels > SMALL_PIXELS and 8 * path.stat().st_size > WIDEST_BITS * voxels:
            return PixelFacts(shape)
        stream.seek(offset)
        return _judged(shape, _lines(stream, dtype, length=shape[0], voxels=voxels))


def _lines(
    stream: io.BufferedIOBase | gzip.GzipFile | io.BufferedReader, dtype: np.dtype, *, length: int, voxels: int
) -> np.ndarray:
    """Whole rows of voxels from all over the volume: a few of each piece of it."""
    row = length * dtype.itemsize
    piece = max(1, CHUNK_BYTES // row) * row
    every = max(1, voxels * dtype.itemsize // piece // MOST_CHUNKS)
    rows: list[np.ndarray] = []
    for number in range(MOST_CHUNKS):
        if every > 1 and number:
            stream.seek(piece * (every - 1), io.SEEK_CUR)
        content = stream.read(piece)
        content = content[: len(content) // row * row]
        if not content:
            break
        lines = np.frombuffer(content, dtype).reshape(-1, length)
        rows.append(lines[:ROWS_SEEN])
    return np.concatenate(rows) if rows else np.zeros((0, length), dtype)


def _judged(shape: tuple[int, ...], lines: np.ndarray) -> PixelFacts:
    values = lines[np.isfinite(lines)] if lines.dtype.kind == "f" else lines.reshape(-1)
    if not values.size:
        return PixelFacts(shape)
    found, counts = np.unique(values, return_counts=True)
    if len(found) <= FEW:
        return PixelFacts(shape, is_few=True)
    if (
        len(found) <= MOST_LABELS
        and (found == np.round(found)).all()
        and _flatness(lines, found[counts.argmax()]) >= FLAT
    ):
        return PixelFacts(shape, is_few=True)
    soft = is_soft(values)
    return PixelFacts(shape, is_few=soft, is_soft=soft)


def _flatness(lines: np.ndarray, commonest: object) -> float:
    shares = []
    for one, other in ((lines[:, :-1], lines[:, 1:]), (lines[:-1], lines[1:])):
        drawn = (one != commonest) & (other != commonest)
        shares.append(float((one == other)[drawn].mean()) if drawn.any() else 0.0)
    return min(shares)


def is_soft(values: np.ndarray) -> bool:
    """Whether nearly all values lie at the two ends of their range."""
    low, high = float(values.min()), float(values.max())
    near = NEAR_AN_END * (high - low)
    return high > low and float(((values <= low + near) | (values >= high - near)).mean()) >= AT_THE_ENDS
