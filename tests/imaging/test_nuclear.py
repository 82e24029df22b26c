"""A reconstructed SPECT lies where its detector's item says, slice for slice along the normal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import dicom_phantom as phantoms
import nibabel
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileDataset

from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.series import Candidate, grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.reading import decode_scan

DCM2NIIX = Path(sys.executable).with_name("dcm2niix")
NUCLEAR = "1.2.840.10008.5.1.4.1.1.20"
SLICES, ROWS, COLUMNS, SPACING_MM = 7, 10, 8, 4.0
STORED = np.random.default_rng(4).integers(0, 4096, (SLICES, ROWS, COLUMNS)).astype(np.uint16)
AXIAL, CORONAL = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1)
OBLIQUE = (0.8, 0.6, 0, -0.6, 0.8, 0)


def spect(
    stored: np.ndarray = STORED, *, spacing_mm: float = SPACING_MM, orientation: Sequence[float] = AXIAL, **tags: object
) -> FileDataset:
    dataset = phantoms.image(stored[0], sop_class=NUCLEAR, modality="NM")
    dataset.NumberOfFrames, dataset.PixelData = len(stored), stored.tobytes()
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.PixelSpacing, dataset.SpacingBetweenSlices = [3.0, 2.0], spacing_mm
    dataset.NumberOfSlices, dataset.SliceVector = len(stored), list(range(1, len(stored) + 1))
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-20.0, -30.0, 55.0], list(orientation)
    dataset.DetectorInformationSequence = [detector]
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def candidates(dataset: FileDataset) -> tuple[Candidate, ...]:
    return judged(grouped([(0, dicom_header(phantoms.as_bytes(dataset)))]), SeriesRules())


def witness(spacing_mm: float, orientation: Sequence[float], number: int) -> np.ndarray:
    """The centre of a slice's first pixel in LPS by the standard's words: along the normal, behind the first."""
    normal = np.cross(orientation[:3], orientation[3:])
    return np.array([-20.0, -30.0, 55.0]) + normal * spacing_mm * number


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, OBLIQUE])
@pytest.mark.parametrize("spacing_mm", [4.0, -4.0])
def test_each_slice_lies_its_spacing_behind_or_before_the_first(
    orientation: tuple[float, ...], spacing_mm: float
) -> None:
    scan = decode_scan(phantoms.as_bytes(spect(spacing_mm=spacing_mm, orientation=orientation)))
    assert scan.affine is not None
    np.testing.assert_allclose(scan.spacing_mm, (2.0, 3.0, 4.0))
    to_index = np.linalg.inv(scan.affine)
    for number in range(SLICES):
        corner_ras = witness(spacing_mm, orientation, number) * (-1, -1, 1)
        index = np.rint(to_index @ (*corner_ras, 1.0))[:3].astype(int)
        np.testing.assert_allclose(scan.affine @ (*index, 1.0), (*corner_ras, 1.0), atol=1e-6)
        assert scan.pixels[0][tuple(index)] == STORED[number, 0, 0]


@pytest.mark.skipif(not DCM2NIIX.is_file(), reason="dcm2niix is not installed")
def test_dcm2niix_makes_the_same_volume(tmp_path: Path) -> None:
    """For a positive spacing; it takes a negative one as positive (its issue 885)."""
    content = phantoms.as_bytes(spect(orientation=CORONAL))
    (tmp_path / "a.dcm").write_bytes(content)
    command = [DCM2NIIX, "-z", "n", "-f", "made", "-o", tmp_path, tmp_path]
    subprocess.run(command, check=True, capture_output=True)
    made = nibabel.as_closest_canonical(nibabel.load(tmp_path / "made.nii"))
    scan = decode_scan(content)
    ours = nibabel.as_closest_canonical(nibabel.Nifti1Image(scan.pixels[0], scan.affine))
    np.testing.assert_array_equal(ours.get_fdata(), made.get_fdata())
    np.testing.assert_allclose(ours.affine, made.affine, atol=1e-4)


def test_slices_may_come_in_any_order() -> None:
    order = np.random.default_rng(1).permutation(SLICES)
    shuffled = spect(STORED[order], SliceVector=[int(number) + 1 for number in order])
    first = int(order[0])
    plain, found = decode_scan(phantoms.as_bytes(spect())), decode_scan(phantoms.as_bytes(shuffled))
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    np.testing.assert_allclose(found.affine[:3, 3] + (0, 0, first * SPACING_MM), plain.affine[:3, 3])


def test_time_slots_and_energy_windows_are_volumes_of_their_own() -> None:
    gated = spect(
        np.concatenate([STORED, STORED + 1]),
        ImageType=["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"],
        SliceVector=[*range(1, SLICES + 1)] * 2,
        TimeSlotVector=[1] * SLICES + [2] * SLICES,
    )
    found = candidates(gated)
    assert [one.moment for one in found] == ["1 of 2", "2 of 2"]
    assert all(one.reason is None for one in found)


@pytest.mark.parametrize(
    "tags",
    [
        {"DetectorInformationSequence": None},
        {"SpacingBetweenSlices": None},
        {"ImageType": ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]},
        {"ImageType": ["ORIGINAL", "PRIMARY"]},
    ],
)
def test_what_does_not_say_where_its_frames_lie_is_no_volume(tags: dict[str, object]) -> None:
    (one,) = candidates(spect(**tags))
    assert one.reason == "multi_frame_without_geometry"


def test_a_spacing_of_zero_puts_all_slices_at_one_position() -> None:
    (one,) = candidates(spect(spacing_mm=0.0))
    assert one.reason == "repeated_slice"
