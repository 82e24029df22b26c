"""The mask in a file, as it is kept beside its image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from medtl.imaging.for_intake import UNFORESEEN, Scan, UnreadableScan, one_scan, read_scan
from medtl.intake.pixel_look import FEW, MOST_PIXELS, is_gif, is_soft

FULL_SCALE = 255.0


def read_mask(path: Path) -> Scan:
    """The mask in a file, in one channel where its channels are equal; of one with soft edges what is nearer to white.

    Raises:
        UnreadableScan: as `read_scan`; several_frames of a GIF.
    """
    scan = _gif(path) if is_gif(path) else read_scan(path)
    pixels = scan.pixels
    if len(pixels) > 1 and (pixels == pixels[:1]).all():
        pixels = pixels[:1]
    if len(np.unique(pixels)) > FEW and is_soft(pixels):
        low, high = float(pixels.min()), float(pixels.max())
        pixels = np.where(pixels > (low + high) / 2, high, 0).astype(np.float32)
    return replace(scan, pixels=np.ascontiguousarray(pixels))


def _gif(path: Path) -> Scan:
    """A GIF of one frame in grey."""
    try:
        with one_scan(), PillowImage.open(path, formats=("GIF",)) as image:
            if getattr(image, "n_frames", 1) > 1 or image.width * image.height > MOST_PIXELS:
                raise UnreadableScan(
                    "The mask is a GIF of several frames, or larger than any picture. Save it as PNG.",
                    reason="several_frames",
                )
            pixels = np.asarray(image.convert("L"), dtype=np.float32)
    except UnreadableScan as error:
        if error.reason != UNFORESEEN:
            raise
        raise UnreadableScan(
            "The mask is a GIF that cannot be decoded. Get it again from its source.", reason="undecodable"
        ) from error
    return Scan(pixels[None], None, "Pillow GIF", full_scale=FULL_SCALE)
