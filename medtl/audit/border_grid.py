"""The border of a picture as the outer cells of a grid, and the position of a cell in words.

In: boxes of burned-in marks, or cell means. Out: a number per picture and cell, boxes as top, left, bottom, right in
shares of the picture, and words such as `at the upper left (10 % from the top, 6 % from the left)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Box = tuple[float, float, float, float]

MARKER_CELLS, MARKER_WIDTH = 8, 2
"""Marks are assigned to 8 x 8 cells, of which the outer two from each side count."""

GREY_CELLS, GREY_WIDTH = 16, 2
"""Brightness on 16 x 16 cells: the outer eighth, as the control that sees the border alone."""

STORED_CELLS = 32


class MarkerGrid:
    """The outer cells of the grid for burned-in marks."""

    @staticmethod
    def of(marks: Sequence[Sequence[Box]]) -> Float[np.ndarray, "case cell"]:
        """1 in each outer cell that holds the middle of one of the picture's marks."""
        seen = np.zeros((len(marks), MARKER_CELLS, MARKER_CELLS))
        for row, boxes in enumerate(marks):
            for top, left, bottom, right in boxes:
                down, across = (min(MARKER_CELLS - 1, int(MARKER_CELLS * (a + b) / 2))
                                for a, b in ((top, bottom), (left, right)))  # fmt: skip
                seen[row, down, across] = 1.0
        return seen[:, _outer(MARKER_CELLS, MARKER_WIDTH)]

    @staticmethod
    def box(cell: int) -> Box:
        """The box of the cell with this index."""
        return _cell(cell, MARKER_CELLS, MARKER_WIDTH)


class GreyGrid:
    """The outer cells of the grid for brightness."""

    @staticmethod
    def of(greys: Sequence[str]) -> Float[np.ndarray, "case cell"]:
        """Means of the outer cells, in standard deviations of the picture's cells from its mean."""
        cells = standardised(greys)
        pairs = STORED_CELLS // GREY_CELLS
        coarse = cells.reshape(len(cells), GREY_CELLS, pairs, GREY_CELLS, pairs).mean(axis=(2, 4))
        return coarse[:, _outer(GREY_CELLS, GREY_WIDTH)]

    @staticmethod
    def box(cell: int) -> Box:
        """The box of the cell with this index."""
        return _cell(cell, GREY_CELLS, GREY_WIDTH)


def standardised(greys: Sequence[str]) -> Float[np.ndarray, "case row column"]:
    """32 x 32 cells of mean 0 and standard deviation 1 from their hexadecimal bytes."""
    packed = np.frombuffer(bytes.fromhex("".join(greys)), dtype=np.uint8)
    cells = packed.reshape(len(greys), STORED_CELLS, STORED_CELLS).astype(np.float64)
    cells -= cells.mean(axis=(1, 2), keepdims=True)
    return cells / np.maximum(cells.std(axis=(1, 2), keepdims=True), 1e-9)


def position_in_words(box: Box) -> str:
    """The position of a box in the picture, in words; left and right are those of the picture as it is shown."""
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


def _cell(cell: int, cells: int, width: int) -> Box:
    row, column = np.argwhere(_outer(cells, width))[cell]
    return (float(row / cells), float(column / cells), float((row + 1) / cells), float((column + 1) / cells))
