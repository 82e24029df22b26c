"""A map lies in the patient where nibabel says, and refers to the image that lies there; read back by pydicom alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_phantom import CT, OBLIQUE, Phantom, as_bytes, enhanced, series
from geometry_witness import by_nibabel, read_back

Export = Callable[..., Any]

DIRECTIONS = {
    "axial": np.eye(3),
    "oblique": OBLIQUE,
    "flipped": OBLIQUE * [-1.0, 1.0, -1.0],
    "downwards": np.diag([1.0, -1.0, -1.0]),
    "sagittal": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]),
    "stacked from the top": OBLIQUE * [1.0, 1.0, -1.0],
}


def map_of(phantom: Phantom, *, seed: int = 1) -> np.ndarray:
    """Every voxel another value, so that none can be mistaken; the largest is 1."""
    values = np.random.default_rng(seed).permutation(phantom.values.size).reshape(phantom.values.shape)
    return (values / values.max()).astype(np.float32)


@pytest.mark.parametrize("how", DIRECTIONS)
@pytest.mark.parametrize("turned", ["as stored", "towards right, anterior, superior"])
def test_the_peak_and_every_voxel_lie_where_the_nifti_map_has_them(
    how: str, turned: str, made: Any, export: Export
) -> None:
    phantom = series(directions=DIRECTIONS[how])
    phantom.write(made.root / "scans" / "a")
    image = nibabel.Nifti1Image(map_of(phantom), phantom.affine)
    if turned != "as stored":
        image = nibabel.as_closest_canonical(image)
    values = np.asarray(image.dataobj)
    made.volume("a", "scans/a", values=values, affine=image.affine)
    done = export(made.finish())
    expected, found = by_nibabel(values, image.affine), read_back(done.dicom("a_saliency.dcm"))
    assert np.linalg.norm(found.peak_mm - expected.peak_mm) < 0.1
    assert len(found.values) == values.size
    np.testing.assert_array_equal(found.values, expected.values_at(found.mm))
    row = done.table["a"]
    named = [float(row[f"peak_{axis}_mm"]) for axis in ("left", "posterior", "superior")]
    np.testing.assert_allclose(named, expected.peak_mm, atol=1e-3)


@pytest.mark.parametrize("how", ["oblique", "flipped"])
def test_each_plane_refers_to_the_image_at_its_own_position_and_all_are_listed(
    how: str, made: Any, export: Export
) -> None:
    """InstanceNumber runs against the positions here, and the file names decide nothing."""

    def backwards(dataset: pydicom.FileDataset, k: int) -> None:
        dataset.InstanceNumber = 100 - k

    phantom = series(directions=DIRECTIONS[how], slices=7, change=backwards)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=map_of(phantom), affine=phantom.affine, plane="axial")
    done = export(made.finish())
    saliency, montage = done.dicom("a_saliency.dcm"), done.dicom("a_montage.dcm")
    lies = {one.SOPInstanceUID: np.array(one.ImagePositionPatient, dtype=float) for one in phantom.datasets}
    for groups in saliency.PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        own = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        np.testing.assert_allclose(own, lies[source.ReferencedSOPInstanceUID], atol=1e-6)
        assert source.SpatialLocationsPreserved == "YES"
    first = phantom.datasets[0]
    for made_of in (saliency, montage):
        (referenced,) = made_of.ReferencedSeriesSequence
        assert referenced.SeriesInstanceUID == first.SeriesInstanceUID
        listed = [one.ReferencedSOPInstanceUID for one in referenced.ReferencedInstanceSequence]
        assert sorted(listed) == sorted(lies)
        assert {one.ReferencedSOPInstanceUID for one in made_of.SourceImageSequence} == set(lies)
        assert {one.ReferencedSOPClassUID for one in made_of.SourceImageSequence} == {CT}
        assert made_of.StudyInstanceUID == first.StudyInstanceUID
        assert made_of.SeriesInstanceUID != first.SeriesInstanceUID
    assert saliency.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert saliency.SeriesInstanceUID != montage.SeriesInstanceUID
    assert done.table["a"]["source_series_uid"] == first.SeriesInstanceUID
    assert done.table["a"]["slices"] == "7"


def test_an_enhanced_object_of_one_time_is_referred_to_by_frame(made: Any, export: Export) -> None:
    phantom = series(slices=6)
    whole = enhanced(phantom)
    (made.root / "scans").mkdir()
    (made.root / "scans" / "one.dcm").write_bytes(as_bytes(whole))
    made.volume("a", "scans/one.dcm", values=map_of(phantom), affine=phantom.affine)
    saliency = export(made.finish()).dicom("a_saliency.dcm")
    assert saliency.NumberOfFrames == 6
    for groups in saliency.PerFrameFunctionalGroupsSequence:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == whole.SOPInstanceUID
        named = whole.PerFrameFunctionalGroupsSequence[source.ReferencedFrameNumber - 1]
        np.testing.assert_allclose(
            np.array(groups.PlanePositionSequence[0].ImagePositionPatient, dtype=float),
            np.array(named.PlanePositionSequence[0].ImagePositionPatient, dtype=float),
            atol=1e-6,
        )
    expected, found = by_nibabel(map_of(phantom), phantom.affine), read_back(saliency)
    np.testing.assert_array_equal(found.values, expected.values_at(found.mm))


def test_what_a_value_means_is_stated_in_the_object(made: Any, export: Export) -> None:
    phantom = series()
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=map_of(phantom), affine=phantom.affine)
    saliency = export(made.finish()).dicom("a_saliency.dcm")
    (mapping,) = saliency.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert mapping.LUTExplanation == "saliency, no units, 0-1 relative, not validated as localisation"
    assert mapping.DoubleFloatRealWorldValueFirstValueMapped == 0.0
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == 1.0
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeMeaning == "no units"
    assert saliency.ContentQualification == "RESEARCH"
    assert saliency.ContentDescription == "0 to 1, relative"


def test_what_the_network_did_not_see_is_noted_as_such(made: Any, export: Export) -> None:
    phantom = series()
    seen = np.ones(phantom.values.shape, dtype=bool)
    seen[:, :, :1] = False
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=map_of(phantom) * seen, affine=phantom.affine, seen=seen)
    done = export(made.finish())
    assert done.dicom("a_saliency.dcm").ContentDescription == "0 to 1, relative; 0 where the network did not see (20 %)"
    assert float(done.table["a"]["unseen_share"]) == pytest.approx(0.2)
    assert "20 % of the voxels were not seen by the network; they are 0 in the map." in done.table["a"]["remarks"]


def test_a_map_of_zeros_has_no_peak_and_says_so(made: Any, export: Export) -> None:
    phantom = series()
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.zeros(phantom.values.shape), affine=phantom.affine)
    row = export(made.finish()).table["a"]
    assert row["peak_left_mm"] == ""
    assert "The map is zero everywhere." in row["remarks"]


def test_slices_are_whole_numbers_though_another_case_has_none(made: Any, export: Export) -> None:
    phantom = series()
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=map_of(phantom), affine=phantom.affine)
    nibabel.Nifti1Image(phantom.values, phantom.affine).to_filename(made.root / "b.nii.gz")
    made.volume("b", "b.nii.gz", values=map_of(phantom), affine=phantom.affine)
    assert [row["slices"] for row in export(made.finish()).table.values()] == ["5", ""]


def test_a_spare_text_file_in_the_series_folder_changes_nothing(made: Any, export: Export) -> None:
    phantom = series()
    phantom.write(made.root / "scans" / "a")
    (made.root / "scans" / "a" / "README.txt").write_text("exported by hand")
    made.volume("a", "scans/a", values=map_of(phantom), affine=phantom.affine)
    assert export(made.finish()).table["a"]["saliency_file"] == "a_saliency.dcm"
