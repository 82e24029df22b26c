"""NaN around the body is background: SPM, FreeSurfer and many warps write it where nothing was measured."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from medtl.imaging.scan import UnreadableScan

LARGEST_SHARE_INSIDE = 0.01
"""Of the voxels within the outline, this share may be NaN: single voxels in which a fit failed."""


def with_background(
    pixels: Float32[np.ndarray, "channel *space"],
) -> tuple[Float32[np.ndarray, "channel *space"], tuple[str, ...]]:
    """The scan with its smallest value in place of NaN, and a note that counts them.

    What is joined to a border of the array by NaN (face to face) lies outside; other NaN lie inside. All NaN, or
    infinite values, are left for `facts.refuse_unusable`.

    Raises:
        UnreadableScan: `non_finite`, more than a hundredth of the inside is NaN.
    """
    missing = np.isnan(pixels).any(axis=0)
    if not missing.any() or missing.all() or np.isinf(pixels).any():
        return pixels, ()
    outside = _joined_to_border(missing)
    holes = int((missing & ~outside).sum())
    share = holes / int((~outside).sum())
    if share > LARGEST_SHARE_INSIDE:
        raise UnreadableScan(
            f"{share:.2%} of the pixels inside the scan are NaN (not a number), enclosed by others; at most "
            f"{LARGEST_SHARE_INSIDE:.0%} may be. Give them a value at the source.",
            reason="non_finite",
            share=share,
        )
    lowest = np.nanmin(pixels)
    inside = f", {holes:,} of them inside" if holes else ""
    note = (
        f"{int(missing.sum()):,} of {missing.size:,} pixels are NaN{inside}: taken as background, with the scan's "
        f"smallest value ({lowest:g})"
    )
    return np.where(missing[None], lowest, pixels).astype(np.float32, copy=False), (note,)


def _joined_to_border(missing: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    labels, _ = ndimage.label(missing)
    on_border = np.unique(
        np.concatenate([np.take(labels, end, axis=axis).ravel() for axis in range(labels.ndim) for end in (0, -1)])
    )
    return np.isin(labels, on_border[on_border > 0])
