"""A NIfTI picture or volume by nibabel.

A volume keeps the order of its file and carries its affine. A picture (one slice) is turned as a radiologist sees it:
with an orientation in the header, columns run towards the patient's left (sagittal: towards posterior) and rows
towards posterior (coronal, sagittal: towards inferior), as the usual DICOM slice does: the array is brought to
right-anterior-superior order, its single axis dropped, both others flipped and transposed. Without an orientation the
first stored axis is taken as the column and the second as the row, unflipped, with a note.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError

from medtl.imaging.scan import (
    MAX_PIXELS,
    MAX_VOXELS,
    Scan,
    UnreadableScan,
    refuse_several,
    refuse_too_large,
    undecodable,
)

NIBABEL_FAULTS = (
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
    np.linalg.LinAlgError,
)
"""What nibabel raises on damaged files (seen on 800 mutated ones)."""

NIFTI1_LENGTH, NIFTI2_LENGTH = 348, 540
LARGEST_OFFSET = 2**20
"""Header extensions before the voxels beyond this are refused."""
MM_PER_UNIT = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
WIDEST_SPACING_MM = 100.0
"""A pixel larger than this is a typing error in the header."""
FINEST_SPACING_MM = 0.01
"""Microscopy ends here; a smaller voxel is a unit that was written wrongly."""
LARGEST_SHEAR = 0.05
"""Cosine between two axes: 3 degrees from the right angle, beyond what rounding and registration leave."""
DENSEST_GZIP = 1032
"""Deflate cannot pack more bytes into one (RFC 1951); a file that claims more is cut short, or a trap."""

NO_ORIENTATION = "no orientation in the header: the stored axes are taken as right, anterior, superior"
"""The note of a volume whose axes are only assumed."""

FORMS_APART = 0.5
"""Voxels that sform and qform may put a corner apart."""


def decode_nifti(data: bytes) -> Scan:
    """The scan in a .nii or .nii.gz with one slice; the header's size is judged before the voxels are unpacked.

    Raises:
        UnreadableScan: too_large, several_frames, truncated, undecodable or unsupported_format.
    """
    try:
        stream: gzip.GzipFile | io.BytesIO = io.BytesIO(data)
        if data.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=io.BytesIO(data))
        header = _header(stream)
        shape = tuple(int(size) for size in header.get_data_shape())
        _refuse_sizes(shape)
        offset = int(header.get_data_offset())
        length = offset + math.prod(shape) * header.get_data_dtype().itemsize
        _refuse_numbers(header, offset)
        if isinstance(stream, gzip.GzipFile) and length > DENSEST_GZIP * len(data):
            raise EOFError(f"{length:,} bytes expected, got at most {DENSEST_GZIP * len(data):,}")
        stream.seek(0)
        content = stream.read(length)
        if len(content) < length:
            raise EOFError(f"{length:,} bytes expected, got {len(content):,}")
        _refuse_more(stream)
        image = _kind(header).from_bytes(content)
        return _volume(image) if _is_volume(shape) else _picture(image, shape)
    except NIBABEL_FAULTS as error:
        raise undecodable("NIfTI", error) from error


def _refuse_more(stream: gzip.GzipFile | io.BytesIO) -> None:
    """Nothing may follow the voxels; at the end of a gzip its checksum is compared, which reading so far left out."""
    if stream.read(1):
        raise UnreadableScan(
            "The NIfTI file goes on after the voxels that its header promises: the two do not belong together. "
            "Get the file again from its source.",
            reason="undecodable",
        )


def _refuse_numbers(header: nibabel.Nifti1Header, offset: int) -> None:
    kind = header.get_data_dtype()
    if kind.kind not in "iuf" or not 0 < offset <= LARGEST_OFFSET:
        raise UnreadableScan(
            f"The NIfTI voxels are of type {kind} at byte {offset}; whole or real numbers near the start are read.",
            reason="unsupported_format",
        )


def _header(stream: gzip.GzipFile | io.BytesIO) -> nibabel.Nifti1Header:
    start = stream.read(NIFTI2_LENGTH)
    if start[344:347] == b"n+1":
        return nibabel.Nifti1Header.from_fileobj(io.BytesIO(start[:NIFTI1_LENGTH]))
    if start[4:7] == b"n+2":
        return nibabel.Nifti2Header.from_fileobj(io.BytesIO(start))
    raise UnreadableScan(
        "The file begins like NIfTI or gzip but holds no NIfTI image of one file (.nii, .nii.gz). Convert it.",
        reason="unsupported_format",
    )


def _kind(header: nibabel.Nifti1Header) -> type[nibabel.Nifti1Image]:
    return nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image


def _refuse_sizes(shape: tuple[int, ...]) -> None:
    """Refuse by the header alone what is no single picture or volume, or too large to unpack."""
    if len(shape) < 2:
        raise UnreadableScan(f"The NIfTI header says shape {shape}; an image has two axes.", reason="undecodable")
    refuse_several(math.prod(shape[3:]), what="time points or channels")
    refuse_too_large(*shape[:3], at_most=MAX_VOXELS if _is_volume(shape) else MAX_PIXELS)


def _is_volume(shape: tuple[int, ...]) -> bool:
    return len(shape) > 2 and min(shape[:3]) > 1


def _volume(image: nibabel.Nifti1Image) -> Scan:
    stored = np.asarray(image.dataobj)
    values = stored.reshape(stored.shape[:3]).astype(np.float32)
    affine, notes = _affine(image, values.shape)
    return Scan(
        pixels=np.ascontiguousarray(values[None]),
        spacing_mm=tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0)),
        reader="nibabel",
        notes=notes,
        full_scale=_full_scale(image, stored),
        affine=affine,
    )


def _affine(image: nibabel.Nifti1Image, shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """From voxel indices to the patient in mm, refused where the header cannot be believed."""
    header, notes = image.header, tuple[str, ...]()
    unit = MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes == (0, 0):
        affine = np.diag([*(float(size) for size in header.get_zooms()[:3]), 1.0])
        notes = (NO_ORIENTATION,)
    else:
        affine = np.array(image.affine, dtype=np.float64)
        if min(codes) > 0:
            _refuse_disagreement(header.get_sform(), header.get_qform(), shape)
    affine = np.diag([unit, unit, unit, 1.0]) @ affine
    if not np.isfinite(affine).all():
        raise _bad_geometry("the affine has numbers that are not finite")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((sizes >= FINEST_SPACING_MM) & (sizes <= WIDEST_SPACING_MM)).all():
        listed = " x ".join(f"{size:.4g}" for size in sizes)
        raise _bad_geometry(f"voxels of {listed} mm; {FINEST_SPACING_MM:g} to {WIDEST_SPACING_MM:g} mm are believed")
    directions = affine[:3, :3] / sizes
    if float(np.abs(directions.T @ directions - np.eye(3)).max()) > LARGEST_SHEAR:
        raise _bad_geometry("the axes are not at right angles, as after a gantry tilt; resample the volume first")
    return affine, notes


def _refuse_disagreement(sform: np.ndarray, qform: np.ndarray, shape: tuple[int, ...]) -> None:
    corners = np.array([(*corner, 1.0) for corner in np.ndindex(2, 2, 2)]) * (*(count - 1 for count in shape), 1.0)
    apart = float(np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max())
    allowed = FORMS_APART * float(np.linalg.norm(sform[:3, :3], axis=0).min())
    if not apart <= allowed:
        raise _bad_geometry(
            f"its two orientations (sform and qform) put a corner {apart:.3g} mm apart, more than half a voxel; "
            "decide which one is right and write it to both"
        )


def _bad_geometry(what: str) -> UnreadableScan:
    return UnreadableScan(
        f"The NIfTI header's geometry cannot be used: {what}. Where the voxels lie in the patient would be a guess.",
        reason="bad_geometry",
    )


def _picture(image: nibabel.Nifti1Image, shape: tuple[int, ...]) -> Scan:
    header = image.header
    stored = np.asarray(image.dataobj)
    volume = stored.reshape((*shape[:3], 1)[:3])
    unit = MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    sizes = (*(float(zoom) * unit for zoom in header.get_zooms()[:3]), 1.0)[:3]
    orientation = _orientation(image)
    notes: tuple[str, ...] = ()
    dropped = 2 if volume.shape[2] == 1 else int(np.argmin(volume.shape))
    if orientation is None:
        notes = ("no usable orientation in the header: first axis taken as columns, second as rows",)
        first, second = (axis for axis in range(3) if axis != dropped)
        flat = volume.squeeze(axis=dropped).T
    else:
        volume = nibabel.apply_orientation(volume, orientation)
        target = [int(axis) for axis in orientation[:, 0]]
        first, second = (target.index(axis) for axis in range(3) if axis != target[dropped])
        flat = volume.squeeze(axis=target[dropped])[::-1, ::-1].T
    spacing_mm = (sizes[second], sizes[first])
    unsaid = orientation is None and header.get_xyzt_units()[0] == "unknown" and spacing_mm == (1.0, 1.0)
    known = not unsaid and all(0 < size <= WIDEST_SPACING_MM for size in spacing_mm)
    if not known and not unsaid:
        notes += ("the header's voxel size is impossible and was left aside",)
    return Scan(
        pixels=np.ascontiguousarray(flat[None], dtype=np.float32),
        spacing_mm=spacing_mm if known else None,
        reader="nibabel",
        notes=notes,
        window=_window(header),
        full_scale=_full_scale(image, stored),
    )


def _full_scale(image: nibabel.Nifti1Image, stored: np.ndarray) -> float | None:
    """The value of full brightness, when the stored numbers are unsigned and not rescaled."""
    plain = image.header.get_slope_inter() in ((None, None), (1.0, 0.0))
    return float(np.iinfo(stored.dtype).max) if plain and stored.dtype in (np.uint8, np.uint16) else None


def _window(header: nibabel.Nifti1Header) -> tuple[float, float] | None:
    """The header's display range (cal_min, cal_max) as (centre, width), when it says one."""
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return ((low + high) / 2, high - low) if math.isfinite(high - low) and low < high else None


def _orientation(image: nibabel.Nifti1Image) -> np.ndarray | None:
    """Which stored axis runs along right, anterior, superior; None when the header does not say."""
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        return None
    if not np.isfinite(image.affine).all():
        return None
    orientation = nibabel.io_orientation(image.affine)
    return orientation if np.isfinite(orientation).all() else None
