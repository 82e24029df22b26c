"""Every refusal of a manifest names the file, the line or the column, what stands there, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from medtl.cohort import ManifestSettings, read_manifest
from medtl.cohort.delimited import SIZE_LIMIT_BYTES, read_delimited
from medtl.cohort.image_paths import PathRefused, locate_image
from medtl.cohort.manifest_row import ManifestRow
from medtl.errors import ConfigurationError, DataRefused

HEAD = "patient_id,image,label\n"
TWO = f"{HEAD}P1,1.png,sick\nP2,2.png,well\n"


def saved(folder: Path, content: str | bytes, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def row_of(root: Path, **cells: object) -> ManifestRow:
    return ManifestRow.model_validate(
        {"line": 2, "image": "1.png", "patient_id": "P1", "label": "sick", **cells}, context={"root": root}
    )


# The file as a table


def test_an_empty_table_names_what_a_table_has(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused, match=r"table of readers cases\.csv is empty: expected a header line and one line per case"
    ):
        read_delimited(saved(tmp_path, "\n\n"), expected_columns=(), what="table of readers")


def test_a_path_to_nothing_and_a_path_to_a_folder_are_two_faults(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cases\.csv does not exist\. Expected a CSV, TSV or Excel file .*; check the path"
    ):
        read_manifest(tmp_path / "cases.csv")
    (tmp_path / "cases.csv").mkdir()
    with pytest.raises(
        ConfigurationError, match=r"cases\.csv is a folder, not a file\. Expected a CSV, TSV or Excel file"
    ):
        read_manifest(tmp_path / "cases.csv")


def test_a_table_of_scans_is_too_large_by_its_size_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "scans.csv"
    with path.open("wb") as stream:
        stream.truncate(SIZE_LIMIT_BYTES + 5)
    with pytest.raises(
        DataRefused, match=r"scans\.csv has 67,108,869 bytes; .*lists the images, one line each; it does not hold them"
    ):
        read_manifest(path)


def test_a_workbook_is_called_a_workbook(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"cases\.csv is an old Excel workbook \(\.xls\), not a CSV.*Save as, CSV"):
        read_manifest(saved(tmp_path, b"\xd0\xcf\x11\xe0" + bytes(99)))


def test_a_table_in_latin_1_is_named_by_line_and_byte(tmp_path: Path) -> None:
    text = f"{HEAD}P1,1.png,sick\nP2,2.png,gesünder\n"
    with pytest.raises(DataRefused, match=r"is not UTF-8 text \(line 3, byte 49\)\. Save it as CSV UTF-8"):
        read_manifest(saved(tmp_path, text.encode("latin-1")))


def test_a_zero_byte_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"is not a text file: line 3 holds a zero byte\. Save it as CSV UTF-8"):
        read_manifest(saved(tmp_path, f"{HEAD}P1,1.png,sick\nP\0,2.png,well\n"))


def test_a_quote_that_stays_open_is_named_by_the_line_it_opens_in(tmp_path: Path) -> None:
    text = f'{HEAD}P1,1.png,sick\n"P2,2.png,well\nP3,3.png,well\n'
    with pytest.raises(
        DataRefused, match=r'from line 3 on \(.+\)\. A cell with a quote .* "like ""this"" one"; look for a quote'
    ):
        read_manifest(saved(tmp_path, text))


def test_a_column_that_stands_twice_is_to_be_renamed(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"cases\.csv has two columns named 'image': rename one"):
        read_manifest(saved(tmp_path, "patient_id,image,image,label\nP1,1.png,2.png,sick\n"))


def test_a_column_under_another_name_is_suggested_with_the_settings_that_name_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused,
        match=r"lacks 1 column:\n  'label' for the label; did you mean 'Label'\?\nIt has: patient_id, image, Label\.\n"
        r"Rename the column in the file, or name it in the study \(label_column",
    ):
        read_manifest(saved(tmp_path, TWO.replace("label", "Label")))


def test_one_faulty_line_is_one_line_in_the_singular_and_nothing_was_changed(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused,
        match=r"cases\.csv has 1 faulty line \(the header is line 1\):\n  line 3: has 2 cells, the header has 3 .*\n"
        r"Correct them, or take the lines out, and run again; nothing was changed",
    ):
        read_manifest(saved(tmp_path, f"{HEAD}P1,1.png,sick\nP2,2.png\nP3,3.png,well\n"))


# One line


def test_a_cell_that_swallowed_its_neighbours_is_named_by_its_length(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"has 204 characters, more than 200 \(a quote that does not close\?\)"):
        row_of(tmp_path, label="sick" * 51)


def test_a_zero_width_character_in_a_label_is_named_for_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"holds a character that cannot be seen .*a line break, a zero-width"):
        row_of(tmp_path, label="si\u200bck")


def test_a_missing_marker_is_no_patient(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is 'N/A', which stands for a missing value, not for an id"):
        row_of(tmp_path, patient_id="N/A")


def test_a_missing_marker_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is 'NaN', which stands for a missing value"):
        row_of(tmp_path, image="NaN")


def test_an_age_in_days_is_named_with_the_span_of_a_life(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is 21915, not between 0 and 130 years"):
        row_of(tmp_path, age_years="21915")


def test_an_age_in_words_is_answered_with_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"is 'adult', not a number \(write 63 or 63\.5; leave it empty"):
        row_of(tmp_path, age_years="adult")


# Where an image lies


def test_a_control_character_in_a_path_is_refused_before_the_path_is_looked_up(tmp_path: Path) -> None:
    with pytest.raises(PathRefused, match=r"^holds a control character$"):
        locate_image("a\x7f.png", root=tmp_path)


def test_a_windows_drive_is_answered_with_a_relative_path(tmp_path: Path) -> None:
    with pytest.raises(PathRefused, match="names a Windows drive: write it relative to the data root"):
        locate_image("D:/scans/1.png", root=tmp_path)


def test_a_path_longer_than_a_file_system_takes_is_named_by_the_limit(tmp_path: Path) -> None:
    with pytest.raises(PathRefused, match="is longer than 4095 bytes"):
        locate_image("ab/" * 1366, root=tmp_path)


def test_the_length_of_a_name_is_counted_in_bytes_and_not_in_characters(tmp_path: Path) -> None:
    with pytest.raises(PathRefused, match="has a name longer than 255 bytes"):
        locate_image("ü" * 128, root=tmp_path)
    assert locate_image("u" * 128, root=tmp_path) == tmp_path / ("u" * 128)


def test_the_data_root_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(PathRefused, match="names the data root itself, not an image in it"):
        locate_image("x/..", root=tmp_path)


def test_a_path_out_of_the_data_root_is_answered_with_both_ways_out(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(PathRefused, match=r"^leads out of the data root: move the image there or set data_root$"):
        locate_image("../1.png", root=tmp_path / "data")


def test_a_slice_that_is_a_link_out_of_the_root_is_to_be_copied(tmp_path: Path) -> None:
    (tmp_path / "data" / "series").mkdir(parents=True)
    (tmp_path / "data" / "series" / "1.dcm").symlink_to(tmp_path / "1.dcm")
    with pytest.raises(PathRefused, match="is a folder with a link that leads out of the data root: copy the file"):
        locate_image("series", root=tmp_path / "data")


def test_a_data_root_that_is_a_file_is_answered_with_the_default(tmp_path: Path) -> None:
    path = saved(tmp_path, TWO)
    with pytest.raises(ConfigurationError, match=r"'cases\.csv' is not a folder\. .*leave data_root out when they"):
        read_manifest(path, ManifestSettings(data_root=Path("cases.csv")))


# Labels and classes


def test_a_label_left_out_that_nobody_has_is_answered_with_the_labels_and_their_counts(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused, match=r"names 'healthy', but the labels are .*sick.*well.*\. Correct or remove the name"
    ):
        read_manifest(saved(tmp_path, TWO), ManifestSettings(leave_out_labels=("healthy",)))


def test_labels_alike_but_for_zeros_are_counted_and_may_be_two_classes_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path, f"{HEAD}P1,1.png,T1\nP2,2.png,T01\nP3,3.png,T1\n")
    with pytest.raises(
        DataRefused,
        match=r"labels 'T01' \(1 case\) and 'T1' \(2 cases\) differ only in zeros, blanks, dashes or width\. "
        "Write one of them everywhere, or name both in classes",
    ):
        read_manifest(path)
    assert read_manifest(path, ManifestSettings(classes=("T1", "T01"))).classes == ("T1", "T01")


def test_a_positive_class_among_three_is_answered_with_the_three(tmp_path: Path) -> None:
    path = saved(tmp_path, f"{TWO}P3,3.png,unclear\n")
    with pytest.raises(
        DataRefused, match=r"positive_class is 'sick', but the classes are sick, unclear, well\. Expected one of"
    ):
        read_manifest(path, ManifestSettings(positive_class="sick"))


def test_a_single_class_is_answered_with_the_settings_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(
        DataRefused,
        match=r"column 'label' holds .*sick.*, but a study needs at least two classes\. "
        r".*Check label_column, classes and leave_out_labels",
    ):
        read_manifest(saved(tmp_path, TWO.replace("well", "sick")))


# Settings that contradict themselves


def test_one_column_cannot_hold_the_label_and_the_patient() -> None:
    with pytest.raises(ValidationError, match="image and case must differ, got patient_id, patient_id, image, case_id"):
        ManifestSettings(label_column="patient_id")


def test_a_class_that_is_named_twice_is_listed() -> None:
    with pytest.raises(ValidationError, match=r"needs two or more different names, got \['sick', 'sick'\]"):
        ManifestSettings(classes=("sick", "sick"))


def test_a_class_is_studied_or_left_out() -> None:
    with pytest.raises(ValidationError, match="'well' is named in classes and in leave_out_labels: choose one"):
        ManifestSettings(classes=("sick", "well"), leave_out_labels=("well",))


def test_the_positive_class_cannot_be_left_out() -> None:
    with pytest.raises(ValidationError, match="positive_class 'sick' is also in leave_out_labels: choose one"):
        ManifestSettings(positive_class="sick", leave_out_labels=("sick",))


def test_a_positive_class_of_three_is_to_be_removed() -> None:
    with pytest.raises(ValidationError, match="is for two classes, but classes names 3: remove it"):
        ManifestSettings(classes=("a", "b", "c"), positive_class="a")


def test_a_positive_class_is_one_of_the_two_named() -> None:
    with pytest.raises(ValidationError, match=r"positive_class 'ill' is not one of classes \['sick', 'well'\]"):
        ManifestSettings(classes=("sick", "well"), positive_class="ill")


def test_a_covariate_of_the_studys_own_tables_is_to_be_renamed() -> None:
    with pytest.raises(ValidationError, match="covariate 'reader' has the name of a column that medtl writes itself"):
        ManifestSettings(covariates=("reader",))


def test_a_covariate_that_is_carried_twice_is_listed() -> None:
    with pytest.raises(ValidationError, match="a covariate is named twice: dose, site, dose"):
        ManifestSettings(covariates=("dose", "site", "dose"))
