"""A table of predictions from any tool is read as it stands, or refused by one message with every fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medtl.errors import ConfigurationError, DataRefused
from medtl.predictions import PredictionTable, read_external

LEAST = "case_id,patient_id,fold,truth,p_no,p_yes\n" + "".join(
    f"c{number},p{number // 2},{number % 2},{('no', 'yes')[number % 2]},{0.25 + number / 20},{0.75 - number / 20}\n"
    for number in range(6)
).replace("c1,p0,1", "c1,p9,1").replace("c3,p1,1", "c3,p8,1")


HEAD = "case_id,patient_id,fold,truth,p_a,p_b,p_c\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "theirs.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(DataRefused) as caught:
        read_external(written(folder, text))
    return str(caught.value)


def test_the_least_table_becomes_test_rows_of_one_model_and_says_so(tmp_path: Path) -> None:
    found = read_external(written(tmp_path, LEAST))
    theirs = pd.read_csv(tmp_path / "theirs.csv")
    assert found.table.models == ("model",)
    assert set(found.table.rows["role"]) == {"test"}
    assert found.table.classes == ("no", "yes")
    assert np.array_equal(found.table.probabilities, theirs[["p_no", "p_yes"]].to_numpy())
    assert list(found.table.rows["truth"]) == list(theirs["truth"])
    positive, role, model = found.taken
    assert positive == "The positive class is yes, the last column of probabilities; --positive chooses another."
    assert "every row was taken for a test row" in role
    assert "of one model" in model


@pytest.mark.parametrize("change", [str.encode, lambda text: b"\xef\xbb\xbf" + text.replace(",", ";").encode()])
def test_a_byte_order_mark_and_semicolons_change_nothing(tmp_path: Path, change: object) -> None:
    plain = read_external(written(tmp_path, LEAST)).table.rows
    found = read_external(written(tmp_path, change(LEAST))).table.rows  # type: ignore[operator]
    pd.testing.assert_frame_equal(found, plain)


def test_what_medtl_wrote_is_read_to_the_same_table(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "case_id": ["=c1", "c2", "007"], "patient_id": ["a", "b", "-3"], "fold": [0, 0, 1],
            "role": ["test", "validation", "test"], "model": ["probe", "probe", "full"], "truth": ["no", "yes", "yes"],
            "p_no": [1 / 3, 0.2, 0.5], "p_yes": [2 / 3, 0.8, 0.5], "age_years": [50.5, np.nan, 7.0],
            "site": ["1", None, "2"],
        }
    )  # fmt: skip
    PredictionTable(rows).write(tmp_path / "predictions.csv")
    found = read_external(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(found.table.rows, PredictionTable.read(tmp_path / "predictions.csv").rows)
    assert len(found.taken) == 1, "which class is positive is always noted"


def test_ages_in_whole_years_are_numbers_and_numbered_sites_are_names(tmp_path: Path) -> None:
    lines = LEAST.strip().split("\n")
    also = ["age_years,site,code", *(f"{40 + n},{n},00{n}" for n in range(5)), ",,"]
    text = "\n".join(f"{line},{more}" for line, more in zip(lines, also, strict=True))
    rows = read_external(written(tmp_path, text)).table.rows
    assert rows["age_years"].dtype == np.float64
    assert rows["age_years"].isna().tolist() == [False] * 5 + [True]
    assert list(rows["site"])[:2] == ["0", "1"]
    assert list(rows["code"])[:2] == ["000", "001"]


def test_one_message_has_every_fault_with_its_line_or_case(tmp_path: Path) -> None:
    message = refusal(
        tmp_path,
        "case_id,patient_id,fold,role,truth,p_no,p_yes\n"
        "c1,p1,0,test,no,0.9,0.1\n"
        "c1,p1,0,test,no,0.8,0.2\n"
        "c2,p2,zero,test,yes,0.3,0.7\n"
        "c3,p3,0,test,yes,\"0,3\",0.7\n"
        "c4,,0,test,yes,0.3,0.7\n"
        "c5,p5,0,test,perhaps,0.3,0.7\n"
        "c6,p6,0,test,yes,0.3,0.9\n"
        "c7,p7,0,test,yes,nan,0.9\n"
        "c8,p8,0,train,yes,0.1,0.9\n"
        "c9,p9,1,test,yes,0.1,0.9,1\n"
        "c2,p3,1,test,yes,0.1,0.9\n"
        "c10,p10,1,test,yes,-0.1,1.1\n",
    )  # fmt: skip
    for fault in (
        "the header has 7 cells, and there are others in line 11 (8)",
        "fold is not a whole number from 0 on in line 4 ('zero')",
        "p_no is not a number in line 5 ('0,3'); write decimals with a point",
        "patient_id is empty in line 6",
        "truth 'perhaps' is none of the classes no, yes: case c5",
        "do not sum to 1 over the classes no, yes (every column beginning with p_ counts as a class): case c6",
        "not finite (NaN or infinity): case c7",
        "role must be validation or test, got train",
        "outside [0, 1]: case c10",
        "the same case, fold, role and model more than once: case c1",
    ):
        assert fault in message
    assert "10 faults" in message
    assert "role (validation or test), model and covariates may be added" in message


def test_missing_columns_are_named_with_the_column_that_may_be_meant(tmp_path: Path) -> None:
    message = refusal(tmp_path, "id,patient_id,fold,label,p_yes\nc1,p1,x,yes,0.5\n")
    assert "there is no column case_id; if id is this, rename it" in message
    assert "there is no column truth; if label is this, rename it" in message
    assert (
        "one column of probabilities, p_yes, and each class needs one: of two classes the other's is 1 - p_yes"
        in message
    )
    assert "fold is not a whole number from 0 on in line 2 ('x')" in message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("case_id,patient_id,fold,truth,p_no,p_yes\n", "there is a header and no row below it"),
        ("case_id,patient_id,fold,truth\nc,p,0,no\n", "there is no column of probabilities: call them p_<class>"),
        ("case_id,patient_id,fold,truth,p_no,p_no\nc,p,0,no,1,0\n", "columns named twice: 'p_no'"),
    ],
)
def test_a_table_without_rows_or_probabilities_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in refusal(tmp_path, text)


def test_a_positive_class_is_put_last(tmp_path: Path) -> None:
    path = written(tmp_path, LEAST)
    assert read_external(path, positive="no").table.classes == ("yes", "no")
    assert read_external(path, positive="yes").table.classes == ("no", "yes")
    with pytest.raises(ConfigurationError, match="got 'maybe', and the table's classes are no, yes"):
        read_external(path, positive="maybe")


def test_decimal_commas_between_semicolons_are_read_and_noted(tmp_path: Path) -> None:
    lines = LEAST.replace(",", ";").replace(".", ",")
    found = read_external(written(tmp_path, "\ufeff" + lines))
    pd.testing.assert_frame_equal(found.table.rows, read_external(written(tmp_path, LEAST)).table.rows)
    assert any("comma in numbers was read as a decimal point" in message for message in found.taken)
    tabs = read_external(written(tmp_path, LEAST.replace(",", "\t").replace(".", ",")))
    pd.testing.assert_frame_equal(found.table.rows, tabs.table.rows)


@pytest.mark.parametrize(
    ("rows", "decimals", "count"),
    [
        (("0.33,0.33,0.33", "0.5,0.25,0.25", "0.2,0.2,0.6"), 2, 1),
        (("0.3,0.3,0.3", "0.1,0.1,0.8", "1,0,0"), 1, 1),
        (("0.333,0.333,0.333", "0.167,0.167,0.667", "0.2,0.2,0.6"), 3, 2),
        (("0.34,0.34,0.33", "1.0,0.0,0.0", "0.99,0.01,0.01"), 2, 2),
    ],
)
def test_probabilities_rounded_to_few_decimals_are_divided_by_their_sum_and_noted(
    tmp_path: Path, rows: tuple[str, ...], decimals: int, count: int
) -> None:
    text = HEAD + "".join(f"c{n},q{n},0,{'abc'[n]},{row}\n" for n, row in enumerate(rows))
    found = read_external(written(tmp_path, text))
    probabilities = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    np.testing.assert_allclose(
        found.table.probabilities, probabilities / probabilities.sum(axis=1, keepdims=True), atol=1e-12
    )
    (message,) = [message for message in found.taken if "divided by its sum" in message]
    assert message.startswith(f"The probabilities of {count} rows sum to ")
    assert f"rounded to {decimals} decimals" in message


@pytest.mark.parametrize(
    "rows",
    [
        ("0.33,0.33,0.30", "0.5,0.25,0.25"),
        ("0.3,0.3,0.3", "0.123456,0.123456,0.753088"),
        ("0.33,0.33,0.36", "1,0,0"),
    ],
)
def test_a_sum_that_rounding_does_not_explain_is_still_refused(tmp_path: Path, rows: tuple[str, ...]) -> None:
    text = HEAD + "".join(f"c{n},q{n},0,{'abc'[n]},{row}\n" for n, row in enumerate(rows))
    assert "do not sum to 1" in refusal(tmp_path, text)


def test_per_cents_are_called_so(tmp_path: Path) -> None:
    message = refusal(tmp_path, HEAD + "c0,q0,0,a,33,33,34\nc1,q1,0,b,20,50,30\n")
    assert "the probabilities of each row sum to 100: they are per cent, divide them by 100" in message


@pytest.mark.parametrize(
    "header", ["Case_ID,Patient_ID,Fold,Truth,P_no,P_yes", "CASE ID,Patient-Id,FOLD,TRUTH,P_NO,P_YES"]
)
def test_columns_that_differ_only_in_capitals_are_read_and_noted(tmp_path: Path, header: str) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(header + LEAST[LEAST.index("\n") :])
    found = read_external(path)
    assert found.table.classes == ("no", "yes")
    first, *_, last = header.split(",")
    assert f"The column {first!r} was read as case_id." in found.taken
    assert any(note.startswith(f"The column {last!r} was read as p_") for note in found.taken)


@pytest.mark.parametrize(("one", "other"), [("p0", "P0"), ("p0", "p00"), ("p0", "Ｐ0"), ("p0", "p 0")])
def test_patients_that_may_be_one_are_refused_with_both_lines_unless_they_are_as_written(
    tmp_path: Path, one: str, other: str
) -> None:
    text = LEAST.replace("c5,p2", f"c5,{other}")
    message = refusal(tmp_path, text)
    assert "line 7: the patient in patient_id differs from the one in line 2 only in " in message
    assert "say so with --ids-as-written" in message
    rows = read_external(written(tmp_path, text), ids_as_written=True).table.rows
    assert {one, other} <= set(rows["patient_id"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("c1,p9", "c1,NA", "patient_id is 'NA', which stands for a missing value, not for an id: line 3"),
        ("c1,p9", "c1,1.2E+10", "patient_id is a number as a spreadsheet shows it"),
        ("c1,p9", "?,p9", "case_id is '?', which stands for a missing value, not for an id: line 3"),
        ("c1,p9,1,yes", "c1,p9,1,n/a", "truth is missing in line 3 ('n/a')"),
    ],
)
def test_missing_markers_are_no_id_and_no_truth(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in refusal(tmp_path, LEAST.replace(old, new))


def test_missing_covariates_and_truths_written_as_decimals_are_read(tmp_path: Path) -> None:
    text = LEAST.replace("p_no,p_yes", "p_0,p_1").replace(",no,", ",0.0,").replace(",yes,", ",1.0,")
    lines = text.strip().split("\n")
    also = ["age_years,sex,site", "51,female,NA", "NA,m,a", "89+,?,b", "045Y,F,b", "n/a,M,NULL", "60,M,a"]
    found = read_external(
        written(tmp_path, "\n".join(f"{line},{more}" for line, more in zip(lines, also, strict=True)))
    )
    rows = found.table.rows
    assert list(rows["truth"]) == ["0", "1"] * 3
    assert any("one number are one class" in message for message in found.taken)
    assert list(rows["age_years"].dropna()) == [51.0, 89.0, 45.0, 60.0]
    assert list(rows["sex"]) == ["F", "M", None, "F", "M", "M"]
    assert list(rows["site"]) == [None, "a", "b", "b", None, "a"]


def test_a_last_column_that_looks_healthy_is_warned_of(tmp_path: Path) -> None:
    text = LEAST.replace("p_no,p_yes", "p_ill,p_normal").replace(",no,", ",ill,").replace(",yes,", ",normal,")
    first, warning, *_ = read_external(written(tmp_path, text)).taken
    assert first.startswith("The positive class is normal, the last column")
    assert "looks like the healthy one" in warning
    assert "--positive 'ill'" in warning
    assert (
        read_external(tmp_path / "theirs.csv", positive="ill").taken[0]
        == "The positive class is ill, as --positive says."
    )
