"""Tables of other tools, as they come: what is taken for what is said, and what could mean two things is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medtl.errors import DataRefused
from medtl.predictions import PredictionTable, read_external

NEEDED = "case_id,patient_id,fold,truth,p_well,p_ill\n"
ROWS = [("c1", "p1", 0, "well", 0.9), ("c2", "p2", 1, "ill", 0.25), ("c3", "p3", 1, "well", 0.6)]


def table(tmp_path: Path, text: str, name: str = "theirs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def plain(tmp_path: Path) -> PredictionTable:
    lines = "".join(f"{case},{who},{fold},{truth},{p},{1 - p:.2f}\n" for case, who, fold, truth, p in ROWS)
    return read_external(table(tmp_path, NEEDED + lines, "plain.csv")).table


def same(one: PredictionTable, other: PredictionTable) -> bool:
    numbers = [name for name in one.rows.columns if name.startswith("p_")]
    return bool(
        list(one.rows.columns) == list(other.rows.columns)
        and np.allclose(one.rows[numbers], other.rows[numbers])
        and one.rows.drop(columns=numbers).equals(other.rows.drop(columns=numbers))
    )


def test_capitals_blanks_and_dashes_are_taken_and_noted(tmp_path: Path, plain: PredictionTable) -> None:
    lines = "".join(f"{case},{who},{fold},{truth},{p},{1 - p:.2f}\n" for case, who, fold, truth, p in ROWS)
    found = read_external(table(tmp_path, f"Case ID,Patient-ID,FOLD,Truth,P_well,P_ill\n{lines}"))
    assert same(found.table, plain)
    assert "The column 'Case ID' was read as case_id." in found.taken
    assert "The column 'P_ill' was read as p_ill." in found.taken


def test_one_column_of_two_classes_is_completed(tmp_path: Path, plain: PredictionTable) -> None:
    lines = "".join(f"{case},{who},{fold},{truth},{1 - p:.2f}\n" for case, who, fold, truth, p in ROWS)
    found = read_external(table(tmp_path, f"case_id,patient_id,fold,truth,p_ill\n{lines}"))
    assert same(found.table, plain)
    assert "The column 'p_ill' was read as the probability of ill; that of well is 1 - p_ill." in found.taken


def test_decimals_with_comma_under_semicolons_are_taken_with_all_of_it(tmp_path: Path, plain: PredictionTable) -> None:
    lines = "".join(
        f"{case};{who};{fold};{truth};{f'{1 - p:.2f}'.replace('.', ',')}\n" for case, who, fold, truth, p in ROWS
    )
    found = read_external(table(tmp_path, f"Case_ID;Patient_ID;Fold;Truth;p_ill\n{lines}"))
    assert same(found.table, plain)
    assert any("The comma in numbers was read as a decimal point" in note for note in found.taken)


def test_y_true_and_y_prob_are_the_truth_and_the_positive_class(tmp_path: Path) -> None:
    lines = "".join(f"{case},{who},{fold},{int(truth == 'ill')},{1 - p:.2f}\n" for case, who, fold, truth, p in ROWS)
    found = read_external(table(tmp_path, f"case_id,patient_id,fold,y_true,y_prob\n{lines}"))
    assert found.table.classes == ("0", "1")
    assert found.table.rows["p_1"].tolist() == pytest.approx([0.1, 0.75, 0.4])
    assert "The column 'y_true' was read as truth." in found.taken
    assert "The column 'y_prob' was read as the probability of 1; that of 0 is 1 - y_prob." in found.taken


def test_a_score_of_named_classes_needs_the_positive_one(tmp_path: Path, plain: PredictionTable) -> None:
    lines = "".join(f"{case},{who},{fold},{truth},{1 - p:.2f}\n" for case, who, fold, truth, p in ROWS)
    path = table(tmp_path, f"case_id,patient_id,fold,y_true,y_prob\n{lines}")
    with pytest.raises(DataRefused, match="y_prob is the probability of the positive class: say which class that is w"):
        read_external(path)
    assert same(read_external(path, positive="ill").table, plain)


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("case_id,patient_id,fold,y_true,truth,p_well,p_ill", "c1,p1,0,well,well,0.5,0.5", ""),
        ("case_id,patient_id,fold,truth,y_prob,y_score", "c1,p1,0,1,0.5,0.5", "there is no column of probabilities"),
        ("case_id,Case_ID,patient_id,fold,truth,p_a,p_b", "c1,c1,p1,0,a,0.5,0.5", ""),
        ("case_id,patient_id,fold,truth,p_c", "c1,p1,0,a,0.5", "there is one column of probabilities, p_c"),
        ("case_id,patient_id,fold,label,p_a,p_b", "c1,p1,0,a,0.5,0.5", "no column truth; if label is this, rename it"),
        ("case_id,patient_id,fold,truth,p_a", "c1,p1,0,a,x\nc2,p2,0,b,0.5", "p_a is not a number in line 2 ('x')"),
    ],
    ids=["both truths", "two scores", "both ids", "unknown class", "another word", "no number"],
)
def test_what_could_mean_two_things_is_not_taken(tmp_path: Path, header: str, row: str, words: str) -> None:
    path = table(tmp_path, f"{header}\n{row}\n")
    if not words:
        assert not any("was read as" in note for note in read_external(path).taken)
        return
    with pytest.raises(DataRefused) as caught:
        read_external(path)
    assert words in str(caught.value)


def test_rows_of_three_classes_with_two_decimals_are_divided_by_their_sum_and_noted(tmp_path: Path) -> None:
    text = "case_id,patient_id,fold,truth,p_a,p_b,p_c\nc1,p1,0,a,0.33,0.33,0.33\nc2,p2,0,b,0.34,0.33,0.34\n"
    found = read_external(table(tmp_path, text + "c3,p3,0,c,0.2,0.2,0.6\n"))
    sums = found.table.rows[["p_a", "p_b", "p_c"]].sum(axis=1)
    assert sums.tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert any("as may numbers rounded to 2 decimals: each row was divided by its sum" in note for note in found.taken)


def test_a_workbook_of_predictions_is_taken_as_its_csv(tmp_path: Path, plain: PredictionTable) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["case_id", "patient_id", "fold", "truth", "p_ill"])
    for case, who, fold, truth, p in ROWS:
        book.active.append([case, who, fold, truth, round(1 - p, 2)])
    book.save(tmp_path / "theirs.xlsx")
    assert same(read_external(tmp_path / "theirs.xlsx").table, plain)
