"""What people write into a table means the same in every table: nothing known, an age, a sex, a number, a class."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.cohort import ManifestSettings, read_manifest
from medtl.cohort.cells import (
    age_of,
    as_number,
    class_name,
    column_numbers,
    is_missing,
    marker_counts,
    separators_in_words,
    sex_of,
)
from medtl.errors import DataRefused


def manifest(folder: Path, text: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


MARKERS = (
    "", " ", "NA", "na", "n/a", "N/A", "n.a.", "nan", "NaN", "NULL", "null", "#N/A", "#NV", "#DIV/0!", "?", "??", "-",
    "--", "–", "—", ".", "...", ".a", "unknown", "Unknown", "UNK", "missing", "None", "<NA>", "NaT", "not available",
    "unbekannt", "k. A.", "inconnu", "desconocido", "未知", "\xa0NA\xa0",
)  # fmt: skip


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_of_a_missing_value_is_one_in_any_capitals(marker: str) -> None:
    assert is_missing(marker)
    assert is_missing(marker.upper())


@pytest.mark.parametrize(
    "cell", ["0", "no", "normal", "-1", "+", "nano", "na1", "Nancy", "N", "neg", "unknown primary"]
)
def test_what_says_something_is_no_marker(cell: str) -> None:
    assert not is_missing(cell)


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        ("63", 63.0), ("63.5", 63.5), ("51,5", 51.5), ("0", 0.0), ("130", 130.0), ("040Y", 40.0), ("045Y", 45.0),
        ("40Y", 40.0), ("018M", 1.5), ("006W", 0.11), ("010D", 0.03), ("18 months", 1.5), ("40 years old", 40.0),
        ("40 Jahre", 40.0), ("3 ans", 3.0), ("7 años", 7.0), ("4 yrs.", 4.0),
    ],
)  # fmt: skip
def test_an_age_is_read_in_years(cell: str, years: float) -> None:
    assert age_of(cell) is not None
    assert age_of(cell).years == pytest.approx(years, abs=0.006)  # type: ignore[union-attr]
    assert not age_of(cell).is_capped  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("cell", "years"), [("89+", 89), ("90+", 90), (">89", 89), ("> 89", 89), ("≥90", 90), ("90 or older", 90)]
)
def test_an_age_that_privacy_capped_is_taken_and_known_as_such(cell: str, years: int) -> None:
    age = age_of(cell)
    assert age is not None
    assert (age.years, age.is_capped) == (years, True)


@pytest.mark.parametrize(
    "cell", ["Young Child", "sixty", "40-49", "131", "999", "-1", "1961-03-02", "1,234.5", "5 apples", "nan"]
)
def test_what_is_no_age_of_a_human_is_none(cell: str) -> None:
    assert age_of(cell) is None


@pytest.mark.parametrize(
    ("cell", "sex"),
    [("M", "M"), ("m", "M"), ("Male", "M"), ("männlich", "M"), ("homme", "M"), ("男", "M"), ("F", "F"), ("female", "F"),
     ("weiblich", "F"), ("W", "F"), ("Frau", "F"), ("mujer", "F"), ("O", "O"), ("divers", "O"),
     ("1", None), ("2", None), ("Z", None)],
)  # fmt: skip
def test_words_for_a_sex_are_read_and_codes_are_not_guessed(cell: str, sex: str | None) -> None:
    assert sex_of(cell) == sex


@pytest.mark.parametrize(
    ("label", "name"),
    [("1", "1"), ("1.0", "1"), ("1.00", "1"), ("1,0", "1"), ("0.0", "0"), ("-1.0", "-1"), ("01", "01"), ("1.5", "1.5"),
     ("a.0", "a.0"), ("10", "10")],
)  # fmt: skip
def test_whole_numbers_are_one_class_however_they_are_written(label: str, name: str) -> None:
    assert class_name(label) == name


@pytest.mark.parametrize(
    ("cells", "comma", "numbers"),
    [
        (["1", "2.5", "NA"], False, (1.0, 2.5, None)),
        (["51,5", "52", ""], True, (51.5, 52.0, None)),
        (["0,25", "0,5"], False, (0.25, 0.5)),
        (["1.234,5", "10"], False, (1234.5, 10.0)),
        (["1,234", "12,000.5"], False, (1234.0, 12000.5)),
        (["1,234", "2,5"], True, (1.234, 2.5)),
        (["1 234", "5"], False, (1234.0, 5.0)),
        (["1'234.5", "7"], False, (1234.5, 7.0)),
        (["1e2", "-3"], False, (100.0, -3.0)),
    ],
)
def test_a_column_of_numbers_is_read_in_one_way(
    cells: list[str], comma: bool, numbers: tuple[float | None, ...]
) -> None:
    assert column_numbers(cells, comma_is_decimal=comma) == numbers


@pytest.mark.parametrize("cells", [["1", "two"], ["1.5", "1.234,5"], ["1_000"], ["1,23,4"], ["inf"]])
def test_a_column_with_a_cell_that_is_no_number_stays_text(cells: list[str]) -> None:
    assert column_numbers(cells, comma_is_decimal=False) is None


@pytest.mark.parametrize(
    ("cells", "comma", "words"),
    [
        (["900", "1,234"], False, "'1,234' as 1234"),
        (["900", "1,5"], True, "'1,5' as 1.5"),
        (["900", "1.234", "12.345"], True, "'1.234' as 1.234"),
        (["900", "1.234", "12.3"], True, ""),
        (["900", "1.234"], False, ""),
        (["1 234", "5"], False, "'1 234' as 1234"),
        (["north", "1,234"], False, ""),
    ],
)
def test_a_number_with_two_readings_is_reported_as_it_was_read(cells: list[str], comma: bool, words: str) -> None:
    assert separators_in_words(cells, comma_is_decimal=comma) == words


def test_markers_are_reported_with_their_counts_and_empty_cells_are_not() -> None:
    assert marker_counts(["NA", "NA", "", "?", "ill"]) == "'NA' (2), '?' (1)"
    assert as_number("١") is None, "digits of other writings are text"


ROWS = "".join(
    f"P{n},{n}.png,{label}\n" for n, label in enumerate(["ill", "well", "NA", "ill", "well", "?", "n/a", ""])
)


def test_a_label_that_is_a_missing_marker_is_no_class_and_is_reported(tmp_path: Path) -> None:
    cohort = read_manifest(manifest(tmp_path, "patient_id,image,label\n" + ROWS))
    assert cohort.classes == ("ill", "well")
    assert [gone.reason for gone in cohort.exclusions] == ["no_label"] * 4
    (note,) = [note for note in cohort.notes if "missing marker" in note]
    assert note.startswith("3 labels are missing markers: 'NA' (1), '?' (1), 'n/a' (1).")
    assert "named in classes" in note


def test_a_class_that_is_really_called_na_has_to_be_declared(tmp_path: Path) -> None:
    path = manifest(tmp_path, "patient_id,image,label\n" + ROWS)
    cohort = read_manifest(path, ManifestSettings(classes=("ill", "well", "NA")))
    assert [case.line for case in cohort.cases] == [2, 3, 4, 5, 6]
    assert [gone.line for gone in cohort.exclusions] == [7, 8, 9]


def test_where_a_marker_hides_a_class_the_message_says_how_to_keep_it(tmp_path: Path) -> None:
    text = "patient_id,image,label\n" + "".join(f"P{n},{n}.png,{'+-'[n % 2]}\n" for n in range(6))
    with pytest.raises(DataRefused, match=r"at least two classes.*read as no label: '-' \(3\); a class of that name"):
        read_manifest(manifest(tmp_path, text))
    declared = read_manifest(manifest(tmp_path, text), ManifestSettings(classes=("-", "+")))
    assert (len(declared.cases), declared.positive_class) == (6, "+")


def test_one_and_one_point_zero_are_one_class_and_zero_one_beside_one_is_refused(tmp_path: Path) -> None:
    text = "patient_id,image,label\nA,1.png,1\nB,2.png,1.0\nC,3.png,0\nD,4.png,0.0\n"
    cohort = read_manifest(manifest(tmp_path, text))
    assert (cohort.classes, [case.label for case in cohort.cases]) == (("0", "1"), ["1", "1", "0", "0"])
    assert "Labels that are one number are one class: 0 and 0.0 as 0, 1 and 1.0 as 1." in cohort.notes
    named = read_manifest(manifest(tmp_path, text), ManifestSettings(classes=("1.0", "0.0")))
    assert [case.label for case in named.cases] == ["1.0", "1.0", "0.0", "0.0"]
    with pytest.raises(DataRefused, match=r"'0?1' .* and '0?1' .* differ only in zeros"):
        read_manifest(manifest(tmp_path, text.replace("1.0", "01")))


def test_covariates_lose_their_markers_and_ages_and_sexes_take_one_form(tmp_path: Path) -> None:
    text = (
        "patient_id;image;label;site;sex;age_years;dose\n"
        "A;1.png;ill;north;weiblich;51,5;1,5\nB;2.png;well;NA;F;89+;2\nC;3.png;ill;?;male;045Y;n/a\nD;4.png;well;x;;.;0,5\n"
    )
    settings = ManifestSettings(covariates=("site", "sex", "age_years", "dose"))
    cohort = read_manifest(manifest(tmp_path, text), settings)
    columns = {name: [case.covariates[name] for case in cohort.cases] for name in cohort.covariates}
    assert columns == {
        "site": ["north", None, None, "x"], "sex": ["F", "F", "M", None], "age_years": [51.5, 89.0, 45.0, None],
        "dose": [1.5, 2.0, None, 0.5],
    }  # fmt: skip
    note = " ".join(cohort.notes)
    assert "read as not stated: site 'NA' (1), '?' (1); age_years '.' (1); dose 'n/a' (1)." in note
    assert "1 age is only known to be at least so many years (written as 89+ or >89)" in note
    assert "sex is written as male, weiblich: read as F, M or O." in note


@pytest.mark.parametrize(
    ("name", "cell", "why"),
    [
        ("patient_id", "NA", "column patient_id is 'NA', which stands for a missing value, not for an id"),
        ("patient_id", "unknown", "column patient_id is 'unknown'"),
        ("patient_id", "?", "column patient_id is '?'"),
        ("patient_id", "1.23E+11", "column patient_id is a number as a spreadsheet shows it"),
        ("patient_id", "1,2E+08", "its last digits are lost"),
        ("case_id", "n/a", "column case_id is 'n/a'"),
        ("image", "NA", "the image is 'NA', which stands for a missing value"),
    ],
)
def test_a_marker_or_a_cut_number_is_no_id_and_no_image(tmp_path: Path, name: str, cell: str, why: str) -> None:
    cells = {"case_id": "a", "patient_id": "P1", "image": "1.png", "label": "ill"} | {name: f'"{cell}"'}
    path = manifest(tmp_path, f"{','.join(cells)}\n{','.join(cells.values())}\nb,P2,2.png,well\n")
    with pytest.raises(DataRefused) as caught:
        read_manifest(path, ManifestSettings(ids_as_written=True))
    assert why.replace("the image is", "column image is") in str(caught.value)
