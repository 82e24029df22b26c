"""From an array with its position in the patient to a `Scan`: a volume as it is stored, or one slice as a picture.

A volume keeps the order of its file and carries its affine. A picture (one slice) is turned as a radiologist sees it:
with an orientation, columns run towards the patient's left (sagittal: towards posterior) and rows towards posterior
(coronal, sagittal: towards inferior), as the usual DICOM slice does: the array is brought to right-anterior-superior
order, its single axis dropped, both others flipped and transposed. Without an orientation the first stored axis is
taken as the column and the second as the row, unflipped, with a note.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np

from medtl.imaging.formats.geometry import WIDEST_SPACING_MM
from medtl.imaging.formats.nan_background import with_background
from medtl.imaging.scan import MAX_PIXELS, MAX_VOXELS, Scan, UnreadableScan, refuse_too_large

UNTURNED = "no usable orientation in the header: first axis taken as columns, second as rows"
IMPOSSIBLE_SIZE = "the header's voxel size is impossible and was left aside"


@dataclass(frozen=True)
class Stored:
    """An array (i, j, k), or (i, j, k, channel) for a colour slice, and what its header says besides.

    `affine` is that of a volume, in mm, RAS. Of a slice, `orientation` says as nibabel does which stored axis runs
    along right, anterior, superior, None when nothing does; `sizes_mm` is None without a voxel size.
    """

    values: np.ndarray
    reader: str
    notes: tuple[str, ...]
    affine: np.ndarray | None = None
    orientation: np.ndarray | None = None
    sizes_mm: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    full_scale: float | None = None
    pixel_aspect: float = 1.0


def is_volume(shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape is a volume, rather than one slice."""
    return len(shape) > 2 and min(shape[:3]) > 1


def first_three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The axes of space; a picture has one pixel across it."""
    i, j, k = (*shape[:3], 1)[:3]
    return i, j, k


def refuse_size(shape: tuple[int, ...], *, what: str) -> None:
    """Refuse, from the header alone, what is no picture or volume or is too large to unpack.

    Raises:
        UnreadableScan: `undecodable` below two axes; `too_large`.
    """
    if len(shape) < 2:
        size = " x ".join(map(str, shape)) or "nothing"
        raise UnreadableScan(
            f"The {what} header says a size of {size}; an image has two axes. The file is damaged.",
            reason="undecodable",
        )
    refuse_too_large(*shape[:3], at_most=MAX_VOXELS if is_volume(shape) else MAX_PIXELS)


def axis_orientation(affine: np.ndarray) -> np.ndarray | None:
    """The stored axes that run along right, anterior, superior, as nibabel's orientation; None without one."""
    if not np.isfinite(affine).all():
        return None
    orientation = nibabel.io_orientation(affine)
    return orientation if np.isfinite(orientation).all() else None


def volume_scan(stored: Stored) -> Scan:
    """The scan of a volume whose affine is known."""
    assert stored.affine is not None
    values = np.ascontiguousarray(stored.values[None], dtype=np.float32)
    pixels, notes = with_background(values)
    return Scan(
        pixels=pixels,
        spacing_mm=tuple(float(size) for size in np.linalg.norm(stored.affine[:3, :3], axis=0)),
        reader=stored.reader,
        notes=(*stored.notes, *notes),
        window=None,
        full_scale=stored.full_scale,
        affine=stored.affine,
    )


def picture_scan(stored: Stored) -> Scan:
    """The scan of one slice, turned."""
    shape = stored.values.shape[:3]
    dropped = 2 if shape[2] == 1 else int(np.argmin(shape))
    first, second = (axis for axis in range(3) if axis != dropped)
    notes = stored.notes
    orientation = stored.orientation
    if orientation is None:
        notes += (UNTURNED,)
        flat = stored.values.squeeze(axis=dropped).swapaxes(0, 1)
    else:
        turned = nibabel.apply_orientation(stored.values, orientation)
        target = [int(axis) for axis in orientation[:, 0]]
        first, second = (target.index(axis) for axis in range(3) if axis != target[dropped])
        flat = turned.squeeze(axis=target[dropped])[::-1, ::-1].swapaxes(0, 1)
    spacing_mm = None if stored.sizes_mm is None else (stored.sizes_mm[second], stored.sizes_mm[first])
    if spacing_mm is not None and not all(0 < size <= WIDEST_SPACING_MM for size in spacing_mm):
        spacing_mm, notes = None, (*notes, IMPOSSIBLE_SIZE)
    channels = flat[None] if flat.ndim == 2 else flat.transpose(2, 0, 1)
    pixels, more = with_background(np.ascontiguousarray(channels, dtype=np.float32))
    return Scan(
        pixels=pixels,
        spacing_mm=spacing_mm,
        reader=stored.reader,
        notes=(*notes, *more),
        window=stored.window,
        full_scale=stored.full_scale,
        pixel_aspect=stored.pixel_aspect,
    )
