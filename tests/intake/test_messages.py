"""A collection that cannot be taken in is answered by the table, the array or the option at fault, and what to do."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from medtl.errors import ConfigurationError, DataRefused
from medtl.imaging.for_intake import Scan
from medtl.intake.cells import refuse_twin_patients
from medtl.intake.datalist import survey_datalist
from medtl.intake.file_offer import file_offer
from medtl.intake.label_keys import Key
from medtl.intake.labels_file import joined_labels, read_labels
from medtl.intake.manifest_file import refuse_to_overwrite
from medtl.intake.medmnist import survey_medmnist
from medtl.intake.npz_arrays import arrays_in
from medtl.intake.offer import Offer
from medtl.intake.run import run_intake
from medtl.intake.settings import IntakeSettings, intake_settings
from medtl.intake.surveyed import surveyed

ROOT = Path("/archive/collection")


def offers(*paths: str) -> list[Offer]:
    return [file_offer(ROOT / path, ROOT) for path in paths]


def labels(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def packed(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "chest.npz", **arrays)
    return folder / "chest.npz"


IMAGES = np.zeros((3, 8, 8), np.uint8)
CLASSES = np.array([[0], [1], [1]], np.uint8)


# A labels file


def test_a_labels_file_without_a_name_for_its_cases_is_answered_with_the_columns_that_may_be(tmp_path: Path) -> None:
    file = labels(tmp_path, "subject,finding\n1,ill\n")
    with pytest.raises(
        DataRefused,
        match=r"needs a column 'label' and one of .*image.*\. It has: subject, finding\. "
        r"Rename a column, or name the label's with --label-column",
    ):
        read_labels(file, label_column="label")


def test_a_patient_that_is_a_missing_marker_is_named_by_its_line(tmp_path: Path) -> None:
    file = labels(tmp_path, "image,patient_id,label\na/1.png,p1,ill\na/2.png,NA,well\n")
    with pytest.raises(
        DataRefused,
        match=r"labels\.csv has 1 faulty line \(the header is line 1\):\n  line 3: column patient_id is 'NA', .*\n"
        r"Correct them and run again; nothing was written",
    ):
        read_labels(file, label_column="label")


def test_two_rows_of_one_case_that_differ_name_both_lines(tmp_path: Path) -> None:
    read = read_labels(labels(tmp_path, "image,label\na/1.png,ill\na/1.png,well\n"), label_column="label")
    with pytest.raises(DataRefused, match="line 3: says something else of the same image than line 2"):
        joined_labels(offers("a/1.png"), read, Key("image", "image"), root=ROOT)


def test_rows_of_another_collection_are_answered_with_both_forms_and_no_name(tmp_path: Path) -> None:
    read = read_labels(labels(tmp_path, "image,label\nMeier-77.png,ill\n"), label_column="label")
    with pytest.raises(
        DataRefused, match=r"None of the 1 rows of labels\.csv matches a case by the column image\. .*have the form"
    ) as caught:
        joined_labels(offers("a/1.png"), read, Key("image", "image"), root=ROOT)
    assert "Meier" not in str(caught.value)


def test_patients_that_differ_in_zeros_are_answered_by_their_form() -> None:
    twins = [
        Offer(f"k{text}", text, (), lambda: Scan(np.zeros((1, 2, 2), np.float32), None, "none"))
        for text in ("p7", "p007")
    ]
    with pytest.raises(
        DataRefused,
        match=r"one of the form a9 and one of the form a999, which differ in zeros in front .*--ids-as-written",
    ):
        refuse_twin_patients(twins)


# A MedMNIST file


def test_two_packed_files_are_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=IMAGES)
    with pytest.raises(ConfigurationError, match=r"Expected one MedMNIST file \(\.npz\); got 2\. Name the file itself"):
        survey_medmnist(tmp_path, IntakeSettings())


def test_arrays_of_another_kind_are_listed_with_those_expected(tmp_path: Path) -> None:
    file = packed(tmp_path, weights=IMAGES, bias=CLASSES)
    with pytest.raises(
        DataRefused,
        match=r"is no MedMNIST file: it holds bias, weights\. Expected arrays such as train_images and train",
    ):
        survey_medmnist(file, IntakeSettings())


def test_images_of_two_axes_are_given_by_their_sides(tmp_path: Path) -> None:
    file = packed(tmp_path, train_images=np.zeros((3, 64), np.uint8), train_labels=CLASSES)
    with pytest.raises(
        DataRefused, match=r"array train_images of chest\.npz is 3 x 64; expected whole or real numbers"
    ):
        survey_medmnist(file, IntakeSettings())


def test_fourteen_labels_for_each_image_are_no_classification(tmp_path: Path) -> None:
    file = packed(tmp_path, val_images=IMAGES, val_labels=np.zeros((3, 14), np.uint8))
    with pytest.raises(
        DataRefused, match=r"has 42 labels for 3 images in val; expected one for each\. A study classifies"
    ):
        survey_medmnist(file, IntakeSettings())


def test_labels_in_words_are_no_numbers(tmp_path: Path) -> None:
    file = packed(tmp_path, test_images=IMAGES, test_labels=np.array(["a", "b", "a"]))
    with pytest.raises(
        DataRefused, match=r"labels of test in chest\.npz are no numbers\. Expected the number of a class"
    ):
        survey_medmnist(file, IntakeSettings())


def test_images_without_their_labels_name_both_arrays(tmp_path: Path) -> None:
    file = packed(tmp_path, train_images=IMAGES, train_labels=CLASSES, test_images=IMAGES)
    with pytest.raises(
        DataRefused, match=r"has no test_labels beside test_images\. Get the whole file from its source"
    ):
        survey_medmnist(file, IntakeSettings())


# Arrays in an .npz


def test_python_objects_are_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", train_images=np.array([{"run": "me"}], object))
    with pytest.raises(
        DataRefused, match=r"x\.npz holds Python objects, which are never opened, .* Save it with numbers"
    ):
        arrays_in(tmp_path / "x.npz")


def test_an_array_by_columns_is_to_be_saved_by_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", train_images=np.asfortranarray(np.zeros((3, 4), np.uint8)))
    with pytest.raises(DataRefused, match=r"lies column by column \(Fortran order\), .* with numpy\.ascontiguousarray"):
        arrays_in(tmp_path / "x.npz")


def test_an_array_that_is_shorter_than_its_header_says_gives_both_lengths(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("train_images.npy", (tmp_path / "x.npy").read_bytes()[:-92])
    with pytest.raises(DataRefused, match=r"x\.npz has 228 bytes where its header promises 320\. Get it again"):
        arrays_in(tmp_path / "x.npz")


def test_a_file_that_is_no_archive_is_named_with_the_fault(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"PK but no archive")
    with pytest.raises(
        DataRefused, match=r"x\.npz cannot be read as \.npz \(BadZipFile\)\. Get it again from its source"
    ):
        arrays_in(tmp_path / "x.npz")


# A datalist


def datalist(folder: Path, content: object) -> Path:
    (folder / "list.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder / "list.json"


def test_half_a_list_is_named_with_the_fault(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused, match=r"list\.json cannot be read as JSON \(JSONDecodeError\)\. Get it again from its"
    ):
        survey_datalist(datalist(tmp_path, '{"training": ['), IntakeSettings())


def test_a_list_of_something_else_is_answered_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused, match=r"holds none of the lists training, .* such as \{\"training\": \[\{\"image\""
    ):
        survey_datalist(datalist(tmp_path, {"cases": []}), IntakeSettings())


def test_one_entry_that_leads_out_is_one_entry(tmp_path: Path) -> None:
    entries = [{"image": "a.nii.gz", "label": 1}, {"image": "../b.nii.gz", "label": 0}]
    with pytest.raises(
        DataRefused,
        match=r"list\.json has 1 faulty entry:\n  training 2: a path leads out of the folder of the list\n"
        r"Correct them; nothing was written",
    ):
        survey_datalist(datalist(tmp_path, {"training": entries}), IntakeSettings())


# Options and the manifest


def test_options_that_cannot_be_followed_are_named_as_they_are_typed() -> None:
    with pytest.raises(
        ConfigurationError, match=r"options cannot be followed: --workers 0: input should be greater than"
    ):
        intake_settings({"workers": 0})


def test_two_sources_of_labels_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    settings = IntakeSettings(labels=labels(tmp_path, "image,label\n1.png,ill\n"), labels_from="folder")
    with pytest.raises(
        ConfigurationError, match="--labels and --labels-from both say what the classes are: give one of"
    ):
        surveyed(tmp_path / "a", settings)


def test_a_series_is_chosen_in_dicom_alone(tmp_path: Path) -> None:
    file = packed(tmp_path, train_images=IMAGES, train_labels=CLASSES)
    with pytest.raises(
        ConfigurationError, match=r"--series chooses DICOM series by their description; .* Leave it out"
    ):
        surveyed(file, IntakeSettings(series="T1"))


def test_folders_are_no_classes_in_a_packed_file(tmp_path: Path) -> None:
    file = packed(tmp_path, train_images=IMAGES, train_labels=CLASSES)
    with pytest.raises(ConfigurationError, match=r"--labels-from takes the folders of .* Give --labels with a CSV"):
        surveyed(file, IntakeSettings(labels_from="folder"))


def test_names_are_not_read_where_the_collection_says_who_the_patient_is(tmp_path: Path) -> None:
    file = packed(tmp_path, train_images=IMAGES, train_labels=CLASSES)
    with pytest.raises(
        ConfigurationError, match=r"--patients-from reads the names of files; this collection says itself"
    ):
        surveyed(file, IntakeSettings(patients_from="file"))


def test_a_manifest_is_a_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"a table: give --out a name that ends in \.csv, not 'cases\.xlsx'"):
        refuse_to_overwrite(tmp_path / "cases.xlsx", seal=tmp_path / "seal", may_replace=True)


def test_labels_that_were_typed_into_a_manifest_are_kept(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text("case_id,label\n1,ill\n")
    with pytest.raises(
        ConfigurationError,
        match=r"cases\.csv exists and is not as an intake left it: .*\(--labels\), or give --replace",
    ):
        refuse_to_overwrite(tmp_path / "cases.csv", seal=tmp_path / "seal", may_replace=False)


def test_a_manifest_inside_the_collection_would_be_taken_in_the_next_time(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"inside the folder that is taken in, .* Choose a folder outside of it for --out"
    ):
        run_intake(tmp_path, tmp_path / "cases.csv", IntakeSettings())
