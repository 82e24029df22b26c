"""A fingerprint of how a scan looks: equal for the same picture after noise, scaling, compression or brightening.

The signs of low frequencies of the cosine transform of a small thumbnail, as in Zauner 2010 ("Implementation and
benchmarking of perceptual image hash functions"), with more frequencies than usual: with 8 x 8 of them, 199 pairs of
different children's radiographs lie as close as copies do.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from medtl.imaging.scan import Scan

THUMBNAIL_PX = 32
"""Side of the thumbnail, each pixel the mean of the area it covers; its shape does not matter."""

FREQUENCIES = 16
"""Lowest frequencies kept in each direction: 16 x 16 without the mean are 255 signs."""

FLATTEST = 1e-6
"""Largest coefficient over the thumbnail's mean brightness below which a thumbnail shows nothing to compare."""


def perceptual_hash(scan: Scan) -> str:
    """255 signs as 64 hexadecimal digits; empty when the thumbnail is flat.

    A sign says whether a coefficient exceeds the median of all, so that adding to the brightness or multiplying it
    changes nothing.
    """
    from scipy.fft import dctn

    grey = Image.fromarray(np.ascontiguousarray(scan.pixels.mean(axis=0), dtype=np.float32))
    small = np.asarray(grey.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX), dtype=np.float64)
    low = dctn(small, norm="ortho")[:FREQUENCIES, :FREQUENCIES].ravel()[1:]
    if float(np.abs(low).max()) <= FLATTEST * max(1.0, float(np.abs(small).mean())):
        return ""
    return np.packbits(np.r_[False, low > np.median(low)]).tobytes().hex()
