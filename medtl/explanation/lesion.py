"""Agreement of a map with a radiologist's lesion mask: pointing game, overlap, and average precision over the pixels.

In: a map on the scan's own grid, and the mask on the same grid. Out: numbers of one case, each beside those of the
centre-Gaussian, which knows no more than that lesions tend to lie in the middle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from medtl.errors import DataRefused
from medtl.imaging import ScanFacts
from medtl.imaging.for_intake import read_scan
from medtl.record.saliency_checks import Found

THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))
"""Of a map scaled to its own maximum; the one used in a fold is chosen on the other folds."""


CORNER = 0.1
"""Voxels by which the grids of mask and scan may differ."""


def read_mask(path: Path, facts: ScanFacts) -> Bool[np.ndarray, "*scan"] | str:
    """Read a lesion mask, or say why it cannot be used; an empty one cannot."""
    try:
        scan = read_scan(path)
    except DataRefused as refusal:
        return str(refusal)
    drawn = scan.pixels.max(axis=0) > 0
    if drawn.shape != facts.shape:
        return f"the mask has {' x '.join(map(str, drawn.shape))} pixels, its scan {' x '.join(map(str, facts.shape))}"
    if scan.affine is not None and facts.affine is not None:
        between = np.linalg.inv(np.array(facts.affine)) @ scan.affine - np.eye(4)
        if np.abs(between @ [*drawn.shape, 1]).max() > CORNER:
            return "the mask lies elsewhere in the patient than its scan"
    return drawn if drawn.any() else "nothing is drawn"


def found_in(values: Float[np.ndarray, "*scan"], mask: Bool[np.ndarray, "*scan"]) -> Found:
    """Pointing game, overlap and average precision of a map in [0, 1], scaled to its own maximum."""
    return Found(
        points_at=bool(mask.ravel()[values.argmax()]),
        overlap=tuple(_overlap(values >= threshold, mask) for threshold in THRESHOLDS),
        average_precision=average_precision(values.ravel(), mask.ravel()),
    )


def average_precision(values: Float[np.ndarray, " pixel"], mask: Bool[np.ndarray, " pixel"]) -> float:
    """Area under precision and recall as steps; pixels of equal value enter together, as in scikit-learn."""
    order = np.argsort(values, kind="stable")[::-1]
    hits = np.cumsum(mask[order])
    last = np.append(np.diff(values[order]) != 0, [True])
    precision, recall = (hits / np.arange(1, len(hits) + 1))[last], (hits / hits[-1])[last]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _overlap(predicted: Bool[np.ndarray, "*scan"], mask: Bool[np.ndarray, "*scan"]) -> float:
    """Intersection over union."""
    return float((predicted & mask).sum() / (predicted | mask).sum())
