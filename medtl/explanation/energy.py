"""The share of a map where no disease can be: outside the body, and in the outer eighth of the scan.

In: a map and the prepared scan it explains. Out: shares of the map's sum, each beside the share that a flat map has.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import binary_fill_holes, label

from medtl.explanation.resizing import resized
from medtl.explanation.saliency import RawSaliency
from medtl.record.saliency_checks import Share

BORDER = 1 / 8
"""Of every side, as in the control `border_only`."""

BACKGROUND = 0.1
"""Of the prepared brightness: air, collimation and the black around a scan lie below it in every preset."""

LEAST_OUTSIDE = 0.02
"""Share of the grid outside the body below which the check is left out."""


def on_prepared_grid(raw: RawSaliency, shape: tuple[int, ...]) -> Float[np.ndarray, "*prepared"]:
    """The raw map on the pixels that the network saw, linear between its own positions."""
    return resized(raw.values, shape)


def border_share(prepared_map: Float[np.ndarray, "*prepared"]) -> Share | None:
    """The share in the outer eighth; None for a map of zeros. Sides of fewer than 4 positions have no border."""
    inner = tuple(
        slice(round(BORDER * side), side - round(BORDER * side)) if side >= 4 else slice(None)
        for side in prepared_map.shape
    )
    outer = np.ones(prepared_map.shape, dtype=bool)
    outer[inner] = False
    return share_of(prepared_map, outer) if outer.any() else None


def outside_share(
    prepared_map: Float[np.ndarray, "*prepared"], scan: Float[np.ndarray, "channel *prepared"]
) -> Share | None:
    """The share outside the body; None for a map of zeros, or where body fills (nearly) the whole grid."""
    outside = ~body_of(scan)
    return share_of(prepared_map, outside) if LEAST_OUTSIDE <= outside.mean() < 1 else None


def share_of(prepared_map: Float[np.ndarray, "*prepared"], there: Bool[np.ndarray, "*prepared"]) -> Share | None:
    """The share of the map's sum at the positions in `there`, and the share of positions that are in it."""
    total = float(prepared_map.sum(dtype=np.float64))
    if total <= 0:
        return None
    return Share(of_map=float(prepared_map[there].sum(dtype=np.float64)) / total, of_flat=float(there.mean()))


def body_of(scan: Float[np.ndarray, "channel *prepared"]) -> Bool[np.ndarray, "*prepared"]:
    """The largest piece that is brighter than the background, with the holes in it; of volumes also slice by slice."""
    pieces, count = label(scan.mean(axis=0) > BACKGROUND)
    if not count:
        return np.zeros(scan.shape[1:], dtype=bool)
    sizes = np.bincount(pieces.ravel())[1:]
    body = np.asarray(binary_fill_holes(pieces == 1 + int(sizes.argmax())))
    if body.ndim == 3:  # an airway that leaves the volume opens the lungs in 3D, but not in an axial slice
        for index in range(body.shape[2]):
            body[..., index] = binary_fill_holes(body[..., index])
    return body
