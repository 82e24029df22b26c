"""The choice among candidates: by validation patients alone, the least log loss, controls never."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from medtl.errors import IntegrityFailure
from medtl.predictions import PredictionTable, per_patient, selection

MODELS = ("probe", "lp_ft", "probe@other", "scratch", "centroid")


def predictions(*, models: tuple[str, ...] = MODELS, seed: int = 0) -> PredictionTable:
    rng = np.random.default_rng(seed)
    parts = []
    for role, patients in (("validation", range(12)), ("test", range(12, 24))):
        for model in models:
            for patient in patients:
                for image in range(1 + patient % 3):
                    parts.append(
                        {
                            "case_id": f"c{patient}-{image}", "patient_id": f"p{patient}", "fold": 0, "role": role,
                            "model": model, "truth": ("no", "yes")[patient % 2], "p_yes": rng.uniform(0.05, 0.95),
                        }
                    )  # fmt: skip
    table = pd.DataFrame(parts)
    table.insert(6, "p_no", 1.0 - table["p_yes"])
    return PredictionTable(table)


def test_the_candidate_with_the_least_log_loss_per_validation_patient_is_chosen_as_scikit_learn_counts_it() -> None:
    table = predictions()
    choice = selection.choose(table)
    patients = per_patient(table.of(role="validation")).rows
    witness = {
        model: log_loss(own["truth"], own[["p_no", "p_yes"]].to_numpy(), labels=["no", "yes"])
        for model, own in patients.groupby("model")
        if model not in ("scratch", "centroid")
    }
    assert {one.model: pytest.approx(one.log_loss, abs=1e-12) for one in choice.candidates} == witness
    assert choice.chosen == min(witness, key=lambda model: witness[model])
    assert choice.patients == 12


@pytest.mark.parametrize("seed", range(5))
def test_the_choice_does_not_depend_on_test_patients(seed: int) -> None:
    table = predictions()
    rows = table.rows.copy()
    tested = (rows["role"] == "test").to_numpy()
    drawn = np.random.default_rng(seed).uniform(size=int(tested.sum()))
    rows.loc[tested, "p_yes"], rows.loc[tested, "p_no"] = drawn, 1.0 - drawn
    flipped = {"no": "yes", "yes": "no"}
    rows.loc[tested, "truth"] = [flipped[truth] for truth in rows.loc[tested, "truth"]]
    assert selection.choose(PredictionTable(rows)) == selection.choose(table)


def test_a_control_is_never_chosen_however_good_and_among_equals_the_first_is() -> None:
    rows = predictions(models=("probe", "lp_ft", "scratch")).rows.copy()
    right = (rows["truth"] == "yes").to_numpy().astype(float)
    best = (rows["model"] == "scratch").to_numpy()
    rows["p_yes"] = np.where(best, right, 0.5)
    rows["p_no"] = 1.0 - rows["p_yes"]
    choice = selection.choose(PredictionTable(rows))
    assert [one.model for one in choice.candidates] == ["probe", "lp_ft"]
    assert choice.chosen == "probe"


def test_a_certain_error_costs_much_but_not_everything() -> None:
    rows = predictions(models=("probe",)).rows.copy()
    rows["p_yes"], rows["p_no"] = 1.0, 0.0
    (candidate,) = selection.choose(PredictionTable(rows)).candidates
    assert np.isfinite(candidate.log_loss)


def test_the_selected_model_leads_and_says_what_the_chosen_one_says() -> None:
    table = predictions()
    with_choice = selection.with_selected(table, "probe@other")
    assert with_choice.models == ("selected", *table.models)
    assert np.array_equal(with_choice.of(model="selected").probabilities, table.of(model="probe@other").probabilities)


def test_a_choice_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fold_3" / "selection.json"
    path.parent.mkdir()
    path.write_text('{"chosen": "probe"}')
    with pytest.raises(IntegrityFailure, match=r"selection\.json in fold_3 does not say what was selected"):
        selection.read_selection(path)
