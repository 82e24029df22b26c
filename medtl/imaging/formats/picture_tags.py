"""Tags of a picture that Pillow does not apply by itself: depth, polarity and shape of pixels."""

from __future__ import annotations

from PIL import Image as PillowImage
from PIL import TiffImagePlugin

from medtl.imaging.scan import LONGEST_SHAPE

TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


def aspect_of(image: PillowImage.Image) -> float:
    """Height of a pixel over its width, which a PNG may hold as pixels per unit along both sides (pHYs, unit 0)."""
    across, down = image.info.get("aspect", (1, 1)) if image.format == "PNG" else (1, 1)
    aspect = across / down if across and down else 1.0
    return aspect if 1 / LONGEST_SHAPE <= aspect <= LONGEST_SHAPE else 1.0


def bits_per_sample(image: PillowImage.Image, data: bytes, *, name: str) -> int:
    """Bits of one value of one channel in the file."""
    if name == "PNG":
        return data[24]  # IHDR: length, type, width, height (4 bytes each after the signature), then the depth
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2.get(TIFF_BITS, (8,))[0])
    return 8


def stores_white_as_zero(image: PillowImage.Image) -> bool:
    """True for a 16-bit TIFF with 0 as white: Pillow turns 1 and 8 bits itself, but not 16."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.mode.startswith("I;16"):
        return False
    return image.tag_v2.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO
