"""Copies that were moved: images whose small pictures are the same once one is shifted against the other.

In: 32 x 32 cell means per case. Out: for each close pair how far it is from equal: 1 minus the correlation, at the best
shift, of the waves of middle length in the window that both share. A shift by 3 % of the side changes a perceptual hash
as much as another patient does; here it changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float32

from medtl.audit.border_grid import STORED_CELLS, standardised

MOST_SHIFT = 2
"""Cells in each direction: 6 % of the side. The window leaves so many out on each side."""

WINDOW = STORED_CELLS - 2 * MOST_SHIFT
PARTS = (-1 / 3, 0.0, 1 / 3)
"""Parts of a cell around the best whole shift."""

BROADEST, FINEST = 3, 12
"""Half waves across the window that count, in at least one direction: fewer are what all images of a kind share, more
are changed by a shift of a part of a cell."""

COARSE_FINEST, COARSE_SHIFTS = 8, (-2, 0, 2)
"""All pairs are compared by these waves and shifts first."""

NEAREST = 8
"""Images that are compared again, for each."""

SHARE_OF_NEIGHBOUR = 0.25
"""A copy lies nearer than this part of the distance at which the nearest image of another patient usually lies, as in
`near_duplicates`.

Of 120 copies of Kermany's radiographs with noise of 8 grey levels, a shift of 3 %, 15 % more brightness or strong
compression, all lie within 0.06 of it, and the closest two of 700 other images at 0.40; of 200 phantoms moved by up to
3 %, noisy and brighter, within 0.20, and the closest others at 0.58."""

FURTHEST = 0.03
"""Distance up to which pairs are candidates in a cohort too small to show where neighbours usually lie."""

FEWEST_CASES = 20
CHUNK = 512


def shifted_pairs(greys: Sequence[str], patients: Sequence[str]) -> list[tuple[int, int, float]]:
    """(index, later index, distance) of all close pairs, in order of index."""
    if len(greys) < 2:
        return []
    cells = standardised(greys).astype(np.float32)
    near = _nearest(cells)
    first = np.repeat(np.arange(len(cells)), near.shape[1])
    both = np.stack([np.minimum(first, near.ravel()), np.maximum(first, near.ravel())], axis=1)
    pairs = np.unique(both, axis=0)
    distances = np.maximum(0.0, 1 - _best(cells, pairs))
    limit = _limit(pairs, distances, patients)
    return [
        (int(one), int(other), float(far)) for (one, other), far in zip(pairs, distances, strict=True) if far <= limit
    ]


def _limit(pairs: np.ndarray, distances: np.ndarray, patients: Sequence[str]) -> float:
    owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    nearest = np.full(len(owner), np.inf)
    strangers = owner[pairs[:, 0]] != owner[pairs[:, 1]]
    for side in (0, 1):
        np.minimum.at(nearest, pairs[strangers, side], distances[strangers])
    known = nearest[np.isfinite(nearest)]
    return SHARE_OF_NEIGHBOUR * float(np.median(known)) if len(known) >= FEWEST_CASES else FURTHEST


def _nearest(cells: np.ndarray) -> np.ndarray:
    """The indices of the nearest images (case, neighbour), without itself."""
    middle = _waves(cells, 0, 0, finest=COARSE_FINEST)
    moved = [_waves(cells, down, across, finest=COARSE_FINEST) for down, across in product(COARSE_SHIFTS, repeat=2)]
    count = min(NEAREST, len(cells) - 1)
    found = []
    for start in range(0, len(cells), CHUNK):
        best = np.full((len(middle[start : start + CHUNK]), len(cells)), -np.inf, dtype=np.float32)
        for other in moved:
            np.maximum(best, middle[start : start + CHUNK] @ other.T, out=best)
        best[np.arange(len(best)), start + np.arange(len(best))] = -np.inf
        found.append(np.argpartition(-best, count - 1, axis=1)[:, :count])
    return np.concatenate(found)


def _best(cells: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The largest correlation over all shifts of the pair's later image: whole cells, then parts of one around them."""
    middle = _waves(cells, 0, 0)
    whole = range(-MOST_SHIFT, MOST_SHIFT + 1)
    best, at = np.full(len(pairs), -1.0), np.zeros((len(pairs), 2), dtype=int)
    for shift in product(whole, repeat=2):
        seen = _correlation(middle, _waves(cells, *shift), pairs)
        at[seen > best] = shift
        np.maximum(best, seen, out=best)
    for shift in product(whole, repeat=2):
        own = np.flatnonzero((at == shift).all(axis=1))
        for parts in product(PARTS, repeat=2) if len(own) else ():
            down, across = (min(MOST_SHIFT, max(-MOST_SHIFT, a + b)) for a, b in zip(shift, parts, strict=True))
            best[own] = np.maximum(best[own], _correlation(middle, _waves(cells, down, across), pairs[own]))
    return best


def _correlation(middle: np.ndarray, moved: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return np.einsum("pc,pc->p", middle[pairs[:, 0]], moved[pairs[:, 1]])


def _waves(cells: np.ndarray, down: float, across: float, *, finest: int = FINEST) -> Float32[np.ndarray, "case wave"]:
    """The cosine transform of the shifted window, each image's with length 1."""
    window = _moved(_moved(cells, down, axis=1), across, axis=2)
    basis = _cosines()[:finest]
    waves = (basis @ window @ basis.T)[:, _counts(finest)]
    return waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1e-9)


def _moved(cells: np.ndarray, by: float, *, axis: int) -> np.ndarray:
    """The window's rows or columns, shifted; between two cells their weighted mean."""
    whole = int(np.floor(by))
    part = by - whole
    start = MOST_SHIFT + whole
    first = np.take(cells, range(start, start + WINDOW), axis=axis)
    if not part:
        return first
    return ((1 - part) * first + part * np.take(cells, range(start + 1, start + 1 + WINDOW), axis=axis)).astype(
        np.float32
    )


@cache
def _cosines() -> Float32[np.ndarray, "wave cell"]:
    from scipy.fft import dct

    return np.asarray(dct(np.eye(WINDOW), norm="ortho", axis=0), dtype=np.float32)


@cache
def _counts(finest: int) -> Bool[np.ndarray, "wave wave"]:
    kept = np.ones((finest, finest), dtype=bool)
    kept[:BROADEST, :BROADEST] = False
    return kept
