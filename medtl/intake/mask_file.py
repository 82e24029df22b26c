"""The mask in a file, as it is kept beside its image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from medtl.imaging.arrivals import Scan, read_scan
from medtl.intake.pixel_look import FEW, is_soft


def read_mask(path: Path) -> Scan:
    """The mask in a file, in one channel where its channels are equal; of one with soft edges what is nearer to white.

    Raises:
        UnreadableScan: as `read_scan`.
    """
    scan = read_scan(path)
    pixels = scan.pixels
    if len(pixels) > 1 and (pixels == pixels[:1]).all():
        pixels = pixels[:1]
    if len(np.unique(pixels)) > FEW and is_soft(pixels):
        low, high = float(pixels.min()), float(pixels.max())
        pixels = np.where(pixels > (low + high) / 2, high, 0).astype(np.float32)
    return replace(scan, pixels=np.ascontiguousarray(pixels))
