"""Every refusal of predictions lists the faults with their cases, what a table needs, and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.predictions import PredictionTable, read_external
from medtl.predictions.common_cases import on_common_cases
from medtl.predictions.selection import read_selection
from medtl.predictions.table import concatenate

OF_CASES = (("c1", "no"), ("c2", "yes"), ("c3", "yes"))


def table(*cases: tuple[str, str], **changes: object) -> pd.DataFrame:
    """Test rows of one model."""
    chosen = cases or OF_CASES
    rows = pd.DataFrame(
        {
            "case_id": [case for case, _ in chosen],
            "patient_id": [f"p-{case}" for case, _ in chosen],
            "fold": 0,
            "role": "test",
            "model": "probe",
            "truth": [truth for _, truth in chosen],
            "p_no": [0.9 if truth == "no" else 0.2 for _, truth in chosen],
            "p_yes": [0.1 if truth == "no" else 0.8 for _, truth in chosen],
        }
    )
    return rows.assign(**changes)


# The table itself


def test_a_frame_that_is_no_table_is_answered_with_the_columns_of_one() -> None:
    with pytest.raises(
        IntegrityFailure,
        match=r"are not a table of predictions: missing columns: role, model\. "
        r"Expected case_id, patient_id, fold, role, model, truth, then p_<class> "
        r".*; got case_id, patient_id, fold, truth",
    ):
        PredictionTable(table().drop(columns=["role", "model"]))


def test_a_frame_without_any_column_says_none() -> None:
    with pytest.raises(IntegrityFailure, match=r"for 0 classes, at least 2 are needed\. .*; got none\."):
        PredictionTable(pd.DataFrame())


def test_a_decimal_comma_in_a_probability_is_answered_with_the_point() -> None:
    with pytest.raises(
        IntegrityFailure,
        match=r"Column p_yes must hold numbers, .*'0,1'\)\. Write the probability as a decimal with a point",
    ):
        PredictionTable(table(p_yes=["0,1", "0.8", "0.8"]))


def test_a_half_fold_is_named_once_with_how_folds_are_numbered() -> None:
    with pytest.raises(
        IntegrityFailure, match=r"whole numbers from 0 on, got 0\.5\. Number the folds 0, 1, 2, and on over repeats"
    ):
        PredictionTable(table(fold=[0.5, 0.5, 1.0]))


def test_one_fault_is_one_fault_and_nothing_is_repaired() -> None:
    with pytest.raises(
        IntegrityFailure,
        match=r"cannot be judged, 1 fault:\n  - truth 'maybe' is none of the classes no, yes: case c2\n"
        r"Nothing was dropped or repaired; correct the table where it was made",
    ):
        PredictionTable(table(truth=["no", "maybe", "yes"]))


def test_probabilities_of_another_shape_name_the_model_and_the_fold() -> None:
    with pytest.raises(
        IntegrityFailure, match=r"got \(0, 3\): model full must say one probability per class for every case of fold 4"
    ):
        PredictionTable.of_cases([], np.zeros((0, 3)), classes=("no", "yes"), fold=4, role="test", model="full")


def test_a_file_with_a_header_alone_is_named_with_its_folder(tmp_path: Path) -> None:
    PredictionTable(table().iloc[:0]).write(tmp_path / "fold_2" / "predictions.csv")
    with pytest.raises(IntegrityFailure, match=r"predictions\.csv in fold_2 has a header but no predictions"):
        PredictionTable.read(tmp_path / "fold_2" / "predictions.csv")


def test_a_fold_that_was_not_predicted_is_answered_with_those_that_were() -> None:
    with pytest.raises(ConfigurationError, match=r"predictions have no fold 3; there is 0, 1"):
        PredictionTable(table(fold=[0, 1, 1])).of(fold=3)


def test_tables_with_classes_in_another_order_are_named_by_number() -> None:
    one = PredictionTable(table())
    other = PredictionTable(table(("c4", "no"))[[*table().columns[:6], "p_yes", "p_no"]])
    with pytest.raises(ConfigurationError, match="classes in the same order: table 1 has no, yes, table 2 has yes, no"):
        concatenate([one, other])


def test_no_tables_at_all_are_answered_with_a_question() -> None:
    with pytest.raises(ConfigurationError, match=r"no tables of predictions to put together: has any fold finished\?"):
        concatenate(())


# A choice among candidates


def test_a_selection_that_was_edited_is_answered_with_how_to_make_it_anew(tmp_path: Path) -> None:
    (tmp_path / "fold_1").mkdir()
    path = tmp_path / "fold_1" / "selection.json"
    path.write_text("{}")
    with pytest.raises(
        IntegrityFailure,
        match=r"in fold_1 does not say .*\. Restore it, or delete the fold's folder and run again with",
    ):
        read_selection(path)


# Tables of other tools


def test_a_run_folder_instead_of_a_table_is_answered_with_the_table_in_it(tmp_path: Path) -> None:
    (tmp_path / "study-1").mkdir()
    with pytest.raises(ConfigurationError, match=r"study-1 is a folder; .* of a run study-1/predictions\.csv"):
        read_external(tmp_path / "study-1")


def test_a_foreign_table_is_answered_with_what_a_table_holds(tmp_path: Path) -> None:
    table().drop(columns="truth").to_csv(tmp_path / "theirs.csv", index=False)
    with pytest.raises(
        DataRefused,
        match=r"theirs\.csv cannot be judged, 1 fault:\n  - there is no column truth\n"
        r"A table holds case_id, patient_id, fold, truth and a column p_<class> "
        r"for each class, the positive class last",
    ):
        read_external(tmp_path / "theirs.csv")


def test_a_positive_class_that_no_column_has_is_answered_with_the_classes(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "theirs.csv", index=False)
    with pytest.raises(ConfigurationError, match=r"got 'ill', and the table's classes are no, yes"):
        read_external(tmp_path / "theirs.csv", positive="ill")


# Several models on the cases in common


def test_models_without_a_case_in_common_are_counted() -> None:
    one, other = PredictionTable(table()), PredictionTable(table(("d1", "no"), ("d2", "yes")))
    with pytest.raises(
        DataRefused,
        match=r"no case_id was tested by all: mine 3, theirs 2 test cases\. Compare runs of one cohort whose manifests",
    ):
        on_common_cases([("mine", one), ("theirs", other)])


def test_models_with_another_truth_for_a_case_name_that_case() -> None:
    one, other = PredictionTable(table()), PredictionTable(table(("c1", "no"), ("c2", "no"), ("c3", "yes")))
    with pytest.raises(
        DataRefused,
        match=r"not about the same question:\n  - theirs gives another truth than mine to case c2\n"
        r"Compare models of the same cases with the same reference standard; nothing was written",
    ):
        on_common_cases([("mine", one), ("theirs", other)])
