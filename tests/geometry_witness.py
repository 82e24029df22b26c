"""Where each voxel of a map lies and what its value is: of a DICOM object by its tags, of a NIfTI file by nibabel."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np
import pydicom
from scipy.spatial import cKDTree

TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Voxels:
    """Each voxel's place in the patient (left, posterior, superior mm) and its value."""

    mm: np.ndarray
    values: np.ndarray

    @property
    def peak_mm(self) -> np.ndarray:
        return self.mm[self.values.argmax()]

    def values_at(self, mm: np.ndarray) -> np.ndarray:
        """The value of the voxel at each place; all must lie within a hundredth of a mm of one."""
        apart, nearest = cKDTree(self.mm).query(mm)
        assert apart.max() < 0.01
        return self.values[nearest]


def read_back(made: pydicom.Dataset) -> Voxels:
    """The voxels of a parametric map from its tags alone."""
    (shared,) = made.SharedFunctionalGroupsSequence
    along = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    row_mm, column_mm = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    frames = np.frombuffer(made.FloatPixelData, "<f4").reshape(made.NumberOfFrames, made.Rows, made.Columns)
    rows, columns = (axis[..., None] for axis in np.indices(frames.shape[1:]))
    within = along[0] * columns * column_mm + along[1] * rows * row_mm
    corners = [groups.PlanePositionSequence[0].ImagePositionPatient for groups in made.PerFrameFunctionalGroupsSequence]
    mm = np.stack([np.array(corner, dtype=float) + within for corner in corners])
    return Voxels(mm.reshape(-1, 3), frames.ravel())


def by_nibabel(values: np.ndarray, affine: np.ndarray) -> Voxels:
    """The voxels of a NIfTI map by its affine, brought to DICOM's axes."""
    index = np.stack(np.indices(values.shape), axis=-1).reshape(-1, 3)
    return Voxels(nibabel.affines.apply_affine(affine, index) * TO_LPS, values.ravel())
