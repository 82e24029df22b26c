"""The affine of a NIfTI file: from its sform, its qform, or neither.

The rule, as nibabel, SPM and FSL follow it:

1. An sform with a code above 0 wins, also over a qform that says something else (SPM writes a registered position
   into the sform, code 2, and leaves the scanner's position in the qform, code 1); the difference is noted.
2. Without an sform, or when all its numbers are 0, a qform with a code above 0 holds. It needs voxel sizes above 0 in
   pixdim.
3. Without either, pixdim is the voxel size and the axes are only assumed, with a note.

Undecidable, and so refused, are two orientations of the same code that put a corner more than half a voxel apart, since
both claim the same space; and two of which one is the mirror image of the other, whatever their codes, since one of
them has left and right wrong (FSL refuses these, too). A code that NIfTI does not know says nothing.
A voxel size of 0, below 0 or not finite is refused, except where an sform gives it; along an axis of one pixel it does
not matter. Source: the NIfTI-1 header, nifti1.h, methods 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np
from nibabel.quaternions import quat2mat
from nibabel.spatialimages import HeaderDataError

from medtl.imaging.formats.array_scan import axis_orientation
from medtl.imaging.formats.geometry import NO_ORIENTATION, bad_geometry, believed

KNOWN_CODES = range(6)
MM_PER_UNIT = {1: 1000.0, 2: 1.0, 3: 0.001}
"""Of NIfTI's codes for metre, millimetre and micrometre; anything else is taken as mm."""

LENGTH_UNIT = 0b111
"""The lower bits of xyzt_units; the others are of time."""

MOST_CORNER_DISTANCE = 0.5
"""Largest distance, in voxels, between a corner by the sform and the same corner by the qform."""

SIZE_TOLERANCE = 0.01
"""Share by which pixdim and sform may differ unnoted."""

NIFTI = "NIfTI"


@dataclass(frozen=True)
class NiftiGeometry:
    """The affine (None without an orientation) and the voxel sizes in mm as the header states them, and notes."""

    affine: np.ndarray | None
    sizes_mm: tuple[float, float, float]
    says_unit: bool
    notes: tuple[str, ...]


def geometry_of(header: nibabel.Nifti1Header, shape: tuple[int, int, int]) -> NiftiGeometry:
    """Read the affine and voxel sizes of a NIfTI header by the rule above; the affine is not checked further.

    Raises:
        UnreadableScan: `bad_geometry`.
    """
    code = int(header["xyzt_units"]) & LENGTH_UNIT
    unit = MM_PER_UNIT.get(code, 1.0)
    pixdim = np.array(header["pixdim"][1:4], dtype=np.float64) * unit
    notes = tuple[str, ...]()
    sform, qform = _sform(header, unit), _qform(header, pixdim, shape, unit)
    if int(header["sform_code"]) not in KNOWN_CODES or int(header["qform_code"]) not in KNOWN_CODES:
        notes += ("an orientation code that NIfTI does not know was left aside",)
    if sform is not None and qform is not None:
        notes += _difference(header, sform, qform, shape)
    if sform is not None:
        notes += _sizes_differ(pixdim, sform, shape)
        return NiftiGeometry(sform, _three(np.linalg.norm(sform[:3, :3], axis=0)), code in MM_PER_UNIT, notes)
    if max(shape) > 1 and min(shape) > 1:
        _refuse_sizes(pixdim)
    if qform is not None:
        return NiftiGeometry(qform, _three(pixdim), code in MM_PER_UNIT, notes)
    return NiftiGeometry(None, _three(pixdim), code in MM_PER_UNIT, notes)


def volume_affine(geometry: NiftiGeometry) -> tuple[np.ndarray, tuple[str, ...]]:
    """From voxel indices to the patient in mm, and the notes.

    Raises:
        UnreadableScan: `bad_geometry`.
    """
    if geometry.affine is not None:
        return believed(geometry.affine, what=NIFTI), geometry.notes
    return believed(np.diag([*geometry.sizes_mm, 1.0]), what=NIFTI), (NO_ORIENTATION, *geometry.notes)


def slice_orientation(geometry: NiftiGeometry) -> np.ndarray | None:
    """The stored axes that run along right, anterior, superior, as nibabel's orientation; None without one."""
    return None if geometry.affine is None else axis_orientation(geometry.affine)


def _sform(header: nibabel.Nifti1Header, unit: float) -> np.ndarray | None:
    code = int(header["sform_code"])
    affine = np.array(header.get_sform(), dtype=np.float64)
    if code <= 0 or code not in KNOWN_CODES or not affine[:3].any():
        return None
    return np.diag([unit, unit, unit, 1.0]) @ affine


def _qform(
    header: nibabel.Nifti1Header, pixdim_mm: np.ndarray, shape: tuple[int, int, int], unit: float
) -> np.ndarray | None:
    """The affine of the quaternion; an axis of one pixel may have any size, so it gets 1."""
    code = int(header["qform_code"])
    if code <= 0 or code not in KNOWN_CODES:
        return None
    sizes = np.where((np.array(shape) == 1) & ~(pixdim_mm > 0), 1.0, pixdim_mm)
    if not np.isfinite(sizes).all():
        return np.full((4, 4), np.nan)
    try:
        rotation = quat2mat(header.get_qform_quaternion())
    except (ValueError, HeaderDataError):
        return np.full((4, 4), np.nan)
    if float(header["pixdim"][0]) < 0:  # qfac: the third axis is turned round; anything but -1 is 1
        sizes = sizes * (1, 1, -1)
    affine = np.eye(4)
    affine[:3, :3] = rotation * sizes
    affine[:3, 3] = [float(header[f"qoffset_{axis}"]) * unit for axis in "xyz"]
    return affine


def _difference(
    header: nibabel.Nifti1Header, sform: np.ndarray, qform: np.ndarray, shape: tuple[int, int, int]
) -> tuple[str, ...]:
    if not (np.isfinite(sform).all() and np.isfinite(qform).all()) or not np.linalg.det(qform[:3, :3]):
        return ()
    corners = np.array([(*corner, 1.0) for corner in np.ndindex(2, 2, 2)]) * (*(count - 1 for count in shape), 1.0)
    distance = float(np.linalg.norm((corners @ (sform - qform).T)[:, :3], axis=1).max())
    if distance <= MOST_CORNER_DISTANCE * float(np.linalg.norm(sform[:3, :3], axis=0).min()):
        return ()
    codes = int(header["sform_code"]), int(header["qform_code"])
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        raise bad_geometry(
            NIFTI,
            "of its two orientations (sform and qform) one is the mirror image of the other, so one of them has left "
            "and right wrong; decide which one is right and write it to both",
        )
    if codes[0] == codes[1]:
        raise bad_geometry(
            NIFTI,
            f"its two orientations (sform and qform) have the same code {codes[0]} and put a corner {distance:.3g} mm "
            "apart, more than half a voxel; decide which one is right and write it to both",
        )
    return (
        f"the sform (code {codes[0]}) is taken, as SPM, FSL and nibabel do; the qform (code {codes[1]}) puts a corner "
        f"{distance:.3g} mm away",
    )


def _sizes_differ(pixdim_mm: np.ndarray, sform: np.ndarray, shape: tuple[int, int, int]) -> tuple[str, ...]:
    sizes = np.linalg.norm(sform[:3, :3], axis=0)
    differs = np.abs(np.abs(pixdim_mm) - sizes) > SIZE_TOLERANCE * sizes
    if not (differs | ~np.isfinite(pixdim_mm))[np.array(shape) > 1].any():
        return ()
    listed = " x ".join(f"{size:.4g}" for size in pixdim_mm)
    return (f"voxel sizes are those of the sform; pixdim says {listed} mm",)


def _refuse_sizes(pixdim_mm: np.ndarray) -> None:
    if not (np.isfinite(pixdim_mm) & (pixdim_mm > 0)).all():
        listed = " x ".join(f"{size:.4g}" for size in pixdim_mm)
        raise bad_geometry(
            NIFTI, f"pixdim says voxels of {listed} mm and no sform says otherwise; every size must be above 0"
        )


def _three(sizes: np.ndarray) -> tuple[float, float, float]:
    return float(sizes[0]), float(sizes[1]), float(sizes[2])
