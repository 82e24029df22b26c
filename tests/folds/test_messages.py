"""Every refusal of folds names the fold, the line or the column, what stands there, and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from medtl.cohort import Case, Cohort
from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.folds import FoldSettings, FoldTable, assign
from medtl.folds.columns import column_tests, official_roles
from medtl.folds.fold_file import read_folds, write_folds

RESTORE = "Restore the file, or remove it so that medtl draws the folds again"


def cohort_of(*cells: str | None, labels: str = "ab") -> Cohort:
    """A cohort with one case per patient, whose split cells these are."""
    cases = tuple(
        Case(f"c{n}", f"P{n}", Path(f"/{n}"), labels[n % len(labels)], n + 2, split=cell)
        for n, cell in enumerate(cells)
    )
    return Cohort(cases=cases, classes=("a", "b"), split_column="split")


@pytest.fixture
def cohort() -> Cohort:
    return cohort_of(*[None] * 18)


@pytest.fixture
def path(tmp_path: Path, cohort: Cohort) -> Path:
    """A file of three folds, as a study writes it."""
    path = tmp_path / "folds.csv"
    write_folds(assign(cohort, FoldSettings(count=3), groups={}), path)
    return path


def edited(path: Path, *, line: int, cells: dict[str, str]) -> None:
    header, *rows = (text.split(",") for text in path.read_text().splitlines())
    row = dict(zip(header, rows[line - 2], strict=True)) | cells
    rows[line - 2] = [row[name] for name in header]
    path.write_text("".join(",".join(cells) + "\n" for cells in (header, *rows)))


# The file


def test_a_file_with_other_columns_is_answered_with_the_six(path: Path) -> None:
    path.write_text(path.read_text().replace("role", "side", 1))
    with pytest.raises(
        IntegrityFailure,
        match=r"folds\.csv has the columns .*, side; expected case_id, patient_id, label, repeat, fold, role\. "
        + RESTORE,
    ):
        read_folds(path)


def test_a_fold_that_is_no_whole_number_is_named_by_line_cell_and_column(path: Path) -> None:
    edited(path, line=7, cells={"fold": "0.5"})
    with pytest.raises(
        IntegrityFailure, match=rf"line 7: repeat and fold must be whole numbers, got '0\.5' in fold\. {RESTORE}"
    ):
        read_folds(path)


def test_an_empty_cell_is_named_by_its_line(path: Path) -> None:
    edited(path, line=11, cells={"label": ""})
    with pytest.raises(IntegrityFailure, match=rf"folds\.csv has an empty cell in line 11\. {RESTORE}"):
        read_folds(path)


def test_a_role_of_another_vocabulary_is_answered_with_the_three(path: Path) -> None:
    edited(path, line=4, cells={"role": "holdout"})
    with pytest.raises(
        IntegrityFailure, match=rf"line 4 has the role 'holdout'; expected training, validation, test\. {RESTORE}"
    ):
        read_folds(path)


def test_a_case_that_stands_twice_in_a_fold_is_named_by_the_second_line(path: Path) -> None:
    first = path.read_text().splitlines()[1]
    path.write_text(path.read_text() + first + "\n")
    with pytest.raises(IntegrityFailure, match=rf"line 56 has case c0 a second time in fold 0\. {RESTORE}"):
        read_folds(path)


def test_a_fold_number_that_is_passed_over_is_seen_in_the_list(path: Path) -> None:
    kept = [line for line in path.read_text().splitlines() if ",0,1," not in line]
    path.write_text("\n".join(kept) + "\n")
    with pytest.raises(IntegrityFailure, match=r"has the folds 0, 2; expected 0, 1, 2 … without a gap"):
        read_folds(path)


def test_a_case_that_no_fold_tests_is_named_and_counted(path: Path) -> None:
    tested = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if line.endswith(",test"))
    edited(path, line=tested, cells={"role": "training"})
    with pytest.raises(
        IntegrityFailure,
        match=rf"is no division in which every case is tested once and every side has somebody:\n.* 0 times\n{RESTORE}",
    ):
        read_folds(path)


def test_folds_of_a_cohort_that_lost_a_case_are_answered_with_that_case(path: Path, cohort: Cohort) -> None:
    with pytest.raises(
        IntegrityFailure,
        match=r"folds\.csv and the cohort differ in 1 case \(patient, label, or there at all\), first case c17\. "
        r"Folds belong to one cohort: restore the file, or remove it",
    ):
        read_folds(path, cohort=replace(cohort, cases=cohort.cases[:-1]))


def test_folds_of_another_seed_are_answered_with_the_setting_that_allows_them(path: Path, cohort: Cohort) -> None:
    drawn = assign(cohort, FoldSettings(count=3, seed=99), groups={})
    with pytest.raises(
        IntegrityFailure, match=r"of 54 rows differ, first line \d+\. .* declared with folds: \{foreign: true\}"
    ):
        read_folds(path, drawn=drawn)


def test_a_patient_in_training_and_test_is_answered_with_both_remedies(path: Path) -> None:
    lines = path.read_text().splitlines()
    one, other = (
        next(n for n, line in enumerate(lines, 1) if line.endswith(f",0,{role}")) for role in ("training", "test")
    )
    edited(path, line=one, cells={"patient_id": lines[other - 1].split(",")[1]})
    with pytest.raises(
        IntegrityFailure,
        match=r"on one side of each fold, and 1 time this is not so\.\n  fold 0: patient P\d+ in training and test\n"
        r"Give all cases of a patient, .* the same value in the fold column, or let medtl draw the folds",
    ):
        read_folds(path)


# Columns of the manifest


def test_an_empty_cell_of_a_fold_column_is_to_be_filled_or_taken_out() -> None:
    with pytest.raises(
        DataRefused, match=r"'site' is empty in 2 of 4 lines \(line 3, 5\)\. Every case needs a fold: fill the cells"
    ):
        column_tests(cohort_of("x", "", "y", None).cases, column="site")


def test_a_column_with_a_date_in_each_line_is_no_column_of_folds() -> None:
    with pytest.raises(
        DataRefused, match=r"'visit' holds 101 different values; each value is one test fold, so expected 2 to 100"
    ):
        column_tests(cohort_of(*map(str, range(101))).cases, column="visit")


def test_folds_by_number_in_an_official_split_are_answered_with_from_column() -> None:
    with pytest.raises(
        DataRefused,
        match=r"holds '1' \(line 2\), '2' \(line 3\); expected train, validation \(or val\) and test, in any case\. "
        r"For folds by number use folds: \{from_column",
    ):
        official_roles(cohort_of("1", "2", "1").cases, column="split")


def test_an_official_split_without_training_names_the_side_it_lacks() -> None:
    with pytest.raises(DataRefused, match="split in column 'split' has no case for training; expected both sides"):
        official_roles(cohort_of("test", "val", "TEST").cases, column="split")


def test_a_site_with_one_class_is_named_with_the_patients_of_each_side() -> None:
    cohort = cohort_of(*("xyz"[n // 8] for n in range(24)), labels="ab")
    cases = tuple(replace(case, label="a") if case.split == "z" else case for case in cohort.cases)
    with pytest.raises(
        DataRefused,
        match=r"In the folds of column 'split' a class is missing on one side, .*:\n"
        r"  fold 2: no b in test \(training \d, validation \d, test 0 patients\)\nUse fewer folds, or give the class",
    ):
        assign(replace(cohort, cases=cases), FoldSettings(from_column="split"), groups={})


# Settings


def test_two_columns_cannot_both_say_the_folds() -> None:
    with pytest.raises(
        ValidationError, match="both from_column and official: the folds come from one column, choose one"
    ):
        FoldSettings(from_column="fold", official="split")


def test_a_sealed_test_names_the_column_that_it_cannot_go_with() -> None:
    with pytest.raises(ValidationError, match=r"sealed together with the column 'fold': .* drawn \(count, repeats\)"):
        FoldSettings(sealed="split", from_column="fold")


def test_a_column_and_a_count_are_answered_with_what_to_remove() -> None:
    with pytest.raises(
        ValidationError,
        match="the column 'fold' says how many folds there are, so remove repeats, or remove from_column to draw",
    ):
        FoldSettings(from_column="fold", repeats=2)


def test_a_fold_that_is_not_there_is_answered_with_those_that_are(path: Path) -> None:
    table: FoldTable = read_folds(path)
    assert len(table.split(2).test) == 6
    with pytest.raises(ConfigurationError, match=r"There is no fold 3; the folds are 0, 1, 2"):
        table.split(3)
