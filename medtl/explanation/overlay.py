"""Pictures of a scan and of the map over it, so that a weak map looks weak."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

OPACITY = 0.45
TRANSPARENT_BELOW = 0.2
LONGEST_SIDE_PX = 512
"""Pictures are for a page; the map itself is stored on the scan's own grid beside them."""


def scan_picture(shown: Float[np.ndarray, "channel height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """A scan in [0, 1], one or three channels, as RGB."""
    grey = np.repeat(shown, 3, axis=0) if shown.shape[0] == 1 else shown
    return (np.clip(grey, 0, 1).transpose(1, 2, 0) * 255).round().astype(np.uint8)


def overlay_picture(
    shown: Float[np.ndarray, "channel height width"], saliency: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The scan with the map in [0, 1] over it: inferno at 45 % opacity, nothing below 0.2."""
    scan = scan_picture(shown).astype(np.float64)
    colour = matplotlib.colormaps["inferno"](np.clip(saliency, 0, 1))[..., :3] * 255
    opacity = np.where(saliency >= TRANSPARENT_BELOW, OPACITY, 0.0)[..., None]
    return (scan * (1 - opacity) + colour * opacity).round().astype(np.uint8)


def png(picture: np.ndarray, *, pixel_size: tuple[float, float] = (1.0, 1.0)) -> bytes:
    """A picture as PNG, at most 512 px long, in its true shape: `pixel_size` is (height, width) in any unit."""
    image = Image.fromarray(picture)
    height, width = float(image.height), float(image.width)
    height, width = height * pixel_size[0] / min(pixel_size), width * pixel_size[1] / min(pixel_size)
    scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return _bytes_of(image)


def map_png(saliency: Float[np.ndarray, "height width"]) -> bytes:
    """A map in [0, 1] as a 16-bit grey PNG on its own grid: 65535 is 1."""
    values = (np.clip(saliency, 0, 1) * 65535).round().astype(np.uint16)
    return _bytes_of(Image.fromarray(values))


def _bytes_of(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return stream.getvalue()
