"""A table of predictions from any tool is read as it stands, or refused by one letter that tells every fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medtl.errors import ConfigurationError, DataRefused
from medtl.predictions import PredictionTable, read_foreign

LEAST = "case_id,patient_id,fold,truth,p_no,p_yes\n" + "".join(
    f"c{number},p{number // 2},{number % 2},{('no', 'yes')[number % 2]},{0.25 + number / 20},{0.75 - number / 20}\n"
    for number in range(6)
).replace("c1,p0,1", "c1,p9,1").replace("c3,p1,1", "c3,p8,1")


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "theirs.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(DataRefused) as caught:
        read_foreign(written(folder, text))
    return str(caught.value)


def test_the_least_table_becomes_test_rows_of_one_model_and_says_so(tmp_path: Path) -> None:
    found = read_foreign(written(tmp_path, LEAST))
    theirs = pd.read_csv(tmp_path / "theirs.csv")
    assert found.table.models == ("model",)
    assert set(found.table.rows["role"]) == {"test"}
    assert found.table.classes == ("no", "yes")
    assert np.array_equal(found.table.probabilities, theirs[["p_no", "p_yes"]].to_numpy())
    assert list(found.table.rows["truth"]) == list(theirs["truth"])
    assert len(found.taken) == 2
    assert "every row was taken for a test row" in found.taken[0]


@pytest.mark.parametrize("change", [str.encode, lambda text: b"\xef\xbb\xbf" + text.replace(",", ";").encode()])
def test_a_byte_order_mark_and_semicolons_change_nothing(tmp_path: Path, change: object) -> None:
    plain = read_foreign(written(tmp_path, LEAST)).table.rows
    found = read_foreign(written(tmp_path, change(LEAST))).table.rows  # type: ignore[operator]
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
    found = read_foreign(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(found.table.rows, PredictionTable.read(tmp_path / "predictions.csv").rows)
    assert found.taken == ()


def test_ages_in_whole_years_are_numbers_and_numbered_sites_are_names(tmp_path: Path) -> None:
    lines = LEAST.strip().split("\n")
    also = ["age_years,site,code", *(f"{40 + n},{n},00{n}" for n in range(5)), ",,"]
    text = "\n".join(f"{line},{more}" for line, more in zip(lines, also, strict=True))
    rows = read_foreign(written(tmp_path, text)).table.rows
    assert rows["age_years"].dtype == np.float64
    assert rows["age_years"].isna().tolist() == [False] * 5 + [True]
    assert list(rows["site"])[:2] == ["0", "1"]
    assert list(rows["code"])[:2] == ["000", "001"]


def test_one_letter_tells_every_fault_with_its_line_or_case(tmp_path: Path) -> None:
    told = refusal(
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
        assert fault in told
    assert "10 faults" in told
    assert "role (validation or test), model and covariates may be added" in told


def test_missing_columns_are_told_with_the_name_that_may_be_meant(tmp_path: Path) -> None:
    told = refusal(tmp_path, "id,patient_id,fold,label,p_yes\nc1,p1,x,yes,0.5\n")
    assert "there is no column case_id; if id is this, rename it" in told
    assert "there is no column truth; if label is this, rename it" in told
    assert (
        "one column of probabilities, p_yes, and each class needs one: of two classes the other's is 1 - p_yes" in told
    )
    assert "fold is not a whole number from 0 on in line 2 ('x')" in told


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
    assert read_foreign(path, positive="no").table.classes == ("yes", "no")
    assert read_foreign(path, positive="yes").table.classes == ("no", "yes")
    with pytest.raises(ConfigurationError, match="got 'maybe', and the table's classes are no, yes"):
        read_foreign(path, positive="maybe")
