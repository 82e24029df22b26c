"""What is not anatomy near the border of a picture: frames, burned-in marks such as letters, and grey levels.

In: a picture as read. Out: a frozen `Border`, all in shares of the picture's sides. Nothing is read as text: a mark is
a small bright shape with thin strokes near the border, which may also be an electrode, a clip or the end of a rib.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64
from PIL import Image
from pydantic import BaseModel, ConfigDict

from medtl.imaging.scan import Scan
from medtl.imaging.sliding import grey_opening, sliding_maximum

LONGEST_SIDE_PX = 512
"""Marks are sought in a picture no larger; a letter of 1 % of the height is then 5 pixels high."""

SHORTEST_SIDE_PX = 64
"""In a smaller picture a letter looks like anatomy, so that no marks are sought."""

GREY_CELLS = 32
BLACK_AND_WHITE = (0.1, 99.9)
"""Percentiles of the picture between which brightness is counted from 0 to 1."""

FRAME_TOLERANCE = 0.04
"""A row or column belongs to a frame when 98 % of it is so near to the picture's black or white; JPEG blurs edges."""

FRAME_SHARE = 98
WIDEST_FRAME = 0.25
ZONE = 0.25
"""Marks are sought in the outer quarter from each side."""

THICKEST_STROKE = 0.035
"""Of the shorter side: what is wider is no stroke, and the opening of the picture keeps it."""

STROKE_CONTRAST = 0.25
"""How much brighter a stroke is than what surrounds it."""

LEAST_BRIGHTNESS = 0.6
"""Of the brightest pixel in a mark."""

SHARPEST_EDGE = 0.35
"""Least change over two pixels at a mark's sharpest edges; bones fade, letters and metal do not."""

GAP = 0.012
"""Strokes that lie nearer than this share of the shorter side are one mark: the letters of a word."""

SMALLEST_BOX = 0.02
"""Longer side of a mark's box."""

LARGEST_BOX = (0.15, 0.6)
"""Height and width: a line of letters; rows of ribs are higher."""

MOST_MARKS = 16

Grey = Float32[np.ndarray, "row column"]
Box = tuple[float, float, float, float]
Sides = tuple[float, float, float, float]


class Border(BaseModel):
    """A picture's border: `grey` is 32 x 32 cell means as bytes, hexadecimal, the darkest 0 and the brightest 255.

    `marks` are boxes as top, left, bottom, right. `black_frame` and `white_frame` are widths at the top, right, bottom
    and left. All are shares of the picture's own height or width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grey: str
    marks: tuple[Box, ...]
    black_frame: Sides
    white_frame: Sides


def border_of(scan: Scan) -> Border | None:
    """Find the frames and marks at the border of a picture; None for a volume and for a picture that is almost flat."""
    if scan.affine is not None:
        return None
    grey = np.ascontiguousarray(scan.pixels.mean(axis=0), dtype=np.float32)
    black, white = (float(value) for value in np.percentile(grey, BLACK_AND_WHITE))
    if not black < white:
        return None
    small = np.clip((_at_most(grey, LONGEST_SIDE_PX) - black) / (white - black), 0, 1)
    return Border(
        grey=_cells(small).tobytes().hex(),
        marks=_marks(small) if min(small.shape) >= SHORTEST_SIDE_PX else (),
        black_frame=_frame(grey <= black + FRAME_TOLERANCE * (white - black)),
        white_frame=_frame(grey >= white - FRAME_TOLERANCE * (white - black)),
    )


def _at_most(grey: Grey, longest_px: int) -> Grey:
    scale = longest_px / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))


def _cells(small: Grey) -> np.ndarray:
    means = np.asarray(Image.fromarray(small).resize((GREY_CELLS, GREY_CELLS), Image.Resampling.BOX), dtype=np.float64)
    return np.rint((means - means.min()) / max(float(np.ptp(means)), 1e-6) * 255).astype(np.uint8)


def _frame(is_extreme: Bool[np.ndarray, "row column"]) -> Sides:
    """Widths at the top, right, bottom and left, up to `WIDEST_FRAME` of the side."""
    rows, columns = is_extreme.mean(axis=1), is_extreme.mean(axis=0)
    return (_run(rows), _run(columns[::-1]), _run(rows[::-1]), _run(columns))


def _run(shares: Float64[np.ndarray, " line"]) -> float:
    most = max(1, round(WIDEST_FRAME * len(shares)))
    outside = np.flatnonzero(shares[:most] < FRAME_SHARE / 100)
    return float(outside[0] if len(outside) else most) / len(shares)


def _marks(small: Grey) -> tuple[Box, ...]:
    """Boxes of the small bright shapes near the border, the largest first."""
    from scipy import ndimage

    height, width = small.shape
    shorter = min(small.shape)
    thick, gap = max(3, round(THICKEST_STROKE * shorter)), max(1, round(GAP * shorter))
    strokes = small - grey_opening(small, thick) > STROKE_CONTRAST
    rows, columns = round(ZONE * height), round(ZONE * width)
    strokes[rows : height - rows, columns : width - columns] = False
    joined = sliding_maximum(strokes.astype(np.float32), 2 * gap + 1)
    labels, count = ndimage.label(joined)
    labels[~strokes] = 0
    steep = _steepness(small)
    found = []
    for number, where in enumerate(ndimage.find_objects(labels, count), start=1):
        if where is None:
            continue
        down, across = where
        box = (
            round(down.start / height, 4), round(across.start / width, 4),
            round(down.stop / height, 4), round(across.stop / width, 4),
        )  # fmt: skip
        high, wide = box[2] - box[0], box[3] - box[1]
        if max(high, wide) < SMALLEST_BOX or high > LARGEST_BOX[0] or wide > LARGEST_BOX[1]:
            continue
        own = labels[where] == number
        if small[where][own].max() >= LEAST_BRIGHTNESS and steep[where][own].max() >= SHARPEST_EDGE:
            found.append((high * wide, box))
    found.sort(key=lambda one: (-one[0], one[1]))
    return tuple(box for _, box in found[:MOST_MARKS])


def _steepness(small: Grey) -> Grey:
    """The larger change, over two pixels, along rows or columns."""
    down, across = np.zeros_like(small), np.zeros_like(small)
    down[1:-1] = np.abs(small[2:] - small[:-2])
    across[:, 1:-1] = np.abs(small[:, 2:] - small[:, :-2])
    return np.maximum(down, across)
