"""Tags of a TIFF that Pillow does not apply: pages, planes and signs.

Tag numbers and their values: TIFF 6.0 (Adobe, 1992).
"""

from __future__ import annotations

import re

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageFile, TiffImagePlugin

from medtl.imaging.formats.picture_tags import TIFF_BITS
from medtl.imaging.scan import UnreadableScan

TIFF_SUBFILE = 254
TIFF_DESCRIPTION = 270
HIDDEN_PAGES = re.compile(r"\AImageJ=.*?^images=(\d+)\b", re.MULTILINE | re.DOTALL)
TIFF_SAMPLES, TIFF_PLANES, SEPARATE = 277, 284, 2
TIFF_SIGN, UNSIGNED, SIGNED = 339, 1, 2
REDUCED_COPY = 1
MOST_PAGES = 5_000


def pages_of(image: ImageFile.ImageFile) -> list[int]:
    """The frames that are pictures of their own; looking no further than one too many."""
    count = int(getattr(image, "n_frames", 1))
    if count == 1 and isinstance(image, TiffImagePlugin.TiffImageFile):
        _refuse_hidden(str(image.tag_v2.get(TIFF_DESCRIPTION, "")))
    if count == 1 or not isinstance(image, TiffImagePlugin.TiffImageFile) or count > MOST_PAGES:
        return list(range(count))
    pages = []
    for number in range(count):
        image.seek(number)
        if not int(image.tag_v2.get(TIFF_SUBFILE, 0)) & REDUCED_COPY:
            pages.append(number)
    return pages or [0]


def _refuse_hidden(description: str) -> None:
    """ImageJ and tifffile may write one page and further ones behind it that only a text tag mentions."""
    hidden = HIDDEN_PAGES.search(description)
    if hidden and int(hidden[1]) > 1:
        raise UnreadableScan(
            f"The TIFF holds {hidden[1]} images behind a single page, as ImageJ writes large stacks; only the first "
            "would be read. Save it again with a page for each image.",
            reason="several_pages",
        )


def refuse_planes(image: PillowImage.Image, depth: int) -> None:
    """Refuse colours of 16 bits that are stored plane by plane: Pillow 13 reads them as noise, without an error.

    Raises:
        UnreadableScan: `unsupported_format`.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or image.tag_v2.get(TIFF_SAMPLES, 1) == 1:
        return
    if image.tag_v2.get(TIFF_PLANES, 1) == SEPARATE and depth != 8:
        raise UnreadableScan(
            f"The TIFF has colours of {depth} bits stored plane by plane, which Pillow reads wrongly. Save it with "
            "8 bits, or with the colours of a pixel together.",
            reason="unsupported_format",
        )


def as_stored_numbers(
    image: PillowImage.Image, pixels: np.ndarray, full_scale: float | None
) -> tuple[np.ndarray, float | None]:
    """Grey values of a TIFF with the sign that it stores, where Pillow takes another: 8 bits signed, 32 unsigned."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or pixels.shape[2] != 1:
        return pixels, full_scale
    bits = int(image.tag_v2.get(TIFF_BITS, (1,))[0])
    sign = int(image.tag_v2.get(TIFF_SIGN, (UNSIGNED,))[0])
    if (bits, sign) == (8, SIGNED):
        return pixels.astype(np.uint8).view(np.int8), None
    if (bits, sign) == (32, UNSIGNED):
        return pixels.astype(np.int64) % 2**32, None
    return pixels, full_scale
