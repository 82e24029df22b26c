"""`medtl evaluate` judges any tool's table: its numbers are scikit-learn's, and what it cannot judge it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs
from typer.testing import CliRunner, Result

from medtl.cli.command import app
from medtl.evaluation import StudyMetrics, evaluate
from medtl.predictions import PredictionTable

Verb = Callable[..., Result]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Verb:
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def foreign(folder: Path, *, patients: int = 60, folds: int = 1, seed: int = 1, name: str = "theirs.csv") -> Path:
    """The least table that another tool could write: one or two cases a patient, rounded to six digits."""
    chance = np.random.default_rng(seed)
    lines = ["case_id,patient_id,fold,truth,p_benign,p_malignant"]
    for patient in range(patients):
        truth = ("benign", "malignant")[patient % 3 == 0]
        for case in range(1 + patient % 2):
            risk = round(float(1 / (1 + np.exp(-chance.normal(1.3 if truth == "malignant" else -0.6)))), 6)
            lines.append(f"c{patient}-{case},p{patient},{patient // 3 % folds},{truth},{1 - risk:.6f},{risk}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def of_patients(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Truth and mean probability by patient, read by pandas alone."""
    rows = pd.read_csv(path).groupby(["patient_id", "truth"])["p_malignant"].mean().reset_index()
    return (rows["truth"] == "malignant").to_numpy(), rows["p_malignant"].to_numpy()


def test_the_numbers_of_a_foreign_table_are_scikit_learns(tmp_path: Path, verb: Verb) -> None:
    path, out = foreign(tmp_path), tmp_path / "judged"
    done = verb("evaluate", path, "--out", out, "--threshold", "0.4", "--resamples", 200)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "report.html")
    truth, said = of_patients(path)
    called = said >= 0.4
    expected = {
        "auroc": theirs.roc_auc_score(truth, said),
        "average_precision": theirs.average_precision_score(truth, said),
        "brier": theirs.brier_score_loss(truth, said),
        "log_loss": theirs.log_loss(truth, said),
        "sensitivity": theirs.recall_score(truth, called),
        "specificity": theirs.recall_score(~truth, ~called),
        "balanced_accuracy": theirs.balanced_accuracy_score(truth, called),
        "mcc": theirs.matthews_corrcoef(truth, called),
    }
    pooled = json.loads((out / "metrics.json").read_text())["models"][0]["patient"]["pooled"]
    for name, value in expected.items():
        found = pooled["metrics"][name]
        assert found["value"] == pytest.approx(value, abs=1e-9), name
        assert found["low"] <= found["value"] <= found["high"]
        assert found["n"] == 60
    assert pooled["confusion"] == theirs.confusion_matrix(truth, called).tolist()
    page = (out / "report.html").read_text()
    assert f'<dd class="value">{expected["auroc"]:.3f}</dd>' in page
    table = pd.read_csv(out / "tables" / "models.csv")
    for column, name in (("Brier score", "brier"), ("AUROC", "auroc"), ("MCC", "mcc")):
        own = pooled["metrics"][name]
        found = (table[column][0], table[f"{column}, low"][0], table[f"{column}, high"][0])
        assert found == pytest.approx((expected[name], own["low"], own["high"]), abs=1e-12)


def test_a_page_of_a_table_holds_no_outside_address_and_every_file_that_it_links(tmp_path: Path, verb: Verb) -> None:
    out = tmp_path / "judged"
    assert verb("evaluate", foreign(tmp_path, folds=4), "--out", out, "--resamples", 50).exit_code == 0
    page = (out / "report.html").read_text()
    links = re.findall(r'href="(?!data:)([^"#]+)"', page)
    assert len(links) > 10
    assert not [link for link in links if not (out / link).is_file()]
    assert "fixed at 0.5. This calls the more probable class" in page
    assert str(tmp_path) not in page + (out / "evaluation.json").read_text()
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert verb("evaluate", tmp_path / "theirs.csv", "--out", out, "--resamples", 50).exit_code == 0
    assert before == {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_a_runs_own_table_is_judged_to_the_runs_own_numbers(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path, verb: Verb
) -> None:
    run = run_writer(tmp_path, run_recipe(patients=40, fold_count=3, resamples=100))
    told = verb("evaluate", run / "predictions.csv", "--out", tmp_path / "judged", "--resamples", 100, "--seed", 3)
    assert told.exit_code == 0, told.output
    found = StudyMetrics.from_json(json.loads((tmp_path / "judged" / "metrics.json").read_text()))
    expected = evaluate(
        PredictionTable.read(run / "predictions.csv"), resamples=100, seed=3, settings=found.appraisal.settings
    )  # type: ignore[union-attr]
    assert found == expected
    assert "Against the frozen probe" in (tmp_path / "judged" / "report.html").read_text()


def test_the_other_class_as_the_positive_one_turns_sensitivity_and_specificity(tmp_path: Path, verb: Verb) -> None:
    path = foreign(tmp_path)
    found = []
    for name, positive in (("one", "malignant"), ("other", "benign")):
        words = ("evaluate", path, "--out", tmp_path / name, "--positive", positive, "--resamples", 0)
        assert verb(*words).exit_code == 0
        pooled = json.loads((tmp_path / name / "metrics.json").read_text())["models"][0]["patient"]["pooled"]
        found.append(pooled["metrics"])
    assert found[0]["sensitivity"]["value"] == found[1]["specificity"]["value"]
    assert found[0]["auroc"]["value"] == pytest.approx(found[1]["auroc"]["value"], abs=1e-12)
    assert found[0]["auroc"]["reason"] == "no interval: no resamples were asked for"


def test_patients_split_over_folds_are_what_speaks_against_the_result(tmp_path: Path, verb: Verb) -> None:
    path = foreign(tmp_path, folds=3)
    rows = pd.read_csv(path)
    rows.loc[rows["case_id"] == "c1-1", "fold"] += 1
    rows.to_csv(path, index=False)
    assert verb("evaluate", path, "--out", tmp_path / "judged", "--resamples", 0).exit_code == 0
    page = (tmp_path / "judged" / "report.html").read_text()
    assert "<b>What speaks against it.</b> Patients are split over folds" in page
    assert "1 patient with cases in the test parts of different folds: p1." in page


def test_subgroups_and_a_prevalence_are_judged_when_asked_for(tmp_path: Path, verb: Verb) -> None:
    path = foreign(tmp_path, patients=120)
    rows = pd.read_csv(path)
    rows["device"] = [("old", "new")[int(name[1:]) % 4 < 2] for name in rows["patient_id"]]
    rows.to_csv(path, index=False)
    out = tmp_path / "judged"
    words = ("--subgroup", "device", "--prevalence", "0.02", "--threshold", "0.5", "--resamples", 50)
    assert verb("evaluate", path, "--out", out, *words).exit_code == 0
    appraised = json.loads((out / "metrics.json").read_text())["appraisal"]["models"][0]
    patients = rows.groupby(["patient_id", "truth", "device"])["p_malignant"].mean().reset_index()
    for group in appraised["subgroups"][0]["groups"]:
        own = patients[patients["device"] == group["name"]]
        expected = theirs.roc_auc_score(own["truth"] == "malignant", own["p_malignant"])
        assert group["auroc"]["value"] == pytest.approx(expected, abs=1e-9)
    truth, said = of_patients(path)
    found, spared = theirs.recall_score(truth, said >= 0.5), theirs.recall_score(~truth, said < 0.5)
    (values,) = appraised["predictive_values"]
    assert values["positive"]["value"] == pytest.approx(found * 0.02 / (found * 0.02 + (1 - spared) * 0.98), abs=1e-9)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--threshold", "youden"], 2, "chooses a threshold on validation rows, and a table has none"),
        (["--threshold", "1.5"], 2, "threshold.at: Input should be less than 1, got 1.5"),
        (["--prevalence", "3"], 2, "prevalence.0: Input should be less than 1, got 3.0"),
        (["--subgroup", "site"], 2, "The predictions have no covariate site; there is none"),
        (["--positive", "cancer"], 2, "got 'cancer', and the table's classes are benign, malignant"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_nothing_is_judged(
    tmp_path: Path, verb: Verb, words: list[str], code: int, told: str
) -> None:
    done = verb("evaluate", foreign(tmp_path), "--out", tmp_path / "judged", *words)
    assert done.exit_code == code
    assert told in done.stderr
    assert not (tmp_path / "judged" / "report.html").exists()


def test_an_unknown_rule_is_refused_with_those_that_there_are(tmp_path: Path, verb: Verb) -> None:
    path = foreign(tmp_path, folds=2)
    rows = pd.read_csv(path)
    validation = rows.assign(fold=1 - rows["fold"], role="validation")
    pd.concat([rows.assign(role="test"), validation]).to_csv(path, index=False)
    done = verb("evaluate", path, "--out", tmp_path / "judged", "--threshold", "wild")
    assert done.exit_code == 2
    assert "A threshold is youden, sensitivity=0.9, specificity=0.95, cost_ratio=10, or a threshold such as 0.5" in (
        done.stderr
    )


def test_a_folder_of_somebody_else_is_never_written_into(tmp_path: Path, verb: Verb) -> None:
    path = foreign(tmp_path)
    done = verb("evaluate", path, "--out", tmp_path)
    assert done.exit_code == 2
    assert f"{tmp_path.name} holds files that `medtl evaluate` did not write (theirs.csv)" in done.stderr
    done = verb("evaluate", path, "--out", path)
    assert done.exit_code == 2
    assert "theirs.csv cannot be used as a folder for results (Not a directory)" in done.stderr
    done = verb("evaluate", tmp_path, "--out", tmp_path / "judged")
    assert done.exit_code == 2
    assert "is a folder; a table of predictions is a file, of a run" in done.stderr


def test_a_table_with_faults_ends_with_code_three_and_all_of_them(tmp_path: Path, verb: Verb) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("case_id,patient_id,fold,label,p_no,p_yes\nc1,p1,0,no,0.4,0.7\n")
    done = verb("evaluate", path, "--out", tmp_path / "judged")
    assert done.exit_code == 3
    assert "there is no column truth; if label is this, rename it" in done.stderr


def test_the_help_teaches_the_table_by_an_example_that_works(tmp_path: Path, verb: Verb) -> None:
    told = verb("evaluate", "--help").stdout
    shown = re.search(r"case_id,.*?\n.*?\n.*?\n", told)
    assert shown is not None
    path = tmp_path / "shown.csv"
    path.write_text("\n".join(line.strip() for line in shown.group().strip().split("\n")) + "\n")
    assert verb("evaluate", path, "--out", tmp_path / "judged").exit_code == 0
    assert "medtl evaluate theirs.csv --out judged" in told


def test_torch_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom medtl.cli.command import app\n"
        f"try:\n    app(['evaluate', {str(foreign(tmp_path))!r}, '--out', {str(tmp_path / 'judged')!r}])\n"
        "except SystemExit:\n    print([name for name in ('torch', 'monai') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
