"""A scan as a file again, without anything but its pixels and its geometry: no names, no dates, no free text.

A volume becomes NIfTI. A picture becomes PNG where that loses nothing (whole numbers of 8 or 16 bits, no spacing, no
window); else NIfTI of one slice, whose header holds the spacing and, as cal_min and cal_max, the display window. Both
hold the shape of pixels that are not square.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from dataclasses import dataclass

import nibabel
import numpy as np
from PIL import Image

from medtl.imaging.formats.geometry import NO_ORIENTATION
from medtl.imaging.formats.nifti import PIXELS_BY_RATIO
from medtl.imaging.scan import Scan

GZIP_LEVEL = 1
"""Five times as fast as the usual 9, for a few per cent more bytes."""

WHOLE_NUMBERS = (np.int16, np.int32)
FULL_8, FULL_16 = 255.0, 65535.0
UNSIGNED = {FULL_8: (np.uint8,), FULL_16: (np.uint16,)}
STEPS_OF_16_IN_8 = 257
"""65535 / 255: a 16-bit colour is reduced to 8 bits by it, since no picture format that is read holds more."""

PNG_HEADER_END = 33
"""Behind the signature of 8 bytes and the chunk IHDR of 25."""

RATIO_STEPS = 1_000_000
"""Parts in which the shape of a pixel is written into a PNG."""

SCANNER = 1
"""NIfTI's code for coordinates of the scanner."""

REDUCED = "16-bit colour reduced to 8 bits per channel"


@dataclass(frozen=True)
class EncodedScan:
    """The bytes of a file, the ending of its format, and notes about what was reduced."""

    content: bytes
    ending: str
    notes: tuple[str, ...] = ()


def encoded(scan: Scan) -> EncodedScan:
    """A scan as the file to write: the same bytes for the same scan.

    `decode_scan` gives the same pixels, affine, spacing and window again; of `full_scale` only those of 8 and 16 bits.
    """
    if scan.affine is None and scan.pixels.shape[0] == 3:
        pixels, notes = _colour(scan)
        return EncodedScan(_png(pixels.transpose(1, 2, 0), aspect=_aspect(scan)), ".png", notes)
    if scan.affine is None and _fits_png(scan):
        kind = np.uint8 if scan.full_scale == FULL_8 else np.uint16
        return EncodedScan(_png(scan.pixels[0].astype(kind), aspect=_aspect(scan)), ".png")
    return EncodedScan(nifti_bytes(scan), ".nii.gz")


def nifti_bytes(scan: Scan) -> bytes:
    """A grey scan as packed NIfTI; integers stay integers where float32 held them exactly."""
    if scan.affine is None:
        values = scan.pixels[0].T[:, :, None]
        image = nibabel.Nifti1Image(_narrowest(values, scan.full_scale), None)
        height, width = scan.pixel_size
        image.header.set_zooms((width, height, 1.0))
        if scan.spacing_mm is None and height != width:
            image.header["descrip"] = PIXELS_BY_RATIO
        image.header["sform_code"] = image.header["qform_code"] = 0
    else:
        image = nibabel.Nifti1Image(_narrowest(scan.pixels[0], scan.full_scale), scan.affine)
        code = 0 if NO_ORIENTATION in scan.notes else SCANNER
        image.set_sform(scan.affine, code=code)
        image.set_qform(scan.affine, code=code, strip_shears=True)
    image.header.set_xyzt_units("unknown" if scan.spacing_mm is None else "mm")
    if scan.window is not None:
        centre, width = scan.window
        image.header["cal_min"], image.header["cal_max"] = centre - width / 2, centre + width / 2
    return gzip.compress(image.to_bytes(), compresslevel=GZIP_LEVEL, mtime=0)


def _narrowest(values: np.ndarray, full_scale: float | None) -> np.ndarray:
    """The values in the first number type that holds them all exactly; one without a sign says their full scale."""
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        return values
    low, high = float(values.min()), float(values.max())
    for kind in (*UNSIGNED.get(full_scale or 0.0, ()), *WHOLE_NUMBERS):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def _fits_png(scan: Scan) -> bool:
    if scan.spacing_mm is not None or scan.window is not None or scan.full_scale not in (FULL_8, FULL_16):
        return False
    whole = bool((scan.pixels == np.rint(scan.pixels)).all())
    return whole and scan.pixels.min() >= 0 and scan.pixels.max() <= scan.full_scale


def _colour(scan: Scan) -> tuple[np.ndarray, tuple[str, ...]]:
    if scan.pixels.max() <= FULL_8 and (scan.full_scale or FULL_8) <= FULL_8:
        return np.rint(scan.pixels).clip(0, FULL_8).astype(np.uint8), ()
    return np.rint(scan.pixels / STEPS_OF_16_IN_8).clip(0, FULL_8).astype(np.uint8), (REDUCED,)


def _aspect(scan: Scan) -> float:
    height, width = scan.pixel_size
    return height / width


def _png(pixels: np.ndarray, *, aspect: float) -> bytes:
    """A PNG; pixels that are not square say so in a chunk pHYs behind the header, as a ratio without a unit."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=GZIP_LEVEL)
    content = stream.getvalue()
    if aspect == 1:
        return content
    chunk = b"pHYs" + struct.pack(">IIB", round(aspect * RATIO_STEPS), RATIO_STEPS, 0)
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:PNG_HEADER_END] + whole + content[PNG_HEADER_END:]
