"""What a fold learns, it learns without its test cases: leaks are planted in each place, and each is seen.

The same study is run twice; the second time the test cases of fold 0 have other pixels and the other label. Nothing
that fold 0 has learned may differ by a bit: standardisation, probe, penalty, network, choice among candidates,
thresholds. Then a leak is planted in the code, and the same comparison has to see it. That no patient is on two sides
of a fold is tested with the folds (tests/folds).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medtl.errors import IntegrityFailure
from medtl.evaluation.conformal import Conformal, conformal_of
from medtl.evaluation.fold_decisions import decide_fold
from medtl.evaluation.model_metrics import evaluate_decided_fold
from medtl.evaluation.recalibration import recalibrated
from medtl.evaluation.settings import ThresholdRule
from medtl.evaluation.units import Units
from medtl.predictions import PredictionTable, selection
from medtl.training.feature_table import FeatureTable

pytestmark = pytest.mark.usefixtures("own_places", "without_pages", "without_states")

Medtl = Callable[..., Any]
LEARNED = ("probe.json", "baselines.safetensors", "checkpoint.safetensors", "history.csv", "selection.json")


def run(folder: Path, new_cohort: Callable[[Path], Any], medtl: Medtl, *, spoiled: bool) -> Path:
    """The run of a cohort whose column `part` says in which fold a patient is tested."""
    cohort = new_cohort(folder / "data")
    for number, row in enumerate(cohort.rows):
        row["part"] = str(number // 2 % 2)
        if spoiled and row["part"] == "0":
            row["label"] = {"well": "ill", "ill": "well"}[row["label"]]
            pixels = np.random.default_rng(1000 + number).integers(0, 40, (32, 32)).astype(np.uint8)
            pixels += np.uint8(200 * (row["label"] == "ill"))
            Image.fromarray(pixels).save(cohort.folder / row["image"])
    study = cohort.write(
        folds={"from_column": "part"},
        adaptation={"policy": ["full"]},
        selection={"learning_rates": [1e-4]},
        recipe={"epochs": 1, "batch_size": 8},
        classes=["well", "ill"],
        controls={"permutations": 0, "thumbnail": False, "border_only": False},
    )
    answer = medtl("run", study, "--out", folder / "run")
    assert answer.code == 0, answer.err
    return folder / "run"


def learned(run: Path) -> dict[str, object]:
    """Everything that fold 0 learned, file by file, and what its models said of their validation patients."""
    fold = run / "fold_0"
    found: dict[str, object] = {
        str(path.relative_to(fold)): path.read_bytes() for path in sorted(fold.rglob("*")) if path.name in LEARNED
    }
    curves = pd.read_csv(fold / "history.csv")
    found["history.csv"] = curves.drop(columns=[name for name in curves if "second" in name]).to_csv()
    rows = pd.read_csv(fold / "predictions.csv")
    found["validation"] = rows[rows["role"] == "validation"].to_csv()
    judged = json.loads((fold / "metrics.json").read_text())
    found["thresholds"] = [(one["model"], one["patient"]["threshold"]) for one in judged["models"]]
    return found


@pytest.fixture(scope="module")
def clean(
    tmp_path_factory: pytest.TempPathFactory,
    own_places: None,
    without_pages: None,
    new_cohort: Callable[[Path], Any],
    medtl: Medtl,
) -> dict[str, object]:
    return learned(run(tmp_path_factory.mktemp("clean"), new_cohort, medtl, spoiled=False))


def test_nothing_that_a_fold_learns_depends_on_its_test_cases(
    clean: dict[str, object], tmp_path: Path, new_cohort: Callable[[Path], Any], medtl: Medtl
) -> None:
    spoiled = learned(run(tmp_path, new_cohort, medtl, spoiled=True))
    assert set(LEARNED) <= set(clean)
    assert clean.keys() == spoiled.keys()
    assert [name for name in clean if clean[name] != spoiled[name]] == []


def test_standardising_over_everybody_would_be_seen(
    clean: dict[str, object],
    tmp_path: Path,
    new_cohort: Callable[[Path], Any],
    medtl: Medtl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = FeatureTable.of

    def leaking(table: FeatureTable, case_ids: Any) -> Any:
        return (own(table, case_ids) - table.values.mean(axis=0)) / (table.values.std(axis=0) + 1e-6)

    monkeypatch.setattr(FeatureTable, "of", leaking)
    honest = learned(run(tmp_path / "a", new_cohort, medtl, spoiled=False))
    spoiled = learned(run(tmp_path / "b", new_cohort, medtl, spoiled=True))
    assert honest["baselines.safetensors"] != spoiled["baselines.safetensors"]


def test_choosing_by_test_cases_would_be_seen(
    clean: dict[str, object],
    tmp_path: Path,
    new_cohort: Callable[[Path], Any],
    medtl: Medtl,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = selection.choose

    def leaking(said: PredictionTable) -> Any:
        swapped = said.rows.assign(role=said.rows["role"].map({"test": "validation", "validation": "test"}))
        return own(PredictionTable(swapped))

    monkeypatch.setattr(selection, "choose", leaking)
    spoiled = learned(run(tmp_path, new_cohort, medtl, spoiled=True))
    assert spoiled["selection.json"] != clean["selection.json"]


def table(*, seed: int = 3) -> PredictionTable:
    """A model of two folds that is too sure of itself, with validation and test patients in each."""
    chance = np.random.default_rng(seed)
    rows = []
    for fold in (0, 1):
        for role, patients in (("validation", 40), ("test", 60)):
            for patient in range(patients):
                ill = patient % 2
                risk = 1 / (1 + np.exp(-chance.normal(4 * ill - 1.5, 2.5)))
                name = f"{role[0]}{fold}-{patient}"
                rows.append((name, name, fold, role, "m", ("well", "ill")[ill], 1 - risk, risk))
    columns = ["case_id", "patient_id", "fold", "role", "model", "truth", "p_well", "p_ill"]
    return PredictionTable(pd.DataFrame(rows, columns=columns))


def flipped(said: PredictionTable) -> PredictionTable:
    """The same with the truth of every test patient turned round."""
    other = said.rows["truth"].map({"well": "ill", "ill": "well"})
    return PredictionTable(said.rows.assign(truth=said.rows["truth"].where(said.rows["role"] != "test", other)))


RULES = (
    {"rule": "youden"},
    {"rule": "sensitivity", "at_least": 0.9},
    {"rule": "specificity", "at_least": 0.9},
    {"rule": "cost_ratio", "cost_ratio": 5},
)


@pytest.mark.parametrize("asked", RULES, ids=lambda asked: str(asked["rule"]))
def test_thresholds_do_not_depend_on_the_truth_of_test_patients(asked: dict[str, object]) -> None:
    rule = ThresholdRule.model_validate(asked)
    found = [
        evaluate_decided_fold(decide_fold(said, 0, rule=rule), unit="patient", resamples=0, seed=1)
        for said in (table(), flipped(table()))
    ]
    assert found[0].threshold == found[1].threshold
    assert found[0].threshold is not None
    assert found[0].metrics["auroc"] != found[1].metrics["auroc"]


@pytest.mark.parametrize("method", ["platt", "temperature"])
def test_recalibration_does_not_depend_on_the_truth_of_test_patients(method: Any) -> None:
    first, second = (recalibrated(said, method=method) for said in (table(), flipped(table())))
    assert isinstance(first, Units)
    assert isinstance(second, Units)
    assert np.array_equal(first.probabilities, second.probabilities)
    assert not np.array_equal(first.truth, second.truth)


def test_prediction_sets_do_not_depend_on_the_truth_of_test_patients() -> None:
    first, second = (conformal_of(said, coverage=0.8) for said in (table(), flipped(table())))
    assert isinstance(first, Conformal)
    assert isinstance(second, Conformal)
    assert (first.single, first.several, first.empty) == (second.single, second.several, second.empty)
    assert first.classes != second.classes


def test_calibrating_and_choosing_thresholds_on_test_patients_is_refused() -> None:
    rows = table().rows
    tested = rows[rows["role"] == "test"]
    with pytest.raises(IntegrityFailure, match="patients in both validation and test of one fold: t0-0"):
        PredictionTable(pd.concat([rows, tested.assign(role="validation")], ignore_index=True))
