"""The table of predictions keeps what it was given, bit for bit, and refuses what cannot be judged."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.cohort.case import Case
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.predictions.columns import in_house_types
from medtl.predictions.table import PredictionTable, concatenate

AWKWARD = (
    "=cmd()", "-5", "+1", "@x", "'quoted", "'=x", "''-1", "Müller ß", "<script>alert(1)</script>", "007", "1e5", "NaN",
    "None", "a,b", 'say "x"', "true", "p_", " lead", "空",
)  # fmt: skip


def rows(**changes: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "case_id": ["c1", "c2", "c3"],
            "patient_id": ["a", "b", "c"],
            "fold": [0, 0, 1],
            "role": ["test", "validation", "test"],
            "model": ["probe", "probe", "full"],
            "truth": ["no", "yes", "yes"],
            "p_no": [0.9, 0.2, 0.5],
            "p_yes": [0.1, 0.8, 0.5],
        }
    )
    return table.assign(**changes)


def refusal(table: pd.DataFrame) -> str:
    with pytest.raises(IntegrityFailure) as caught:
        PredictionTable(table)
    return str(caught.value)


def test_a_table_knows_its_classes_models_folds_and_covariates_in_order() -> None:
    table = PredictionTable(rows(age_years=[50, 60, 70], site=["x", None, "y"]))
    assert table.classes == ("no", "yes")
    assert table.positive_class == "yes"
    assert table.models == ("probe", "full")
    assert table.folds == (0, 1)
    assert table.covariates == ("age_years", "site")
    assert table.probabilities.tolist() == [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]


def test_the_table_does_not_change_when_the_frame_it_was_made_from_does() -> None:
    source = rows()
    table = PredictionTable(source)
    source.loc[0, "p_no"] = 7.0
    assert table.rows["p_no"].tolist() == [0.9, 0.2, 0.5]


def test_rows_are_chosen_by_model_role_and_fold() -> None:
    table = PredictionTable(rows())
    assert table.of(model="probe", role="test").rows["case_id"].tolist() == ["c1"]
    assert table.of(fold=1).rows["case_id"].tolist() == ["c3"]
    assert len(table.of(model="full", fold=0)) == 0


def test_an_unknown_model_role_or_fold_is_refused_with_what_there_is() -> None:
    table = PredictionTable(rows())
    with pytest.raises(ConfigurationError, match=r"no model 'lp_ft'; there is probe, full"):
        table.of(model="lp_ft")
    with pytest.raises(ConfigurationError, match=r"no fold 9; there is 0, 1"):
        table.of(fold=9)
    with pytest.raises(ConfigurationError, match=r"no role 'training'; there is validation, test"):
        table.of(role="training")  # type: ignore[arg-type]


def test_non_finite_probabilities_are_refused_by_naming_the_cases() -> None:
    message = refusal(rows(p_no=[math.nan, 0.2, math.inf]))
    assert "not finite (NaN or infinity): case c1, c3" in message


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"p_no": [0.9, 0.3, 0.5]}, "do not sum to 1 over the classes no, yes"),
        ({"p_no": [1.1, 0.2, 0.5], "p_yes": [-0.1, 0.8, 0.5]}, "outside [0, 1]: case c1"),
        ({"truth": ["no", "maybe", "yes"]}, "truth 'maybe' is none of the classes no, yes: case c2"),
        ({"role": ["test", "train", "test"]}, "role must be validation or test, got train"),
        ({"case_id": ["c1", "c2", " "]}, "case_id is empty in row 3"),
        ({"case_id": ["c1", "c2", "c\n3"]}, "unprintable characters: 'c\\n3'"),
        ({"case_id": ["c1", "c2", "c2"], "patient_id": ["a", "b", "d"]}, "belong to two patients: c2"),
        ({"case_id": ["c1", "c1", "c3"]}, "cases with two truths: c1"),
        ({"patient_id": ["a", "a", "c"]}, "both validation and test of one fold: a (fold 0)"),
        ({"age": [1.0, math.inf, 2.0]}, "covariate age is infinite: case c2"),
        ({"p_ ": [0.0, 0.0, 0.0]}, "a class has an empty or unprintable name"),
    ],
)
def test_each_fault_is_a_sentence_that_names_its_case(changes: dict[str, object], sentence: str) -> None:
    assert sentence in refusal(rows(**changes))


def test_a_case_given_twice_is_refused() -> None:
    twice = pd.concat([rows(), rows().iloc[:1]])
    assert "the same case, fold, role and model more than once: case c1" in refusal(twice)


def test_all_faults_come_in_one_message() -> None:
    message = refusal(rows(p_no=[math.nan, 0.3, 0.5], truth=["no", "maybe", "yes"]))
    assert "3 faults" in message
    assert "Nothing was dropped or repaired" in message


def test_many_faulty_cases_are_counted_after_the_first_eight() -> None:
    many = pd.DataFrame(
        {"case_id": [f"c{i}" for i in range(20)], "patient_id": [f"p{i}" for i in range(20)], "fold": 0, "role": "test",
         "model": "m", "truth": "no", "p_no": math.nan, "p_yes": math.nan}
    )  # fmt: skip
    assert "c7 and 12 more" in refusal(many)


def test_missing_and_doubled_columns_are_refused_together() -> None:
    broken = rows().drop(columns=["truth", "p_no"])
    broken = pd.concat([broken, broken[["fold"]]], axis="columns")
    message = refusal(broken)
    assert "missing columns: truth; columns named twice: fold; probability columns (p_<class>) for 1 classes" in message


def test_text_where_a_number_must_be_is_refused() -> None:
    with pytest.raises(IntegrityFailure, match="Column p_no must hold numbers"):
        PredictionTable(rows(p_no=["0,9", "0.2", "0.5"]))


@pytest.mark.parametrize("fold", [-1, 0.5, math.nan])
def test_a_fold_that_is_no_whole_number_is_refused(fold: float) -> None:
    with pytest.raises(IntegrityFailure, match="Column fold must hold whole numbers from 0 on"):
        PredictionTable(rows(fold=[0, 0, fold]))


def test_float32_softmax_sums_are_accepted_and_kept_exactly() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(2), 3).astype("float32")
    table = PredictionTable(rows(p_no=probabilities[:, 0], p_yes=probabilities[:, 1]))
    assert np.array_equal(table.probabilities, probabilities.astype("float64"))


def test_awkward_names_survive_the_csv_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    n = len(AWKWARD)
    table = PredictionTable(
        pd.DataFrame(
            {"case_id": AWKWARD, "patient_id": [f"{name}p" for name in AWKWARD], "fold": 0, "role": "test",
             "model": "@model", "truth": ["=yes", "no"] * (n // 2) + ["no"] * (n % 2), "p_=yes": 0.25, "p_no": 0.75,
             "=site": AWKWARD, "age_years": np.arange(n) / 3.0}
        )
    )  # fmt: skip
    table.write(tmp_path / "predictions.csv")
    back = PredictionTable.read(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(back.rows, table.rows, check_exact=True)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for line in csv.reader(stream) for cell in line]
    formulas = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [cell for cell in formulas if not NEGATIVE.fullmatch(cell)] == [], "a negative number is no formula"


NEGATIVE = re.compile(r"-\d+(\.\d+)?(e[+-]?\d+)?")
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
printable = names.filter(lambda name: name.isprintable() and bool(name.strip()))
covariates = st.one_of(st.none(), names, st.floats(allow_nan=False, allow_infinity=False))


@settings(max_examples=60, deadline=None)
@given(
    ids=st.lists(printable, min_size=1, max_size=6, unique=True),
    share=st.floats(0.0, 1.0),
    texts=st.lists(covariates, min_size=6, max_size=6),
)
def test_writing_and_reading_gives_the_same_table_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str], share: float, texts: list[object]
) -> None:
    path = tmp_path_factory.mktemp("round") / "predictions.csv"
    n = len(ids)
    table = PredictionTable(
        pd.DataFrame(
            {"case_id": ids, "patient_id": ids, "fold": 3, "role": "test", "model": "probe", "truth": "b",
             "p_a": share, "p_b": 1.0 - share, "told": pd.Series(texts[:n], dtype=object)}
        )
    )  # fmt: skip
    table.write(path)
    back = PredictionTable.read(path)
    pd.testing.assert_frame_equal(back.rows, table.rows, check_exact=True)
    assert back.probabilities.tobytes() == table.probabilities.tobytes()


def test_a_covariate_is_a_number_only_when_written_as_one() -> None:
    typed = in_house_types(rows(code=["007", "8", "9"], age=[7, None, 9], weight=["7.5", None, "8.0"], ok=[True, 1, 0]))
    assert typed["code"].tolist() == ["007", "8", "9"]
    assert typed["age"].dtype == np.float64
    assert typed["weight"].dtype == np.float64
    assert typed["ok"].tolist() == ["True", "1.0", "0.0"]


def test_a_missing_file_and_an_empty_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"predictions\.csv is missing"):
        PredictionTable.read(tmp_path / "predictions.csv")
    PredictionTable(rows().iloc[:0]).write(tmp_path / "predictions.csv")
    with pytest.raises(IntegrityFailure, match="has a header but no predictions"):
        PredictionTable.read(tmp_path / "predictions.csv")


def test_cases_and_probabilities_make_a_table() -> None:
    cases = [
        Case("c1", "a", Path("/x/1.png"), "no", 2, {"site": "x"}),
        Case("c2", "b", Path("/x/2.png"), "yes", 3, {"site": None}),
    ]
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5]], dtype="float32")
    table = PredictionTable.of_cases(
        cases, probabilities, classes=("no", "yes"), covariates=("site",), fold=2, role="test", model="probe"
    )
    assert table.rows["truth"].tolist() == ["no", "yes"]
    assert table.rows["site"].tolist() == ["x", None]
    with pytest.raises(IntegrityFailure, match=r"shape \(case, class\) = \(2, 3\), got \(2, 2\)"):
        PredictionTable.of_cases(
            cases, probabilities, classes=("no", "yes", "other"), fold=2, role="test", model="probe"
        )


def test_tables_are_put_together_only_when_they_fit() -> None:
    table = PredictionTable(rows(site=["7.0", "8.0", "L"]))
    together = concatenate([table.of(model="probe"), table.of(model="full")])
    pd.testing.assert_frame_equal(together.rows, table.rows)
    with pytest.raises(
        ConfigurationError, match="same covariates in the same order: table 1 has site, table 2 has none"
    ):
        concatenate([table, PredictionTable(rows())])
    with pytest.raises(ConfigurationError, match="same classes in the same order"):
        concatenate([PredictionTable(rows()), PredictionTable(rows(p_other=0.0))])
    with pytest.raises(ConfigurationError, match="has any fold finished"):
        concatenate([])
    with pytest.raises(IntegrityFailure, match="more than once"):
        concatenate([table, table])
