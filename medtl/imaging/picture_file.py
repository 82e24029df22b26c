"""PNG, JPEG and TIFF by Pillow, with every silent conversion written down.

The format's own class is opened, so that the size is known and judged before a pixel is decoded.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from medtl.imaging.scan import Scan, UnreadableScan, refuse_several, refuse_too_large, undecodable

PILLOW_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged files; `Image.DecompressionBombError` cannot occur on this way."""

GREY_8, GREY_WIDE = ("1", "L"), ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
FULL_SCALE = {8: 255.0, 16: 65535.0}
EXIF_ORIENTATION, TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 0x0112, 258, 262, 0
UPRIGHT = 1


def decode_picture(data: bytes) -> Scan:
    """The scan in a PNG, JPEG or TIFF of one frame, upright as its EXIF orientation says.

    Alpha is laid on black; palette and CMYK become RGB; each such step is a note. Dots per inch are not a spacing.

    Raises:
        UnreadableScan: too_large, several_frames, truncated, undecodable or unsupported_format.
    """
    name = "PNG" if data[:1] == b"\x89" else "JPEG" if data[:1] == b"\xff" else "TIFF"
    try:
        image = _opened(data, name=name)
        refuse_too_large(image.height, image.width)
        refuse_several(getattr(image, "n_frames", 1))
        depth = _bits_per_sample(image, data, name=name)
        white_is_zero = _stores_white_as_zero(image)
        oriented = image.getexif().get(EXIF_ORIENTATION, UPRIGHT) != UPRIGHT
        image.load()
        upright = ImageOps.exif_transpose(image)
    except PILLOW_FAULTS as error:
        raise undecodable(name, error) from error
    pixels, full_scale, notes = _as_grey_or_rgb(upright)
    if oriented:
        notes = ("turned upright as the EXIF orientation says", *notes)
    if depth == 16 and pixels.shape[2] == 3:
        notes = (*notes, "16-bit colour reduced to 8 bits per channel by Pillow")
    if white_is_zero and full_scale == FULL_SCALE[16]:
        pixels, notes = FULL_SCALE[16] - pixels, (*notes, "inverted once: stored with 0 as white")
    return Scan(
        pixels=np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32),
        spacing_mm=None,
        reader=f"Pillow {name}",
        notes=notes,
        full_scale=full_scale,
    )


def _opened(data: bytes, *, name: str) -> ImageFile.ImageFile:
    stream = io.BytesIO(data)
    if name == "PNG":
        return PngImagePlugin.PngImageFile(stream)
    if name == "JPEG":
        return JpegImagePlugin.jpeg_factory(stream)
    return TiffImagePlugin.TiffImageFile(stream)


def _bits_per_sample(image: PillowImage.Image, data: bytes, *, name: str) -> int:
    if name == "PNG":
        return data[24]  # IHDR: length, type, width, height (4 bytes each after the signature), then the depth
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2.get(TIFF_BITS, (8,))[0])
    return 8


def _stores_white_as_zero(image: PillowImage.Image) -> bool:
    """True for a 16-bit TIFF with 0 as white: Pillow turns 1 and 8 bits itself, but not 16."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.mode.startswith("I;16"):
        return False
    return image.tag_v2.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO


def _as_grey_or_rgb(image: PillowImage.Image) -> tuple[np.ndarray, float | None, tuple[str, ...]]:
    """Pixels (height, width, channel), the value of full brightness, and what was done."""
    notes: tuple[str, ...] = ()
    if image.mode == "P":
        opaque = "transparency" not in image.info
        image, notes = image.convert("RGB" if opaque else "RGBA"), ("palette turned into RGB",)
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("LA" if image.mode in ("1", "L") else "RGBA")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        image, notes = _on_black(image), (*notes, "transparency laid on black")
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        notes = (*notes, f"{image.mode} turned into RGB without a colour profile")
        image = image.convert("RGB")
    if image.mode == "1":
        image, notes = image.convert("L"), (*notes, "1-bit image read as 0 and 255")
    if image.mode == "RGB":
        return np.asarray(image), FULL_SCALE[8], notes
    if image.mode in GREY_8:
        return np.asarray(image)[..., None], FULL_SCALE[8], notes
    if image.mode in GREY_WIDE:
        full_scale = FULL_SCALE[16] if image.mode.startswith("I;16") else None
        return np.asarray(image).astype(np.float32)[..., None], full_scale, notes
    raise UnreadableScan(
        f"The picture's pixel type is {image.mode!r}; grey, RGB, RGBA, palette and CMYK are read. Convert it to PNG.",
        reason="unsupported_format",
    )


def _on_black(image: PillowImage.Image) -> PillowImage.Image:
    plain = "L" if image.mode in ("LA", "La") else "RGB"
    with_alpha = image.convert("RGBA")
    black = PillowImage.new("RGBA", with_alpha.size, (0, 0, 0, 255))
    return PillowImage.alpha_composite(black, with_alpha).convert(plain)
