"""A row of a labels file is for one case or refused: each kind of name, paths in full or by their last parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import series

from medtl.errors import DataRefused
from medtl.imaging.for_intake import Scan
from medtl.intake.file_offer import file_offer
from medtl.intake.label_keys import names_in
from medtl.intake.labels_file import chosen_key, joined_labels, read_labels
from medtl.intake.name_shapes import shape_of, shapes_of
from medtl.intake.offer import Offer

Intake = Callable[..., Any]
ROOT = Path("/archive/collection")


def scan() -> Scan:
    return Scan(np.zeros((1, 2, 2), np.float32), None, "none")


def pictures(*paths: str) -> list[Offer]:
    return [file_offer(ROOT / path, ROOT) for path in paths]


def in_dicom(number: str, *files: str) -> Offer:
    names = {
        "series_uid": f"1.2.{number}", "study_uid": f"1.{number}", "patient_id": f"MRN-{number}",
        "accession_number": f"A{number}", "folder": str(Path(files[0]).parent),
    }  # fmt: skip
    if len(files) == 1:
        names["case"] = files[0]
    return Offer(f"dicom|{number}", f"MRN-{number}", tuple(ROOT / file for file in files), scan, names=names)


def joined(tmp_path: Path, offers: list[Offer], text: str) -> list[str]:
    file = tmp_path / "labels.csv"
    file.write_text(text, encoding="utf-8")
    labels = read_labels(file, label_column="label")
    key = chosen_key(labels, offers, root=ROOT) or labels.keys[-1]
    return [offer.label for offer in joined_labels(offers, labels, key, root=ROOT).offers]


def refused(tmp_path: Path, offers: list[Offer], text: str) -> str:
    with pytest.raises(DataRefused) as caught:
        joined(tmp_path, offers, text)
    return str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "north/001.png", "north/001", "./north/001.png", "north\\001.png", "collection/north/001.png",
        "/archive/collection/north/001.png",
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["image", "file", "filename", "path", "case", "case_id", "Image Path"])
def test_a_file_is_named_by_its_path_however_it_is_written(column: str, written: str, tmp_path: Path) -> None:
    offers = pictures("north/001.png", "south/001.png")
    assert joined(tmp_path, offers, f"{column},label\n{written},ill\n") == ["ill", ""]


def test_a_bare_name_will_do_where_it_is_the_only_one(tmp_path: Path) -> None:
    offers = pictures("north/001.png", "north/2.tiff", "south/3.nii.gz")
    assert joined(tmp_path, offers, "image,label\n001.png,a\n2,b\n3.nii.gz,c\n") == ["a", "b", "c"]


@pytest.mark.parametrize(("column", "kind"), [("image", "files"), ("case", "files"), ("file", "files")])
def test_a_name_in_two_folders_is_a_collision_with_its_lines_and_the_longer_name(
    column: str, kind: str, tmp_path: Path
) -> None:
    offers = pictures("x/north/001.png", "x/south/001.png", "x/south/002.png", "y/south/002.png", "y/south/003.png")
    message = refused(tmp_path, offers, f"{column},label\n001.png,ill\n003.png,ill\n002.png,healthy\n")
    assert f"line 2: column {column} may mean 2 {kind}" in message
    assert f"line 4: column {column} may mean 2 {kind}" in message
    assert "line 3" not in message
    wanted = "image" if column == "case" else column
    assert (
        f"Write the path of the file in the column {wanted}, from the collection's folder or at least its last 3"
        in (message)
    )
    assert "001" not in message
    assert "north" not in message


def test_folders_of_one_name_in_two_parents_are_a_collision(tmp_path: Path) -> None:
    offers = [in_dicom("1", "north/001/IM1"), in_dicom("2", "south/001/IM1"), in_dicom("3", "south/002/IM1")]
    message = refused(tmp_path, offers, "folder,label\n001,pos\n")
    assert "line 2: column folder may mean 2 folders" in message
    assert "at least its last 2 parts (FOLDER/NAME)" in message
    assert joined(tmp_path, offers, "folder,label\nnorth/001,pos\nsouth/001/,neg\n002,pos\n") == ["pos", "neg", "pos"]


def test_a_dicom_series_is_named_by_any_of_its_files(tmp_path: Path) -> None:
    offers = [in_dicom("1", "north/001/IM1", "north/001/IM2"), in_dicom("2", "south/001/IM1", "south/001/IM2")]
    text = "image,label\nnorth/001/IM2,pos\nsouth/001/IM1,neg\nsouth/001/IM2,neg\n"
    assert joined(tmp_path, offers, text) == ["pos", "neg"]
    assert "line 2: column image may mean 2 files" in refused(tmp_path, offers, "image,label\nIM1,pos\n")
    message = refused(tmp_path, offers, "image,label\nnorth/001/IM1,pos\nnorth/001/IM2,neg\n")
    assert "line 3: says something else of the same case than line 2" in message


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("AccessionNumber", ("A1", "A2")), ("accession_number", ("A1", "A2")), ("StudyInstanceUID", ("1.1", "1.2")),
        ("study_uid", ("1.1", "1.2")), ("SeriesInstanceUID", ("1.2.1", "1.2.2")), ("PatientID", ("MRN-1", "MRN-2")),
    ],
)  # fmt: skip
def test_each_id_of_a_series_serves_as_a_key(column: str, cells: tuple[str, str], tmp_path: Path) -> None:
    offers = [in_dicom("1", "a/1", "a/2"), in_dicom("2", "b/1", "b/2")]
    assert joined(tmp_path, offers, f"{column},label\n{cells[1]},neg\n{cells[0]},pos\n") == ["pos", "neg"]


def test_the_first_column_that_names_anything_is_used_and_reported(tmp_path: Path) -> None:
    offers = pictures("a/1.png", "a/2.png")
    file = tmp_path / "labels.csv"
    file.write_text("case,image,label\nX-77,a/1.png,ill\nX-78,a/2.png,well\n")
    labels = read_labels(file, label_column="label")
    key = chosen_key(labels, offers, root=ROOT)
    assert key is not None
    found = joined_labels(offers, labels, key, root=ROOT)
    assert [offer.label for offer in found.offers] == ["ill", "well"]
    note = "The rows of the table of labels were matched by image, as its column case names nothing in the collection."
    assert note in found.notes


def test_a_file_of_which_no_row_matches_is_refused_with_the_forms_of_both_sides(tmp_path: Path) -> None:
    message = refused(tmp_path, pictures("Doe/IMG_01.png", "Doe/IMG_02.png"), "image,label\np-007,ill\np-008,ill\n")
    assert "None of the 2 rows of labels.csv matches a case by the column image" in message
    assert "Its cells have the form a-999 (2); the files of the collection have the form Aa/A_99.a (2)" in message
    for name in ("Doe", "IMG", "007"):
        assert name not in message
    message = refused(tmp_path, pictures("a/1.png"), "AccessionNumber,label\n77,ill\n")
    assert "it names them by AccessionNumber, and this collection has no examinations that could be named so" in message


def test_two_rows_for_one_case_must_say_the_same(tmp_path: Path) -> None:
    offers = pictures("a/1.png", "b/2.png")
    assert joined(tmp_path, offers, "image,label\na/1.png,ill\n1.png,ill\n") == ["ill", ""]
    message = refused(tmp_path, offers, "image,label\na/1.png,ill\n1.png,well\n")
    assert "line 3: says something else of the same case than line 2" in message
    message = refused(tmp_path, offers, "image,patient_id,label\na/1.png,P1,ill\n1.png,P2,ill\n")
    assert "line 3: says something else" in message


def test_the_patient_of_a_row_wins_over_the_name_of_the_file(tmp_path: Path) -> None:
    offers = pictures("a/1.png", "a/2.png")
    file = tmp_path / "labels.csv"
    file.write_text("image;PatientID;label\n1.png;P7;ill\n2.png;P7;ill\n")
    labels = read_labels(file, label_column="label")
    key = chosen_key(labels, offers, root=ROOT)
    assert key is not None
    assert {offer.patient for offer in joined_labels(offers, labels, key, root=ROOT).offers} == {"P7"}


def test_shapes_say_what_a_name_looks_like_and_nothing_else() -> None:
    assert shape_of("DOE_Jane-007 é") == "A_Aa-999 a"
    assert shape_of("7" * 60) == "9" * 40 + "…"
    assert shapes_of(["a1", "b2", "C", "-", "?", "9"]) == "a9 (2), A (1), - (1) and 2 other forms"


def test_parts_needed_is_the_shortest_ending_that_distinguishes_all() -> None:
    offers = pictures("a/b/1.png", "c/b/1.png", "c/b/2.png")
    assert names_in(offers, "image", root=ROOT).parts_needed == 3
    assert names_in(pictures("a/1.png", "a/2.png"), "image", root=ROOT).parts_needed == 1


def test_dicom_files_are_matched_through_the_command(tmp_path: Path, intake: Intake) -> None:
    folder = tmp_path / "pacs"
    for number, path in enumerate(("north/001", "south/001")):

        def change(dataset: pydicom.Dataset, _k: int, number: int = number) -> None:
            dataset.PatientID, dataset.AccessionNumber = f"MRN-{number}", f"ACC-{number}"
            dataset.StudyInstanceUID = f"1.2.826.0.3.{number + 1}"

        names = [f"IM{k}.dcm" for k in range(6)]
        series(slices=6, uid=f"{number + 1}", seed=number, change=change).write(folder / path, names=names)
    labels = tmp_path / "labels.csv"
    for text in (
        "image,label\nnorth/001/IM1.dcm,pos\nsouth/001/IM1.dcm,neg\n",
        "AccessionNumber,label\nACC-0,pos\nACC-1,neg\n",
    ):
        labels.write_text(text)
        taken = intake(folder, "--labels", labels)
        found = {taken.links[row["case_id"]]["original_patient_id"]: row["label"] for row in taken.cases}
        assert found == {"MRN-0": "pos", "MRN-1": "neg"}
        assert "ACC-" not in taken.manifest.read_text()
    labels.write_text("folder,label\n001,pos\n")
    assert "may mean 2 folders" in intake(folder, "--labels", labels, code=3).stderr
