"""A small picture of a scan, to recognise what it is: the middle slice, as a radiologist holds it."""

from __future__ import annotations

import io

import nibabel
import numpy as np
from PIL import Image

from medtl.imaging.intensity import ROBUST_PERCENTILES
from medtl.imaging.scan import Scan

LONGEST_SIDE_PX = 128
JPEG_QUALITY = 70
"""A grey picture of 128 pixels then takes 3 kB: a page with a thousand of them can still be opened."""


def thumbnail(scan: Scan) -> bytes:
    """A JPEG of at most 128 pixels a side.

    A volume shows the middle slice across its coarsest axis, turned as usual: the patient's left is on the right,
    anterior or superior is on top. Black and white are the 0.5th and 99.5th percentile of what is shown.
    """
    picture, (height_mm, width_mm) = _flat(scan)
    black, white = np.percentile(picture, ROBUST_PERCENTILES)
    shown = np.clip((picture - black) / max(white - black, np.finfo(np.float32).tiny), 0, 1)
    image = Image.fromarray((shown * 255).round().astype(np.uint8))
    tall, wide = picture.shape[0] * height_mm, picture.shape[1] * width_mm
    scale = LONGEST_SIDE_PX / max(tall, wide)
    image = image.resize((max(1, round(wide * scale)), max(1, round(tall * scale))), Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=JPEG_QUALITY)
    return stream.getvalue()


def _flat(scan: Scan) -> tuple[np.ndarray, tuple[float, float]]:
    """(height, width) or (height, width, 3), and the size of a pixel in any unit."""
    if scan.affine is None:
        return scan.pixels[0] if len(scan.pixels) == 1 else scan.pixels.transpose(1, 2, 0), scan.pixel_size
    orientation = nibabel.io_orientation(scan.affine)
    volume = nibabel.apply_orientation(scan.pixels[0], orientation)
    spacing_mm = np.empty(3)
    spacing_mm[orientation[:, 0].astype(int)] = np.linalg.norm(scan.affine[:3, :3], axis=0)
    across = _coarsest(spacing_mm)
    width, height = (axis for axis in range(3) if axis != across)
    middle = np.take(volume, volume.shape[across] // 2, axis=across)
    return middle[::-1, ::-1].T, (float(spacing_mm[height]), float(spacing_mm[width]))


def _coarsest(spacing_mm: np.ndarray) -> int:
    """The axis with the largest spacing; from feet to head when all are about equal."""
    widest = int(np.argmax(spacing_mm))
    return widest if spacing_mm[widest] > 1.05 * spacing_mm[2] else 2
