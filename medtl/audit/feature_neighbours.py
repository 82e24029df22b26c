"""Cases of different patients whose frozen features are nearly the same: of volumes too, which have no such hash.

In: a table of features and the patients. Out: close pairs, each with its distance as a share of the usual one. Of 30
copies of each kind of Kermany's radiographs, ResNet-18's features find brighter (97 %) and compressed ones (80 %) and
few that were cropped, none that were noisy or shifted; of 5,840 images no pair but the exact copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

SHARE_OF_NEIGHBOUR = 0.35
"""A copy lies nearer than this part of the distance at which the nearest case of another patient usually lies."""

FEWEST_CASES = 20
"""Fewer do not show where neighbours usually lie."""

CHUNK = 1024


def neighbour_pairs(
    features: Float[np.ndarray, "case feature"], patients: Sequence[str]
) -> list[tuple[int, int, float]]:
    """(index, later index, share of the usual distance) of close pairs between patients, the closest first.

    The distance is 1 minus the cosine of the standardised features.
    """
    if len(features) < FEWEST_CASES:
        return []
    values = features.astype(np.float64)
    centred, spread = values - values.mean(axis=0), values.std(axis=0)
    scaled = centred / np.where(spread > 0, spread, 1.0)
    unit = scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12)
    owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    nearest, found = [], []
    for start in range(0, len(unit), CHUNK):
        rows = slice(start, start + CHUNK)
        distances = np.where(owner[rows, None] != owner[None], np.maximum(0.0, 1 - unit[rows] @ unit.T), np.inf)
        nearest.append(distances.min(axis=1))
        ones, others = np.nonzero(np.triu(distances <= SHARE_OF_NEIGHBOUR, k=start + 1))
        found += [(start + int(i), int(j), float(distances[i, j])) for i, j in zip(ones, others, strict=True)]
    known = np.concatenate(nearest)
    known = known[np.isfinite(known)]
    if len(known) < FEWEST_CASES:
        return []
    usual = float(np.median(known))
    close = [(one, other, far / usual) for one, other, far in found if far <= SHARE_OF_NEIGHBOUR * usual]
    return sorted(close, key=lambda pair: pair[2])
