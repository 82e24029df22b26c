"""PNG, JPEG, TIFF and BMP by Pillow, with every silent conversion written down.

The format's own class is opened, so that the size is known and judged before a pixel is decoded. Of a JPEG with
further pictures behind it (MPO: a preview, a depth or gain map, as telephones write them) the first is the photograph.
Of a TIFF, pages with the tag of a reduced copy of another are left aside.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib

import numpy as np
from PIL import BmpImagePlugin, ImageFile, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL import Image as PillowImage

from medtl.imaging.formats.format import Choice, Content, FilePair
from medtl.imaging.formats.geometry import NO_ORIENTATION
from medtl.imaging.formats.nan_background import with_background
from medtl.imaging.formats.picture_tags import aspect_of, bits_per_sample, stores_white_as_zero
from medtl.imaging.formats.tiff_tags import as_stored_numbers, pages_of, refuse_planes
from medtl.imaging.scan import MAX_VOXELS, Scan, UnreadableScan, refuse_too_large, undecodable

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

warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())
"""What Pillow says of damaged tags is not for the terminal: what matters in them is refused by its reason."""

PNG, JPEG, BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00")
"""The usual TIFF in both byte orders, and BigTIFF in the one that is written; Pillow reads no other."""

BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
"""Lengths of the second header, one for each version; the magic alone could begin a text."""

GREY_8, GREY_WIDE = ("1", "L"), ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
FULL_SCALE = {8: 255.0, 16: 65535.0}
EXIF_ORIENTATION = 0x0112
UNKNOWN_NUMBERS = "unknown pixel mode"
"""What Pillow says of number types that it does not have."""

UPRIGHT = 1
NO_ALPHA = "transparency that hides every pixel left aside"


def begins_png(start: bytes) -> bool:
    """Whether these are the first bytes of a PNG."""
    return start.startswith(PNG)


def begins_jpeg(start: bytes) -> bool:
    """Whether these are the first bytes of a JPEG."""
    return start.startswith(JPEG)


def begins_tiff(start: bytes) -> bool:
    """Whether these are the first bytes of a TIFF or BigTIFF."""
    return start.startswith(TIFF)


def begins_bmp(start: bytes) -> bool:
    """Whether these are the first bytes of a BMP: its magic, and a length of its second header that exists."""
    return start.startswith(BMP) and int.from_bytes(start[14:18], "little") in BMP_HEADERS


def decode_picture(content: Content, choice: Choice) -> Scan:
    """The scan in a picture of one frame, upright as its EXIF orientation says; a TIFF's pages as a volume if wanted.

    Alpha is laid on black, except where it hides everything; palette and CMYK become RGB; each such step is a note.
    Dots per inch are not a spacing.

    Raises:
        UnreadableScan: too_large, several_pages, truncated, undecodable or unsupported_format.
    """
    assert not isinstance(content, FilePair)
    name = _name(content)
    try:
        image = _opened(content, name=name)
        refuse_too_large(image.height, image.width)
        pages = pages_of(image)
        if len(pages) > 1 and choice.page_mm is not None and name == "TIFF":
            return _pages_as_volume(image, pages, choice.page_mm)
        _refuse_pages(len(pages), is_tiff=name == "TIFF")
        image.seek(pages[0])
        depth = bits_per_sample(image, content, name=name)
        refuse_planes(image, depth)
        white_is_zero = stores_white_as_zero(image)
        oriented = image.getexif().get(EXIF_ORIENTATION, UPRIGHT) != UPRIGHT
        image.load()
        upright = ImageOps.exif_transpose(image)
        pixels, full_scale, notes = _as_grey_or_rgb(upright)
        pixels, full_scale = as_stored_numbers(image, pixels, full_scale)
    except SyntaxError as error:
        if str(error) != UNKNOWN_NUMBERS:
            raise undecodable(name, error) from error
        raise UnreadableScan(
            f"The {name} has pixels of a kind that Pillow does not read (64-bit or 16-bit real numbers, 64-bit whole "
            "ones, real colours). Save it with grey values of 8, 16 or 32 bits.",
            reason="unsupported_format",
        ) from error
    except PILLOW_FAULTS as error:
        raise undecodable(name, error) from error
    if oriented:
        notes = ("turned upright as the EXIF orientation says", *notes)
    if depth == 16 and pixels.shape[2] == 3:
        notes = (*notes, "16-bit colour reduced to 8 bits per channel by Pillow")
    if white_is_zero and full_scale == FULL_SCALE[16]:
        pixels, notes = FULL_SCALE[16] - pixels, (*notes, "inverted once: stored with 0 as white")
    values, more = with_background(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32))
    return Scan(
        pixels=values,
        spacing_mm=None,
        reader=f"Pillow {name}",
        notes=(*notes, *more),
        full_scale=full_scale,
        pixel_aspect=1.0 if oriented else aspect_of(image),
    )


def _name(data: bytes) -> str:
    magics = {"PNG": PNG, "JPEG": JPEG, "BMP": BMP}
    return next((name for name, magic in magics.items() if data.startswith(magic)), "TIFF")


def _opened(data: bytes, *, name: str) -> ImageFile.ImageFile:
    stream = io.BytesIO(data)
    if name == "PNG":
        return PngImagePlugin.PngImageFile(stream)
    if name == "JPEG":
        return JpegImagePlugin.JpegImageFile(stream)
    if name == "BMP":
        return BmpImagePlugin.BmpImageFile(stream)
    return TiffImagePlugin.TiffImageFile(stream)


def _refuse_pages(count: int, *, is_tiff: bool) -> None:
    if count == 1:
        return
    advice = (
        "Take it in as one volume with medtl intake --pages-mm and its voxel size (mm between rows x columns x pages, "
        "as 0.5x0.5x2), or "
        if is_tiff
        else ""
    )
    what = "pages" if is_tiff else "frames (an animation)"
    start = f"{advice}save the one that is meant as its own file."
    raise UnreadableScan(
        f"The file holds {count} {what}; a case is one picture or one volume. {start[0].upper()}{start[1:]}",
        reason="several_pages",
        pages=count,
    )


def _pages_as_volume(image: ImageFile.ImageFile, pages: list[int], page_mm: tuple[float, float, float]) -> Scan:
    """The pages in their order as slices from feet to head, each as it is displayed with the left on its right.

    Columns run against the first axis (right), rows against the second (anterior), so that a page looks as it did.
    """
    refuse_too_large(image.height, image.width, len(pages), at_most=MAX_VOXELS)
    slices, scales = list[np.ndarray](), set[float | None]()
    for page in pages:
        image.seek(page)
        white_is_zero = stores_white_as_zero(image)
        pixels, full_scale, _ = _as_grey_or_rgb(ImageOps.exif_transpose(image))
        if pixels.shape[2] != 1 or (slices and pixels.shape != slices[0].shape):
            raise UnreadableScan(
                f"Page {page + 1} of the TIFF is not a grey picture of the same size as the first; all pages of a "
                "volume are. Save the slices alone.",
                reason="several_pages",
            )
        if white_is_zero and full_scale == FULL_SCALE[16]:
            pixels = FULL_SCALE[16] - pixels
        pixels, full_scale = as_stored_numbers(image, pixels, full_scale)
        slices.append(np.asarray(pixels, dtype=np.float32))
        scales.add(full_scale)
    row_mm, column_mm, between_mm = page_mm
    stack = np.stack([one[::-1, ::-1, 0].T for one in slices], axis=-1)
    values, notes = with_background(np.ascontiguousarray(stack[None]))
    sizes = (column_mm, row_mm, between_mm)
    return Scan(
        pixels=values,
        spacing_mm=sizes,
        reader="Pillow TIFF",
        notes=(NO_ORIENTATION, f"{len(pages)} pages of a TIFF as one volume, with the voxel size asked for", *notes),
        full_scale=scales.pop() if len(scales) == 1 else None,
        affine=np.diag([*sizes, 1.0]),
    )


def _as_grey_or_rgb(image: PillowImage.Image) -> tuple[np.ndarray, float | None, tuple[str, ...]]:
    """Pixels (height, width, channel), the value of full brightness, and what was done."""
    notes: tuple[str, ...] = ()
    if image.mode == "P":
        opaque = "transparency" not in image.info
        image, notes = image.convert("RGB" if opaque else "RGBA"), ("palette turned into RGB",)
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("LA" if image.mode in ("1", "L") else "RGBA")
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        image, note = _without_alpha(image)
        notes = (*notes, note)
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
        return np.asarray(image)[..., None], full_scale, notes
    raise UnreadableScan(
        f"The picture's pixel type is {image.mode!r}; grey, RGB, RGBA, palette and CMYK are read. Convert it to PNG.",
        reason="unsupported_format",
    )


def _without_alpha(image: PillowImage.Image) -> tuple[PillowImage.Image, str]:
    """The picture on black; when its alpha is 0 everywhere, a mistake of some writer, the picture below it."""
    plain = "L" if image.mode in ("LA", "La") else "RGB"
    if image.mode in ("LA", "RGBA") and image.getextrema()[-1] == (0, 0):
        bands = image.split()[:-1]
        return PillowImage.merge(plain, bands) if len(bands) > 1 else bands[0], NO_ALPHA
    with_alpha = image.convert("RGBA")
    black = PillowImage.new("RGBA", with_alpha.size, (0, 0, 0, 255))
    return PillowImage.alpha_composite(black, with_alpha).convert(plain), "transparency laid on black"
