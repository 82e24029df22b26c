"""Uncertainty of the folds' models, against scipy's entropy and scikit-learn's AUROC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.metrics import roc_auc_score

from medtl.held_out.uncertainty import case_uncertainty, patient_uncertainty
from medtl.predictions import PredictionTable


def members(*, folds: int = 4, patients: int = 60, seed: int = 2) -> PredictionTable:
    """Members that disagree, with two cases for every third patient."""
    chance = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        ill = patient % 2
        for case in range(1 + (patient % 3 == 0)):
            centre = chance.normal(1.2 * (2 * ill - 1), 1.5)
            for fold in range(folds):
                risk = 1 / (1 + np.exp(-centre - chance.normal(0, 0.7)))
                name = f"c{patient}-{case}"
                rows.append((name, f"p{patient}", fold, "test", "m", ("well", "ill")[ill], 1 - risk, risk))
    columns = ["case_id", "patient_id", "fold", "role", "model", "truth", "p_well", "p_ill"]
    return PredictionTable(pd.DataFrame(rows, columns=columns))


def test_entropies_are_scipys() -> None:
    table = members()
    found = case_uncertainty(table, thresholds={"m": 0.3}).set_index("case_id")
    for case, rows in table.rows.groupby("case_id"):
        probabilities = rows[["p_well", "p_ill"]].to_numpy()
        together = entropy(probabilities.mean(axis=0), base=2)
        assert found.loc[case, "entropy_bits"] == pytest.approx(together, abs=1e-12)
        expected = together - entropy(probabilities, base=2, axis=1).mean()
        assert found.loc[case, "disagreement_bits"] == pytest.approx(expected, abs=1e-12)


def test_members_that_agree_do_not_disagree_and_a_sure_one_has_no_entropy() -> None:
    rows = members(folds=1).rows
    same = PredictionTable(pd.concat([rows, rows.assign(fold=1)], ignore_index=True))
    assert case_uncertainty(same, thresholds={})["disagreement_bits"].abs().max() < 1e-12
    sure = rows.assign(p_well=1.0, p_ill=0.0)
    assert case_uncertainty(PredictionTable(sure), thresholds={})["entropy_bits"].max() == 0.0


def test_the_summary_is_scikit_learns_by_patient() -> None:
    table = members()
    found = patient_uncertainty(table, model="m", threshold=0.3)
    cases = case_uncertainty(table, thresholds={"m": 0.3})
    mean = table.rows.groupby("case_id")["p_ill"].mean().loc[cases["case_id"]].to_numpy()
    assert (cases["called"] == np.where(mean >= 0.3, "ill", "well")).all()
    cases["wrong"] = cases["called"] != cases["truth"]
    patients = cases.groupby("patient_id")[["wrong", "entropy_bits"]].mean()
    wrong = patients["wrong"] > 0.5
    assert found.wrong == int(wrong.sum()) > 5
    assert found.right == 60 - found.wrong
    assert found.error_auroc == pytest.approx(roc_auc_score(wrong, patients["entropy_bits"]), abs=1e-12)
    assert found.wrong_bits == pytest.approx(patients["entropy_bits"][wrong].median())


def test_with_too_few_errors_nothing_is_compared() -> None:
    table = members()
    right = table.rows.assign(truth=["ill" if risk > 0.5 else "well" for risk in table.rows["p_ill"]])
    kept = right.groupby("case_id")["truth"].transform("nunique") == 1
    first = right[kept & right["case_id"].str.endswith("-0")]
    found = patient_uncertainty(PredictionTable(first.reset_index(drop=True)), model="m", threshold=None)
    assert (found.wrong, found.wrong_bits, found.error_auroc) == (0, None, None)
