"""How alike two maps are: structural similarity on a common grid, and rank correlation on their own.

In: raw maps of one stage. Out: numbers of at most 1. A map is first scaled to its own maximum, as pages show it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.ndimage import uniform_filter
from scipy.stats import rankdata

from medtl.explanation.resizing import resized
from medtl.explanation.saliency import RawSaliency

SIDE = 32
"""Positions a side of the common grid: above what any last stage has, and cheap for volumes too."""

WINDOW = 7
K1, K2 = 0.01, 0.03
"""Window and constants of structural similarity (Wang et al. 2004, doi 10.1109/TIP.2003.819861; scikit-image's)."""


def on_common_grid(raw: RawSaliency) -> Float64[np.ndarray, "*common"]:
    """The map with `SIDE` positions along every axis, linear between its own, 1 at its maximum; zeros stay zeros."""
    common = resized(raw.values, (SIDE,) * np.ndim(raw.values)).astype(np.float64)
    return common / common.max() if common.max() > 0 else np.zeros_like(common)


def structural_similarity(first: Float64[np.ndarray, "*grid"], second: Float64[np.ndarray, "*grid"]) -> float:
    """Mean structural similarity of two maps in [0, 1], over all windows that lie within them."""
    count = WINDOW**first.ndim
    unbiased = count / (count - 1)
    mean_a, mean_b = uniform_filter(first, WINDOW), uniform_filter(second, WINDOW)
    variance_a = unbiased * (uniform_filter(first * first, WINDOW) - mean_a**2)
    variance_b = unbiased * (uniform_filter(second * second, WINDOW) - mean_b**2)
    shared = unbiased * (uniform_filter(first * second, WINDOW) - mean_a * mean_b)
    c1, c2 = K1**2, K2**2
    alike = (2 * mean_a * mean_b + c1) * (2 * shared + c2)
    alike /= (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    margin = WINDOW // 2
    return float(alike[(slice(margin, -margin),) * first.ndim].mean())


def rank_correlation(first: RawSaliency, second: RawSaliency) -> float | None:
    """Spearman's correlation over the positions of two maps; None where a map is the same everywhere.

    Maps on different grids cannot be compared so, and give None too.
    """
    if first.values.shape != second.values.shape:
        return None
    a, b = (rankdata(one.values, method="average") for one in (first, second))
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
