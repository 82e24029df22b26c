"""The ensemble over folds: a plain mean, judged with thresholds from the study's own out-of-fold patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from medtl.errors import IntegrityFailure
from medtl.held_out import averaged, joined_with_development
from medtl.predictions import PredictionTable


def table(*, cases: int, folds: int, role: str, start: int = 0, site: bool = True, seed: int = 0) -> PredictionTable:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [
            {
                "case_id": f"c{start + case}", "patient_id": f"p{(start + case) // 2}", "fold": fold, "role": role,
                "model": model, "truth": ("no", "yes")[((start + case) // 2) % 2],
            }
            for fold in range(folds)
            for model in ("probe", "full")
            for case in range(cases)
        ]
    )  # fmt: skip
    rows["p_no"] = rng.uniform(size=len(rows))
    rows["p_yes"] = 1.0 - rows["p_no"]
    return PredictionTable(rows.assign(**({"site": "north"} if site else {}), age_years=50.0))


def test_a_cases_probability_is_the_mean_over_the_folds() -> None:
    members = table(cases=6, folds=4, role="test")
    found = averaged(members).rows.set_index(["model", "case_id"])["p_yes"]
    witness = members.rows.pivot_table(index=["model", "case_id"], values="p_yes", aggfunc="mean")["p_yes"]
    assert np.allclose(found.sort_index(), witness.sort_index(), atol=1e-15)
    assert len(found) == 12, "one row per case and model"


def test_thresholds_can_be_chosen_on_the_studys_patients_only() -> None:
    ensemble = averaged(table(cases=6, folds=3, role="test", start=100))
    own = table(cases=8, folds=2, role="test", seed=1)
    joined = joined_with_development(ensemble, out_of_fold=own)
    assert {*joined.of(role="validation").rows["case_id"]} == {*own.rows["case_id"]}
    assert {*joined.of(role="test").rows["case_id"]} == {*ensemble.rows["case_id"]}
    assert joined.folds == (0,)


def test_covariates_that_one_side_lacks_are_left_away() -> None:
    ensemble = averaged(table(cases=4, folds=1, role="test", start=100, site=False))
    joined = joined_with_development(ensemble, out_of_fold=table(cases=4, folds=1, role="test"))
    assert joined.covariates == ("age_years",)


def test_a_patient_of_the_study_among_the_held_out_is_refused() -> None:
    own = table(cases=8, folds=1, role="test")
    with pytest.raises(IntegrityFailure, match="validation and test"):
        joined_with_development(averaged(table(cases=2, folds=1, role="test")), out_of_fold=own)
