"""Whose the objects are, who may read them, and what the captures show."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import CR, as_bytes, image, series
from PIL import Image

from medtl.maps import export_maps

Export = Callable[..., Any]

WHO = {
    "PatientName": "REMOVED", "PatientID": "MRN 8472", "PatientBirthDate": "19610203", "PatientSex": "X",
    "AccessionNumber": "ACC-1", "StudyID": "S1", "StudyDate": "20240311", "StudyTime": "101500",
    "ReferringPhysicianName": "nobody at all", "StudyDescription": "Head",
}  # fmt: skip
"""A name without a caret and a sex that DICOM does not know, as archives hold them and highdicom refuses them."""


def named(dataset: pydicom.FileDataset, _k: int) -> None:
    for name, value in WHO.items():
        setattr(dataset, name, value)


def volume(made: Any, name: str = "a", **options: Any) -> None:
    """A case with a small series of its own and a map of ones."""
    phantom = series(change=named, uid=str(len(made.manifest) + 1), seed=len(made.manifest))
    phantom.write(made.root / "scans" / name)
    made.volume(name, f"scans/{name}", values=np.ones(phantom.values.shape), affine=phantom.affine, **options)


def radiograph(made: Any, name: str = "r", *, is_shown: bool = True, size: tuple[int, int] = (24, 30)) -> Any:
    """A chest picture without a position in the patient."""
    picture = image(np.arange(24 * 30, dtype=np.uint16).reshape(24, 30), uid="7", sop_class=CR, modality="CR")
    picture.PatientOrientation = ["L", "F"]
    named(picture, 0)
    (made.root / "scans").mkdir(exist_ok=True)
    (made.root / "scans" / f"{name}.dcm").write_bytes(as_bytes(picture))
    made.picture(name, f"scans/{name}.dcm", size=size, is_shown=is_shown)
    return picture


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A user who lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


@pytest.mark.usefixtures("open_umask")
def test_only_the_owner_can_read_what_was_written(made: Any, export: Export) -> None:
    volume(made, plane="axial")
    done = export(made.finish())
    assert modes(done.folder) == {
        "objects": 0o700,
        "a_saliency.dcm": 0o600,
        "a_montage.dcm": 0o600,
        "maps.csv": 0o600,
    }
    assert "They bear patients' names and identifiers. objects is readable by you alone; keep it so." in done.out


@pytest.mark.usefixtures("open_umask")
def test_an_empty_folder_that_others_could_read_is_closed_to_them(made: Any, export: Export, tmp_path: Path) -> None:
    volume(made)
    (tmp_path / "open").mkdir()
    done = export(made.finish(), out=tmp_path / "open")
    assert modes(done.folder)["open"] == 0o700


def test_the_objects_are_the_patients_own_whatever_the_names_are_like(made: Any, export: Export) -> None:
    volume(made, plane="axial")
    radiograph(made)
    done = export(made.finish())
    for file in ("a_saliency.dcm", "a_montage.dcm", "r_montage.dcm"):
        found = done.dicom(file)
        assert {name: str(found[name].value) for name in WHO} == WHO, file


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 192", "Müller^Jörg"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
        (None, "Plain^Name"),
    ],
)
def test_names_of_any_script_stay_as_they_are(
    character_set: str | list[str] | None, name: str, made: Any, export: Export
) -> None:
    def spelt(dataset: pydicom.FileDataset, _k: int) -> None:
        if character_set is not None:
            dataset.SpecificCharacterSet = character_set
        dataset.PatientName = name

    phantom = series(change=spelt)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.ones(phantom.values.shape), affine=phantom.affine, plane="axial")
    done = export(made.finish())
    for file in ("a_saliency.dcm", "a_montage.dcm"):
        assert str(done.dicom(file).PatientName) == name


def test_what_was_made_of_a_lossy_image_says_so(made: Any, export: Export) -> None:
    def lossy(dataset: pydicom.FileDataset, _k: int) -> None:
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "10"
        dataset.LossyImageCompressionMethod = "ISO_10918_1"

    phantom = series(change=lossy)
    phantom.write(made.root / "scans" / "a")
    made.volume("a", "scans/a", values=np.ones(phantom.values.shape), affine=phantom.affine, plane="axial")
    done = export(made.finish())
    for file in ("a_saliency.dcm", "a_montage.dcm"):
        found = done.dicom(file)
        assert (found.LossyImageCompression, float(found.LossyImageCompressionRatio)) == ("01", 10.0)
        assert found.LossyImageCompressionMethod == "ISO_10918_1"


def test_nothing_of_the_patient_is_printed_on_the_screen(made: Any, export: Export) -> None:
    volume(made)
    done = export(made.finish())
    assert not [value for value in (*WHO.values(), "1.2.826") if value in done.out + done.err]


@pytest.mark.parametrize(
    ("plane", "directions"), [("axial", ["L", "P"]), ("coronal", ["L", "F"]), ("sagittal", ["P", "F"])]
)
def test_a_montage_is_the_pages_sheet_pixel_by_pixel_and_says_which_way_it_hangs(
    plane: str, directions: list[str], made: Any, export: Export
) -> None:
    volume(made, plane=plane)
    montage = export(made.finish()).dicom("a_montage.dcm")
    sheet = made.folder / "fold_0" / "saliency" / "a-montage.png"
    np.testing.assert_array_equal(montage.pixel_array, np.asarray(Image.open(sheet).convert("RGB")))
    assert montage.PatientOrientation == directions
    assert "not validated as localisation" in montage.DerivationDescription


def test_a_volume_that_is_not_on_the_pages_gets_its_map_and_no_montage(made: Any, export: Export) -> None:
    volume(made)
    done = export(made.finish())
    assert not (done.folder / "a_montage.dcm").exists()
    assert "No montage: the run draws pictures only of the cases on its pages" in done.table["a"]["remarks"]


def test_a_radiograph_gets_a_picture_and_no_parametric_map(made: Any, export: Export) -> None:
    source = radiograph(made)
    done = export(made.finish())
    row = done.table["r"]
    assert (row["saliency_file"], row["montage_file"], row["peak_left_mm"]) == ("", "r_montage.dcm", "")
    assert "No parametric map: the run studied it as a picture, which has no position in the patient." in row["remarks"]
    found = done.dicom("r_montage.dcm")
    (referenced,) = found.SourceImageSequence
    assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert found.PatientOrientation == ["L", "F"]
    pixels = found.pixel_array
    assert (pixels[:, :30] == 40).all()
    assert (pixels[:, -30:] == 200).all()
    assert "1 of 1 maps exported: 0 as parametric map, 1 as picture." in done.out


def test_a_class_with_any_name_fits_into_a_header(made: Any, export: Export) -> None:
    made.target_class = "Größe\\krank " * 9
    volume(made, plane="axial")
    done = export(made.finish())
    for file in ("a_saliency.dcm", "a_montage.dcm"):
        text = done.dicom(file).SeriesDescription
        assert text.startswith("Saliency, probe, class Gr??e/krank")
        assert len(text) <= 64
    assert done.table["a"]["target_class"] == made.target_class


def test_a_case_tested_in_two_folds_has_a_map_from_each(made: Any, export: Export) -> None:
    volume(made)
    again = series()
    made.volume("a", "scans/a", values=np.ones(again.values.shape), affine=again.affine, fold=5)
    done = export(made.finish())
    assert {path.name for path in done.folder.iterdir()} == {
        "a_fold0_saliency.dcm", "a_fold5_saliency.dcm", "maps.csv",
    }  # fmt: skip


def test_an_id_that_cannot_be_a_file_name_is_numbered(made: Any, export: Export) -> None:
    volume(made, name="a")
    for row in (*made.maps[0], *made.lock, *made.manifest):
        row["case_id"] = "scan 7/left"
    done = export(made.finish())
    assert done.table["scan 7/left"]["saliency_file"] == "case-000_saliency.dcm"
    assert (done.folder / "case-000_saliency.dcm").is_file()


def test_named_cases_alone_are_exported(made: Any, export: Export) -> None:
    for name in ("a", "b", "c"):
        volume(made, name)
    done = export(made.finish(), "--cases", "a", "--cases", "c")
    assert sorted(done.table) == ["a", "c"]


def test_the_same_map_exported_twice_is_two_objects(made: Any, tmp_path: Path) -> None:
    """An archive must never get two different files under one identifier."""
    volume(made)
    run = made.finish()
    for name in ("one", "two"):
        export_maps(run, tmp_path / name)
    uids = {pydicom.dcmread(tmp_path / name / "a_saliency.dcm").SOPInstanceUID for name in ("one", "two")}
    assert len(uids) == 2
