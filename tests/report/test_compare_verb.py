"""`medtl compare`: differences are scikit-learn's on the cases in common, and what is not comparable is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import metrics as theirs
from typer.testing import CliRunner, Result

from medtl.cli.command import app
from medtl.errors import ConfigurationError, DataRefused
from medtl.evaluation import Estimate
from medtl.predictions import PredictionTable, on_common_cases
from medtl.report.results.claim import Difference
from medtl.report.results.compared_models import models_to_compare
from medtl.report.sections.model_pairs import ModelPair, in_words

Verb = Callable[..., Result]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def table(
    folder: Path, name: str, *, skill: float, seed: int, patients: range = range(80), shift: int = 0, swap: bool = False
) -> Path:
    """Predictions whose truth and folds depend on the patient alone, so that several tables agree on them."""
    chance = np.random.default_rng(seed)
    rows = []
    for patient in patients:
        truth = ("benign", "malignant")[patient % 3 == 0]
        risk = float(1 / (1 + np.exp(-chance.normal(skill if truth == "malignant" else -skill))))
        row = {
            "case_id": f"c{patient}",
            "patient_id": f"p{patient}",
            "fold": (patient // 3 + shift) % 4,
            "truth": truth,
        }
        said = {"p_benign": 1 - risk, "p_malignant": risk}
        rows.append(row | (dict(reversed(said.items())) if swap else said))
    path = folder / f"{name}.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def score(path: Path, among: set[str]) -> tuple[np.ndarray, np.ndarray]:
    rows = pd.read_csv(path)
    rows = rows[rows["case_id"].isin(among)].sort_values("case_id")
    return (rows["truth"] == "malignant").to_numpy(), rows["p_malignant"].to_numpy()


def test_the_difference_on_the_cases_in_common_is_scikit_learns(tmp_path: Path, verb: Verb) -> None:
    first = table(tmp_path, "first", skill=0.4, seed=1)
    second = table(tmp_path, "second", skill=1.2, seed=2, patients=range(10, 90))
    out = tmp_path / "compared"
    done = verb("compare", first, second, "--out", out, "--resamples", 300)
    assert done.exit_code == 0, done.output
    shared = {f"c{patient}" for patient in range(10, 80)}
    areas = [theirs.roc_auc_score(*score(path, shared)) for path in (first, second)]
    found = json.loads((out / "metrics.json").read_text())["comparisons"][0]
    assert (found["model"], found["reference"]) == ("second", "first")
    assert found["difference"]["value"] == pytest.approx(areas[1] - areas[0], abs=1e-12)
    assert found["difference"]["n"] == len(shared)
    right = [(said >= 0.5) == truth for truth, said in (score(path, shared) for path in (second, first))]
    only = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())
    pairs = pd.read_csv(out / "tables" / "decision-pairs.csv")
    assert (pairs["Only the first"][0], pairs["Only the second"][0]) == only
    told = json.loads((out / "metrics.json").read_text())["appraisal"]["decisions"][0]["decisions"]["p_value"]
    assert told == pytest.approx(binomtest(only[0], sum(only)).pvalue, abs=1e-12)
    page = (out / "report.html").read_text()
    assert f"AUROC difference {areas[1] - areas[0]:.3f}" in page
    assert "12 % of the cases of first" in page.replace("\u00a0", " ")


def test_holms_correction_of_the_folds_p_values_is_statsmodels_rule(tmp_path: Path, verb: Verb) -> None:
    paths = [table(tmp_path, name, skill=skill, seed=seed) for seed, (name, skill) in
             enumerate([("a", 0.1), ("b", 0.8), ("c", 1.6)])]  # fmt: skip
    assert verb("compare", *paths, "--out", tmp_path / "out", "--resamples", 50).exit_code == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["comparisons"]
    raw = sorted((one["over_folds"]["p_value"], one["adjusted"]) for one in found)
    assert len(raw) == 3
    largest = 0.0
    for place, (alone, adjusted) in enumerate(raw):
        largest = max(largest, min(1.0, alone * (3 - place)))
        assert adjusted == pytest.approx(largest, abs=1e-12)


def test_runs_that_were_split_differently_are_not_tested_over_folds(tmp_path: Path, verb: Verb) -> None:
    first, second = table(tmp_path, "a", skill=0.5, seed=1), table(tmp_path, "b", skill=1.5, seed=2, shift=1)
    assert verb("compare", first, second, "--out", tmp_path / "out", "--resamples", 50).exit_code == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["comparisons"][0]
    assert found["over_folds"]["folds"] == 0
    assert found["adjusted"] is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The runs split the patients differently" in page
    assert "higher in" not in page


def test_a_page_of_a_comparison_links_only_files_that_are_there_and_is_made_anew_alike(
    tmp_path: Path, verb: Verb
) -> None:
    paths = [table(tmp_path, "a", skill=0.5, seed=1), table(tmp_path, "b", skill=0.6, seed=2)]
    out = tmp_path / "out"
    assert verb("compare", *paths, "--out", out, "--resamples", 50).exit_code == 0
    page = (out / "report.html").read_text()
    links = re.findall(r'href="(?!data:)([^"#]+)"', page)
    assert len(links) > 10
    assert not [link for link in links if not (out / link).is_file()]
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert verb("compare", *paths, "--out", out, "--resamples", 50).exit_code == 0
    assert before == {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert str(tmp_path) not in page


def test_the_order_of_the_classes_is_that_of_the_first(tmp_path: Path) -> None:
    plain, swapped = table(tmp_path, "a", skill=1, seed=1), table(tmp_path, "b", skill=1, seed=1, swap=True)
    first, second = (PredictionTable(_whole(path)) for path in (plain, swapped))
    found = on_common_cases([("a", first), ("b", second)]).table
    assert found.classes == ("benign", "malignant")
    assert np.array_equal(found.of(model="a").probabilities, found.of(model="b").probabilities)


def test_models_of_other_questions_are_refused_by_name(tmp_path: Path, verb: Verb) -> None:
    first = table(tmp_path, "a", skill=1, seed=1)
    rows = pd.read_csv(first)
    rows.loc[3, "truth"] = "benign" if rows.loc[3, "truth"] == "malignant" else "malignant"
    rows.loc[5, "patient_id"] = "somebody"
    rows.to_csv(tmp_path / "b.csv", index=False)
    done = verb("compare", first, tmp_path / "b.csv", "--out", tmp_path / "out")
    assert done.exit_code != 0
    assert "b gives another truth than a to case c3" in done.output
    assert "b gives another patient_id than a to case c5" in done.output
    assert not (tmp_path / "out" / "report.html").exists()
    rows.rename(columns={"p_malignant": "p_cancer"}).replace("malignant", "cancer").to_csv(
        tmp_path / "c.csv", index=False
    )
    assert (
        "c has the classes benign, cancer, a has benign, malignant"
        in verb("compare", first, tmp_path / "c.csv", "--out", tmp_path / "out").output
    )
    elsewhere = table(tmp_path, "d", skill=1, seed=1, patients=range(200, 260))
    assert (
        "no case_id was tested by all: a 80, d 60 test cases"
        in verb("compare", first, elsewhere, "--out", tmp_path / "out").output
    )


def test_too_few_models_the_same_one_twice_and_unknown_ones_are_refused(tmp_path: Path) -> None:
    first, second = table(tmp_path, "a", skill=1, seed=1), table(tmp_path, "b", skill=1, seed=1)
    with pytest.raises(ConfigurationError, match="A comparison takes 2 to 8 models, got 1: a"):
        models_to_compare([first])
    with pytest.raises(ConfigurationError, match=r"a\.csv is named twice"):
        models_to_compare([first, first])
    with pytest.raises(ConfigurationError, match=r"b\.csv has no model probe; there is model"):
        models_to_compare([second, first], models=["probe"])


def test_a_folder_with_files_of_others_is_left_alone(tmp_path: Path, verb: Verb) -> None:
    paths = [table(tmp_path, "a", skill=0.5, seed=1), table(tmp_path, "b", skill=0.6, seed=2)]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    done = verb("compare", *paths, "--out", tmp_path / "out")
    assert "out holds files that `medtl compare` did not write (thesis.txt)" in done.output


@pytest.mark.parametrize(
    ("low", "high", "adjusted", "expected"),
    [
        (-0.01, 0.03, 0.5, "not distinguishable"),
        (0.01, 0.03, 0.001, "ranked these patients better"),
        (0.01, 0.03, 0.4, "the folds do not confirm it"),
    ],
)
def test_the_words_follow_the_interval_and_the_folds(
    tmp_path: Path, low: float, high: float, adjusted: float, expected: str
) -> None:
    paths = [table(tmp_path, "a", skill=0.5, seed=1), table(tmp_path, "b", skill=0.6, seed=2)]
    first, second = models_to_compare(paths)
    object.__setattr__(first, "model", "probe")
    object.__setattr__(second, "model", "lp_ft")
    found = Difference("lp_ft", Estimate(value=0.02, low=low, high=high, n=80), 3, 5, adjusted)
    told = in_words(ModelPair(model=second, reference=first, found=found), metric="AUROC")
    assert expected in told
    assert ("by the rule of simplicity a is enough" in told) == ("not distinguishable" in told)


def test_repeats_of_two_tables_are_matched_case_by_case(tmp_path: Path) -> None:
    rows = _whole(table(tmp_path, "a", skill=1, seed=1))
    again = pd.concat([rows, rows.assign(fold=rows["fold"] + 4)], ignore_index=True)
    twice, once = PredictionTable(again), PredictionTable(rows)
    assert on_common_cases([("a", twice), ("b", twice)]).is_same_split
    assert not on_common_cases([("a", twice), ("b", once)]).is_same_split


def test_the_faults_are_refusals_of_data(tmp_path: Path) -> None:
    rows = _whole(table(tmp_path, "a", skill=1, seed=1))
    other = rows.assign(patient_id="one")
    with pytest.raises(DataRefused, match="b gives another patient_id than a to case c0, c1"):
        on_common_cases([("a", PredictionTable(rows)), ("b", PredictionTable(other))])


def _whole(path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path)
    return rows.assign(role="test", model="model")
