"""The 28 real folders through the command: everything is used or refused by name, and the counts add up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from shared_data import SHARED

from medtl.intake import source_of

Intake = Callable[..., Any]

CASES = SHARED / "data" / "dicom"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CASES.is_dir(), reason="the shared DICOM folders are not beside the checkout"),
]

FEW, TILT = "too_few_slices", "gantry_tilt"
REFUSED = {
    "ct_ge_gantry_tilt_variable_spacing": [(TILT, 14), (TILT, 14)],
    "failing_gantrytilting_001": [(TILT, 4)],
    "failing_notavolume_001": [("repeated_slice", 4)],
    "failing_slicecount_001": [(FEW, 2)],
    "failing_sliceincrement_001": [("missing_slice", 4)],
    "failing_sliceincrement_002": [("missing_slice", 4)],
    "failing_sliceorientation_001": [(FEW, 2), (FEW, 2)],
    "ge_anatomical_001_single_slice": [(FEW, 1)],
    "generic_anatomical_001": [(FEW, 4)],
    "generic_anatomical_002_non_isotropic": [(FEW, 4)],
    "generic_compressed_j2k_001": [(FEW, 4)],
    "generic_compressed_jpeg_001": [(FEW, 4)],
    "generic_compressed_jpegls_001": [(FEW, 4)],
    "generic_compressed_rle_001": [(FEW, 4)],
    "generic_rgb_001": [("secondary_capture", 4)],
    "hippocampus_crop_study1": [],
    "hippocampus_crop_study2": [],
    "hippocampus_crop_study3": [],
    "hyperfine_anatomical_001": [],
    "mr_ge_4d_in_one_series": [("not_dicom", 1), ("repeated_slice", 150)],
    "mr_phantom_jpeg_lossless_fragmented": [],
    "mr_same_image_many_transfer_syntaxes": [("mosaic", 9)],
    "mr_t1_sagittal_HFDL": [],
    "mr_t1_sagittal_HFS": [],
    "philips_anatomical_001_implicit": [(FEW, 4)],
    "philips_enhanced_anatomical_001": [],
    "siemens_multiframe_anatomical_001": [],
    "single_files": [("multi_frame_without_geometry", 1), ("not_dicom", 1), ("secondary_capture", 1),
                     ("secondary_capture", 1), (FEW, 1)],
}  # fmt: skip
"""Each folder's refusals: the reason and the number of files."""

ACCEPTED = {"single_files": ["CR", "US", "US"]}
"""Modalities of the cases; one MR volume where none are given and nothing is refused."""


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_real_folder_is_taken_in_and_its_counts_add_up(case: str, intake: Intake) -> None:
    taken = intake(CASES / case)
    files = [path for path in (CASES / case).rglob("*") if path.is_file()]
    found, used, refused = taken.counts
    assert (found, used + refused) == (len(files), len(files))
    assert sorted((row["reason"], int(row["files"])) for row in taken.refusals) == REFUSED[case]
    assert refused == sum(number for _, number in REFUSED[case])
    assert all(len(row["detail"]) > 20 and row["detail"].endswith(".") for row in taken.refusals)
    expected = ACCEPTED.get(case, ["MR"] if all(reason == "not_dicom" for reason, _ in REFUSED[case]) else [])
    assert sorted(row["modality"] for row in taken.cases) == expected
    assert all((taken.manifest.parent / row["image"]).is_file() for row in taken.cases)


def test_all_folders_at_once_give_what_each_gives_but_for_series_that_lie_in_two(intake: Intake) -> None:
    taken = intake(CASES)
    found, used, refused = taken.counts
    assert (found, used, refused) == (445, 195, 250)
    assert sum(int(row["files"]) for row in taken.refusals) == refused
    assert len(taken.cases) == 12
    by_patient = {row["patient_id"]: 0 for row in taken.cases}
    for row in taken.cases:
        by_patient[row["patient_id"]] += 1
    assert sorted(by_patient.values())[-2:] == [2, 3]
    assert any("2 patients have several cases (up to 3)" in note for note in taken.notes)
    assert any("--correct-tilt" in note for note in taken.notes)


def test_the_volume_that_is_written_has_the_pixels_and_positions_of_its_dicom_files(intake: Intake) -> None:
    """The witness is each slice's own header and pydicom's pixels, read by the private link table."""
    taken = intake(CASES / "mr_t1_sagittal_HFDL")
    (row,) = taken.cases
    volume = nibabel.load(taken.manifest.parent / row["image"])
    to_voxel = np.linalg.inv(volume.affine)
    values = volume.get_fdata()
    files = source_of(row["case_id"]).files
    assert len(files) == 35 == volume.shape[2]
    for file in files:
        header = pydicom.dcmread(file)
        corner = np.append(np.array(header.ImagePositionPatient, dtype=float) * (-1, -1, 1), 1)
        i, j, k = (to_voxel @ corner)[:3]
        assert abs(k - round(k)) < 1e-3
        assert max(abs(i), abs(j)) < 1e-3
        np.testing.assert_array_equal(values[:, :, round(k)].T, header.pixel_array)


def test_on_request_a_tilted_series_is_straightened_and_reported(intake: Intake) -> None:
    taken = intake(CASES / "ct_ge_gantry_tilt_variable_spacing", "--correct-tilt")
    assert [row["orientation"] for row in taken.cases] == ["axial", "axial"]
    assert sorted(float(row["spacing_k_mm"]) for row in taken.cases) == pytest.approx([4.0019, 6.9987], abs=1e-3)
    assert taken.page.count("gantry tilt of 18.5 degrees corrected") == 2


def test_another_modality_is_refused_by_name(intake: Intake) -> None:
    taken = intake(CASES / "hippocampus_crop_study1", "--modality", "CT")
    assert taken.cases == []
    (row,) = taken.refusals
    assert row["reason"] == "other_modality"
    assert "MR" in row["detail"]
    assert "CT" in row["detail"]
