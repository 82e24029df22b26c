"""Scans without their detail: mean grey of a few cells, of the whole scan or of its border.

In: prepared scans. Out: features that cannot show a disease of usual size, but a site's window, collimation or marker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from medtl.progress import track

THUMBNAIL_CELLS = 8
BORDER_CELLS = 16
BORDER_WIDTH = 2
"""Cells from each side: the outer eighth."""


@dataclass(frozen=True)
class GreyCells:
    """`thumbnail` (case, 8 x 8 (x 8) cells) and `border` (case, cell of the outer eighth), means in [0, 1]."""

    thumbnail: Float[np.ndarray, "case cell"]
    border: Float[np.ndarray, "case border_cell"]


def grey_cells(pixels: Callable[[str], np.ndarray], case_ids: Sequence[str]) -> GreyCells:
    """The cells of every case in order; each prepared scan (channel, …) is read once."""
    thumbnails, borders = [], []
    for case in track(case_ids, what="grey cells of the controls", total=len(case_ids)):
        scan = pixels(case).mean(axis=0)
        thumbnails.append(cell_means(scan, cells=THUMBNAIL_CELLS).ravel())
        fine = cell_means(scan, cells=BORDER_CELLS)
        borders.append(fine[_border(fine.shape)])
    return GreyCells(np.stack(thumbnails), np.stack(borders))


def cell_means(scan: Float[np.ndarray, "..."], *, cells: int) -> Float[np.ndarray, "..."]:
    """Means over at most `cells` blocks along every axis, whose sizes differ by at most one."""
    means = scan.astype(np.float64)
    for axis, size in enumerate(scan.shape):
        starts = np.linspace(0, size, min(cells, size), endpoint=False).astype(int)
        sizes = np.diff([*starts, size])
        shape = [-1 if other == axis else 1 for other in range(scan.ndim)]
        means = np.add.reduceat(means, starts, axis=axis) / sizes.reshape(shape)
    return means


def _border(shape: tuple[int, ...]) -> np.ndarray:
    outer = np.ones(shape, dtype=bool)
    if all(size > 2 * BORDER_WIDTH for size in shape):
        outer[tuple(slice(BORDER_WIDTH, size - BORDER_WIDTH) for size in shape)] = False
    return outer
