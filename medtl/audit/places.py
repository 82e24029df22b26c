"""Where something lies near the border of a picture: a grid, its outer cells, and a place's name in words.

In: boxes of marks, or cell means. Out: a number per picture and place, boxes as top, left, bottom, right in shares of
the picture, and words such as `at the upper left (10 % from the top, 6 % from the left)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Box = tuple[float, float, float, float]

MARK_CELLS, MARK_WIDTH = 8, 2
"""Marks are placed on 8 x 8 cells, of which the outer two from each side count."""

GREY_CELLS, GREY_WIDTH = 16, 2
"""Brightness on 16 x 16 cells: the outer eighth, as the control that sees the border alone."""

STORED_CELLS = 32


class MarkPlaces:
    """The outer cells for marks."""

    @staticmethod
    def of(marks: Sequence[Sequence[Box]]) -> Float[np.ndarray, "case place"]:
        """1 in each outer cell that holds the middle of one of the picture's marks."""
        seen = np.zeros((len(marks), MARK_CELLS, MARK_CELLS))
        for row, boxes in enumerate(marks):
            for top, left, bottom, right in boxes:
                down, across = (min(MARK_CELLS - 1, int(MARK_CELLS * (a + b) / 2))
                                for a, b in ((top, bottom), (left, right)))  # fmt: skip
                seen[row, down, across] = 1.0
        return seen[:, _outer(MARK_CELLS, MARK_WIDTH)]

    @staticmethod
    def box(place: int) -> Box:
        """The cell of a place."""
        return _cell(place, MARK_CELLS, MARK_WIDTH)


class GreyPlaces:
    """The outer cells for brightness."""

    @staticmethod
    def of(greys: Sequence[str]) -> Float[np.ndarray, "case place"]:
        """Means of the outer cells, in standard deviations of the picture's cells from its mean."""
        cells = standardised(greys)
        pairs = STORED_CELLS // GREY_CELLS
        coarse = cells.reshape(len(cells), GREY_CELLS, pairs, GREY_CELLS, pairs).mean(axis=(2, 4))
        return coarse[:, _outer(GREY_CELLS, GREY_WIDTH)]

    @staticmethod
    def box(place: int) -> Box:
        """The cell of a place."""
        return _cell(place, GREY_CELLS, GREY_WIDTH)


def standardised(greys: Sequence[str]) -> Float[np.ndarray, "case row column"]:
    """32 x 32 cells of mean 0 and standard deviation 1 from their hexadecimal bytes."""
    packed = np.frombuffer(bytes.fromhex("".join(greys)), dtype=np.uint8)
    cells = packed.reshape(len(greys), STORED_CELLS, STORED_CELLS).astype(np.float64)
    cells -= cells.mean(axis=(1, 2), keepdims=True)
    return cells / np.maximum(cells.std(axis=(1, 2), keepdims=True), 1e-9)


def place_name(box: Box) -> str:
    """Where in the picture, in words; left and right are those of the picture as it is shown."""
    down, across = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    row = "upper" if down < 1 / 4 else "lower" if down > 3 / 4 else ""
    column = "left" if across < 1 / 4 else "right" if across > 3 / 4 else ""
    side = {"upper": "top", "lower": "bottom"}.get(row, row)
    name = f"{row} {column}" if row and column else (side or column or "middle")
    return f"at the {name} ({100 * down:.0f} % from the top, {100 * across:.0f} % from the left)"


def _outer(cells: int, width: int) -> np.ndarray:
    outer = np.ones((cells, cells), dtype=bool)
    outer[width:-width, width:-width] = False
    return outer


def _cell(place: int, cells: int, width: int) -> Box:
    row, column = np.argwhere(_outer(cells, width))[place]
    return (float(row / cells), float(column / cells), float((row + 1) / cells), float((column + 1) / cells))
