"""The slices that matter on one dark sheet: the scan above, the map over the same slices below, at one scale.

In: a volume along the patient's axes, a plane and slices. Out: a picture that explains itself: orientation letters at
the sides, positions in mm, a bar of the map's colours, hatching where the network saw nothing.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from medtl.axes import EDGES, NORMAL, TOWARDS, Plane
from medtl.explanation.overlay import TRANSPARENT_BELOW, overlay_picture, scan_picture
from medtl.explanation.patient_planes import (
    PatientVolume,
    is_oblique,
    pixel_mm,
    position_mm,
    slice_picture,
    spoken_mm,
    tilt_degrees,
)

SHEET_PX = 1824
"""Twice the width of the page's column, so that it is sharp on paper and on fine screens."""

WIDEST_TILE_PX, HIGHEST_TILE_PX = 440, 440
GAP_PX, MARGIN_PX, BAR_PX = 8, 12, 64
FOOT_PX, NOTE_PX = 46, 38
TEXT_PX, SIDE_LABEL_PX, DIGIT_PX = 25, 24, 21
"""At half size, as on the page, 12 px and less."""

LONGEST_LABEL = "S 888.8 mm"
HATCH_STEP_PX, HATCH_GREY, HATCH_OPACITY = 10, 150, 0.6
GROUND, WORDS, FRAME = (0, 0, 0), (201, 209, 217), (87, 96, 106)

AIR = 0.05
"""Brightness up to which the outer parts of all shown slices are left out; inside, nothing is."""

LARGEST_BYTES = 450_000
"""Of the PNG; with the viewer's pictures a case stays below 2 MB in a page."""

SHRINKING = 0.97
"""A little more than needed, so that the next try of a sheet with too many bytes fits."""

Box = tuple[slice, slice]
"""Rows and columns of a slice's picture."""


def montage_png(volume: PatientVolume, plane: Plane, slices: Sequence[int]) -> bytes:
    """The sheet as PNG, smaller where it would have more than `LARGEST_BYTES`."""
    whole = Image.fromarray(montage(volume, plane, slices))
    sheet, share = whole, 1.0
    while True:
        stream = io.BytesIO()
        sheet.save(stream, format="PNG")
        if stream.tell() <= LARGEST_BYTES:
            return stream.getvalue()
        share *= SHRINKING * (LARGEST_BYTES / stream.tell()) ** 0.5
        sheet = whole.resize((round(whole.width * share), round(whole.height * share)), Image.Resampling.LANCZOS)


def montage(volume: PatientVolume, plane: Plane, slices: Sequence[int]) -> UInt8[np.ndarray, "height width 3"]:
    """The sheet; slices follow each other from left to right as given."""
    box = without_air(volume, plane, slices)
    width, height = tile_size(volume, plane, box, count=len(slices))
    notes, font = _notes(volume, plane), ImageFont.load_default(TEXT_PX)
    step = max(width, int(font.getlength(LONGEST_LABEL))) + GAP_PX
    widest_note = int(max((font.getlength(note) for note in notes), default=0))
    across = 2 * MARGIN_PX + max(len(slices) * step - GAP_PX + BAR_PX, widest_note)
    below = MARGIN_PX + height + GAP_PX
    sheet = Image.new("RGB", (across, below + height + FOOT_PX + NOTE_PX * len(notes) + MARGIN_PX), GROUND)
    brush = ImageDraw.Draw(sheet)
    for number, index in enumerate(slices):
        left = MARGIN_PX + number * step + (step - GAP_PX - width) // 2
        tiles = _tiles(volume, plane, index, box=box, size=(width, height))
        for tile, top in zip(tiles, (MARGIN_PX, below), strict=True):
            sheet.paste(tile, (left, top))
            _side_labels(brush, plane, left=left, top=top, size=(width, height))
        words = f"{spoken_mm(plane, position_mm(volume.affine, plane, index))} mm"
        brush.text((left + width / 2, below + height + 10), words, font=font, fill=WORDS, anchor="ma")
    for row, note in enumerate(notes):
        brush.text((MARGIN_PX, below + height + FOOT_PX + NOTE_PX * row + 6), note, font=font, fill=WORDS)
    _bar(sheet, brush, left=MARGIN_PX + len(slices) * step, top=below, height=height)
    return np.asarray(sheet)


def without_air(volume: PatientVolume, plane: Plane, slices: Sequence[int]) -> Box:
    """The part of the slices' pictures that holds everything brighter than air and everything coloured."""
    pairs = [[slice_picture(values, plane, index) for index in slices] for values in (volume.scan, volume.saliency)]
    shown = np.max(pairs[0], axis=0) > AIR
    shown = shown | (np.max(pairs[1], axis=0) >= TRANSPARENT_BELOW)
    if not shown.any():
        return slice(0, shown.shape[0]), slice(0, shown.shape[1])
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def tile_size(volume: PatientVolume, plane: Plane, box: Box, *, count: int) -> tuple[int, int]:
    """Width and height in pixels of each slice on a sheet of `count`: true to the mm, as large as fits."""
    row_mm, column_mm = pixel_mm(volume.affine, plane)
    height_mm, width_mm = (box[0].stop - box[0].start) * row_mm, (box[1].stop - box[1].start) * column_mm
    room = (SHEET_PX - 2 * MARGIN_PX - BAR_PX - (count - 1) * GAP_PX) // count
    px_per_mm = min(min(room, WIDEST_TILE_PX) / width_mm, HIGHEST_TILE_PX / height_mm)
    return max(1, round(width_mm * px_per_mm)), max(1, round(height_mm * px_per_mm))


def hatched(
    picture: UInt8[np.ndarray, "height width 3"], hidden: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with fine slanting lines where `hidden`."""
    row, column = np.ogrid[: hidden.shape[0], : hidden.shape[1]]
    line = hidden & ((row + column) % HATCH_STEP_PX < 2)
    lined = picture.astype(np.float64)
    lined[line] = lined[line] * (1 - HATCH_OPACITY) + HATCH_GREY * HATCH_OPACITY
    return lined.round().astype(np.uint8)


def _notes(volume: PatientVolume, plane: Plane) -> list[str]:
    notes = []
    if is_oblique(volume.affine, plane):
        towards = TOWARDS[NORMAL[plane]]
        angle = tilt_degrees(volume.affine, plane)
        notes.append(f"Oblique scan: positions are along the slice axis, {angle:.1f}° from {towards}.")
    if not volume.seen.all():
        notes.append("Hatched: the network did not see this part.")
    return notes


def _tiles(
    volume: PatientVolume, plane: Plane, index: int, *, box: Box, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """The scan and the map over it, brought to the sheet's size before colouring, so that edges stay sharp."""
    scan, saliency, seen = (slice_picture(v, plane, index)[box] for v in (volume.scan, volume.saliency, volume.seen))
    shown = _resized(scan, size)[None]
    over = overlay_picture(shown, _resized(saliency, size))
    if not seen.all():
        hidden = np.asarray(Image.fromarray(np.ascontiguousarray(~seen)).resize(size, Image.Resampling.NEAREST))
        over = hatched(over, hidden)
    return Image.fromarray(scan_picture(shown)), Image.fromarray(over)


def _resized(values: Float[np.ndarray, "row column"], size: tuple[int, int]) -> Float[np.ndarray, "height width"]:
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.clip(np.asarray(image.resize(size, Image.Resampling.BILINEAR)), 0, 1)


def _side_labels(brush: ImageDraw.ImageDraw, plane: Plane, *, left: int, top: int, size: tuple[int, int]) -> None:
    font, middle = ImageFont.load_default(SIDE_LABEL_PX), top + size[1] / 2
    first, last = EDGES[plane]
    for label, x, anchor in ((first, left + 7, "lm"), (last, left + size[0] - 7, "rm")):
        brush.text((x, middle), label, font=font, fill="white", anchor=anchor, stroke_width=2, stroke_fill="black")


def _bar(sheet: Image.Image, brush: ImageDraw.ImageDraw, *, left: int, top: int, height: int) -> None:
    """The map's colours from 0 at the foot to 1 at the head, black where the map is transparent."""
    font, level = ImageFont.load_default(DIGIT_PX), np.linspace(1, 0, height)
    colours = matplotlib.colormaps["inferno"](level)[:, None, :3] * 255
    colours[level < TRANSPARENT_BELOW] = 0
    sheet.paste(Image.fromarray(np.repeat(colours.round().astype(np.uint8), 14, axis=1)), (left + 6, top))
    brush.rectangle((left + 5, top - 1, left + 20, top + height), outline=FRAME)
    for value, anchor in ((1.0, "lt"), (TRANSPARENT_BELOW, "lm"), (0.0, "lb")):
        y = top + (1 - value) * (height - 1)
        brush.text((left + 26, y), f"{value:g}", font=font, fill=WORDS, anchor=anchor)
