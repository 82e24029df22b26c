"""A patient counts once, however many images there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from medtl.predictions.patients import patients_with_several_labels, per_patient
from medtl.predictions.table import PredictionTable


def table_of(lines: list[tuple[str, str, int, str, float, str | None]]) -> PredictionTable:
    frame = pd.DataFrame(lines, columns=["case_id", "patient_id", "fold", "truth", "p_yes", "site"])
    return PredictionTable(frame.assign(role="test", model="probe", p_no=1.0 - frame["p_yes"]))


def test_a_patients_probability_is_the_mean_over_the_images() -> None:
    table = table_of([("1", "a", 0, "yes", 0.5, "x"), ("2", "b", 0, "no", 0.125, "x"), ("3", "a", 0, "yes", 1.0, "y")])
    patients = per_patient(table)
    assert patients.rows["case_id"].tolist() == ["a", "b"]
    assert patients.rows["p_yes"].tolist() == [0.75, 0.125]
    assert patients.rows["site"].tolist() == [None, "x"]
    assert patients.classes == table.classes


def test_a_patient_with_two_labels_counts_once_per_label_and_is_named() -> None:
    table = table_of([("1", "a", 0, "yes", 0.5, None), ("2", "a", 0, "no", 0.25, None), ("3", "b", 0, "no", 0.0, None)])
    patients = per_patient(table)
    assert patients.rows["case_id"].tolist() == ["a [yes]", "a [no]", "b"]
    assert patients.rows["patient_id"].tolist() == ["a", "a", "b"]
    assert patients_with_several_labels(table) == ("a",)


def test_with_repeats_a_patient_has_one_row_per_repeat() -> None:
    table = table_of([("1", "a", 0, "yes", 0.5, None), ("1", "a", 5, "yes", 0.75, None)])
    assert per_patient(table).rows["p_yes"].tolist() == [0.5, 0.75]


def test_per_patient_agrees_with_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    lines = [(str(i), f"q{rng.integers(9)}", 0, "yes", float(rng.random()), None) for i in range(60)]
    patients = per_patient(table_of(lines)).rows
    for name, mean in zip(patients["case_id"], patients["p_yes"], strict=True):
        assert mean == pytest.approx(np.mean([line[4] for line in lines if line[1] == name]), abs=1e-12)


def test_no_rows_give_no_patients() -> None:
    table = table_of([("1", "a", 0, "yes", 0.5, None)])
    assert len(per_patient(PredictionTable(table.rows.iloc[:0]))) == 0
