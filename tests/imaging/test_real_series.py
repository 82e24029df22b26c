"""The 28 real case folders: each has its outcome, and what is accepted is what dcm2niix, or the headers alone, give."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from shared_data import SHARED

from medtl.imaging.dicom.decoding import dicom_header
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.dicom.series import Candidate, grouped
from medtl.imaging.dicom.series_judgement import judged
from medtl.imaging.dicom.series_rules import SeriesRules
from medtl.imaging.dicom.series_volume import volume_of
from medtl.imaging.reading import read_scan
from medtl.imaging.scan import UnreadableScan

CASES = SHARED / "data" / "dicom"
DCM2NIIX = Path(sys.executable).with_name("dcm2niix")
AFFINE_MM = 1e-4
FLOAT32_MM = 2e-4
"""dcm2niix computes in float32: at 130 mm one step of it is 1.5e-5 mm, and it adds up over the slices."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CASES.is_dir(), reason="the shared DICOM folders are not beside the checkout"),
]

FEW = "too_few_slices"
OUTCOMES: dict[str, tuple[list[str | None], list[str | None]]] = {
    "ct_ge_gantry_tilt_variable_spacing": (["gantry_tilt"] * 2, ["gantry_tilt"] * 2),
    "failing_gantrytilting_001": (["gantry_tilt"], ["gantry_tilt"]),
    "failing_notavolume_001": (["repeated_slice"], ["repeated_slice"]),
    "failing_slicecount_001": ([FEW], [FEW]),
    "failing_sliceincrement_001": (["missing_slice"], ["missing_slice"]),
    "failing_sliceincrement_002": (["missing_slice"], ["missing_slice"]),
    "failing_sliceorientation_001": ([FEW, FEW], [FEW, FEW]),
    "ge_anatomical_001_single_slice": ([FEW], [FEW]),
    "generic_anatomical_001": ([FEW], [None]),
    "generic_anatomical_002_non_isotropic": ([FEW], [None]),
    "generic_compressed_j2k_001": ([FEW], [None]),
    "generic_compressed_jpeg_001": ([FEW], [None]),
    "generic_compressed_jpegls_001": ([FEW], [None]),
    "generic_compressed_rle_001": ([FEW], [None]),
    "generic_rgb_001": (["secondary_capture"], ["secondary_capture"]),
    "hippocampus_crop_study1": ([None], [None]),
    "hippocampus_crop_study2": ([None], [None]),
    "hippocampus_crop_study3": ([None], [None]),
    "hyperfine_anatomical_001": ([None], [None]),
    "mr_ge_4d_in_one_series": (["repeated_slice"], ["repeated_slice"]),
    "mr_phantom_jpeg_lossless_fragmented": ([None], [None]),
    "mr_same_image_many_transfer_syntaxes": (["mosaic"], ["mosaic"]),
    "mr_t1_sagittal_HFDL": ([None], [None]),
    "mr_t1_sagittal_HFS": ([None], [None]),
    "philips_anatomical_001_implicit": ([FEW], [None]),
    "philips_enhanced_anatomical_001": ([None], [None]),
    "siemens_multiframe_anatomical_001": ([None], [None]),
}  # fmt: skip
"""Each folder's candidates in order: a reason, or None for an accepted volume; by default, and with three slices."""

SINGLE_FILES = {
    "HTJ2KLossless_08_RGB.dcm": "secondary_capture",
    "MR2_J2KI.dcm": FEW,
    "OBXXXX1A.dcm": "picture",
    "OT-PAL-8-face.dcm": "not_dicom",
    "RG3_J2KR.dcm": "picture",
    "SC_ybr_full_uncompressed.dcm": "secondary_capture",
    "emri_small_RLE.dcm": "multi_frame_without_geometry",
    "gdcm-US-ALOKA-16_big.dcm": "picture",
}
ACCEPTED = [case for case, (_, loosely) in OUTCOMES.items() if None in loosely]
FOREIGN = {"mr_ge_4d_in_one_series": {"README-Series.txt": "not_dicom"}}


@cache
def files_in(case: str) -> tuple[Path, ...]:
    return tuple(sorted((CASES / case).iterdir()))


@cache
def headers_in(case: str) -> tuple[tuple[tuple[int, ImageHeader], ...], dict[str, str]]:
    known, refused = [], {}
    for number, file in enumerate(files_in(case)):
        try:
            known.append((number, dicom_header(file)))
        except UnreadableScan as refusal:
            refused[file.name] = refusal.reason
    return tuple(known), refused


def candidates(case: str, **rules: object) -> tuple[Candidate, ...]:
    return judged(grouped(headers_in(case)[0]), SeriesRules(**rules))


def test_every_folder_of_the_collection_has_an_expected_outcome() -> None:
    assert {*OUTCOMES, "single_files"} == {path.name for path in CASES.iterdir() if path.is_dir()}


@pytest.mark.parametrize("case", OUTCOMES)
def test_a_real_folder_gives_the_candidates_that_its_oddity_asks_for(case: str) -> None:
    strictly, loosely = OUTCOMES[case]
    assert [one.reason for one in candidates(case)] == strictly
    assert [one.reason for one in candidates(case, fewest_slices=3)] == loosely
    assert headers_in(case)[1] == FOREIGN.get(case, {})


def test_the_sentences_of_real_refusals_say_what_the_note_of_the_collection_says() -> None:
    def sentences_of(case: str) -> str:
        return " ".join(one.sentence for one in candidates(case))

    assert "tilted by 18.5 degrees" in sentences_of("ct_ge_gantry_tilt_variable_spacing")
    assert "tilted by 14.0 degrees" in sentences_of("failing_gantrytilting_001")
    assert "4 slices lie all at one place" in sentences_of("failing_notavolume_001")
    assert "1 slice is missing: the spacing is 5 mm" in sentences_of("failing_sliceincrement_001")
    assert "1 slice is missing: the spacing is 0.7497 mm" in sentences_of("failing_sliceincrement_002")
    assert "150 slices lie at 15 places" in sentences_of("mr_ge_4d_in_one_series")


def test_single_files_are_pictures_or_refused_by_name() -> None:
    known, found = headers_in("single_files")
    outcome = dict(found)
    for one in judged(grouped(known), SeriesRules()):
        (file,) = one.files
        outcome[files_in("single_files")[file].name] = one.reason or ("picture" if one.is_picture else "volume")
    assert outcome == SINGLE_FILES


def canonical(values: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    return nibabel.as_closest_canonical(nibabel.Nifti1Image(values, affine))


@pytest.mark.skipif(not DCM2NIIX.is_file(), reason="dcm2niix is not installed")
@pytest.mark.parametrize("case", ACCEPTED)
def test_an_accepted_volume_is_what_dcm2niix_makes_voxel_for_voxel(case: str, tmp_path: Path) -> None:
    """Private scales are switched off (-p n), but for the case whose rescale differs in every slice."""
    scaled = "y" if case == "generic_anatomical_002_non_isotropic" else "n"
    command = [DCM2NIIX, "-p", scaled, "-b", "n", "-o", tmp_path, CASES / case]
    subprocess.run(command, check=True, capture_output=True)
    (made,) = tmp_path.glob("*.nii")
    witness = nibabel.as_closest_canonical(nibabel.load(made))
    (one,) = candidates(case, fewest_slices=3)
    scan = volume_of(one, lambda file: files_in(case)[file].read_bytes())
    ours = canonical(scan.pixels[0], scan.affine)
    np.testing.assert_allclose(ours.get_fdata(), witness.get_fdata(), rtol=1e-6, atol=0)
    np.testing.assert_allclose(ours.affine, witness.affine, atol=FLOAT32_MM)


@pytest.mark.parametrize("case", ACCEPTED)
def test_every_slice_lies_where_its_header_says_and_holds_its_pixels(case: str) -> None:
    """The formula of PS3.3 C.7.6.2.1.1 for each slice alone; header rounding (siemens: 1e-3 mm) is allowed for."""
    (one,) = candidates(case, fewest_slices=3)
    scan = volume_of(one, lambda file: files_in(case)[file].read_bytes())
    assert one.stack is not None
    rounding = 1e-3 if case.startswith("siemens_multiframe") else 0.0
    for k, index in enumerate(one.stack.order):
        source = one.slices[index]
        header = pydicom.dcmread(files_in(case)[source.file])
        stored = header.pixel_array if source.header.frames == 1 else header.pixel_array[source.frame]
        slope, intercept = _rescale(header)
        np.testing.assert_allclose(scan.pixels[0, :, :, k].T, stored * slope + intercept, rtol=1e-6)
        position, orientation, (between_rows, between_columns) = _geometry(header, source.frame)
        last = np.array(stored.shape) - 1
        corner = position + orientation[:3] * between_columns * last[1] + orientation[3:] * between_rows * last[0]
        for found, truth in (((0, 0, k, 1), position), ((last[1], last[0], k, 1), corner)):
            np.testing.assert_allclose((scan.affine @ found)[:3] * (-1, -1, 1), truth, atol=AFFINE_MM + rounding)


def _groups(header: pydicom.Dataset, frame: int) -> list[pydicom.Dataset]:
    shared = list(header.get("SharedFunctionalGroupsSequence", []))
    return [*header.get("PerFrameFunctionalGroupsSequence", [])[frame : frame + 1], *shared]


def _geometry(header: pydicom.Dataset, frame: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    groups = _groups(header, frame)
    if not groups:
        parts = header.ImagePositionPatient, header.ImageOrientationPatient, header.PixelSpacing
    else:
        macros = (
            ("PlanePositionSequence", "ImagePositionPatient"),
            ("PlaneOrientationSequence", "ImageOrientationPatient"),
            ("PixelMeasuresSequence", "PixelSpacing"),
        )
        parts = tuple(next(group[macro][0][tag].value for group in groups if macro in group) for macro, tag in macros)
    position, orientation, spacing = (np.array(part, dtype=float) for part in parts)
    return position, orientation, (spacing[0], spacing[1])


def _rescale(header: pydicom.Dataset) -> tuple[float, float]:
    for group in _groups(header, 0):
        if "PixelValueTransformationSequence" in group:
            macro = group.PixelValueTransformationSequence[0]
            return float(macro.RescaleSlope), float(macro.RescaleIntercept)
    return float(header.get("RescaleSlope", 1)), float(header.get("RescaleIntercept", 0))


def test_the_four_compressions_of_one_image_give_the_same_volume() -> None:
    volumes = []
    for kind in ("j2k", "jpeg", "jpegls", "rle"):
        case = f"generic_compressed_{kind}_001"
        (one,) = candidates(case, fewest_slices=3)
        volumes.append(volume_of(one, lambda file, case=case: files_in(case)[file].read_bytes()))
    for other in volumes[1:]:
        np.testing.assert_array_equal(other.pixels, volumes[0].pixels)


@pytest.mark.skipif(not DCM2NIIX.is_file(), reason="dcm2niix is not installed")
def test_a_real_tilt_is_corrected_onto_the_grid_of_dcm2niix(tmp_path: Path) -> None:
    """The grids agree; of the values all but the rim do, as dcm2niix rounds to whole numbers."""
    case = "failing_gantrytilting_001"
    subprocess.run([DCM2NIIX, "-b", "n", "-o", tmp_path, CASES / case], check=True, capture_output=True)
    (made,) = tmp_path.glob("*Tilt*.nii")
    witness = nibabel.as_closest_canonical(nibabel.load(made))
    (one,) = candidates(case, fewest_slices=3, correct_tilt=True)
    scan = volume_of(one, lambda file: files_in(case)[file].read_bytes())
    ours = canonical(scan.pixels[0], scan.affine)
    assert ours.shape == witness.shape
    np.testing.assert_allclose(ours.affine, witness.affine, atol=FLOAT32_MM)
    difference = np.abs(ours.get_fdata() - witness.get_fdata())
    assert (difference <= 5).mean() > 0.998
    assert difference[difference <= 5].mean() < 0.5


def test_a_mixed_series_of_two_thicknesses_gives_two_volumes_on_request() -> None:
    found = candidates("ct_ge_gantry_tilt_variable_spacing", correct_tilt=True)
    assert [one.reason for one in found] == [None, None]
    spacings = [one.stack.spacing_mm for one in found if one.stack]
    np.testing.assert_allclose(spacings, (4.0019, 6.9987), atol=1e-3)


def test_reading_a_real_folder_as_a_scan_gives_its_volume_or_an_error() -> None:
    assert read_scan(CASES / "mr_t1_sagittal_HFDL").pixels.shape == (1, 256, 256, 35)
    assert read_scan(CASES / "siemens_multiframe_anatomical_001" / "IM-0001-0001-0001.dcm").affine is not None
    with pytest.raises(UnreadableScan, match=r"150 slices lie at 15 places") as caught:
        read_scan(CASES / "mr_ge_4d_in_one_series")
    assert caught.value.reason == "repeated_slice"
    with pytest.raises(UnreadableScan, match=r"MR, 1 of 64 x 64: multi_frame_without_geometry.*medtl intake"):
        read_scan(CASES / "single_files")


def test_what_the_headers_say_of_the_machine_is_kept() -> None:
    known, _ = headers_in("mr_t1_sagittal_HFS")
    models = Counter((header.manufacturer, header.model, header.field_strength_t) for _, header in known)
    assert models == {("SIEMENS", "Prisma_fit", 3.0): 35}
