"""A metric is one room and one line: a toy metric is told wherever metrics are told, and nothing else knows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from medtl.cli.command import app
from medtl.errors import IntegrityFailure
from medtl.evaluation import StudyMetrics, evaluate
from medtl.evaluation.decided import share_estimate
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.metric import EvaluatedUnits, Metric
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.units import Units
from medtl.predictions import PredictionTable

CLASSES = ("benign", "malignant")


def accuracy_estimate(evaluated: EvaluatedUnits) -> Estimate:
    """The toy's room: the share of decisions that agree with the reference standard."""
    decisions, resampling = evaluated.decisions, evaluated.resampling
    if isinstance(decisions, Undefined):
        return Estimate(value=None, reason=decisions.reason, n=len(resampling.patients))
    right = decisions.truth == decisions.called
    return share_estimate(right, decisions.patients, nobody="nobody was decided", reason=resampling.not_requested)


TOY = Metric(
    name="toy_accuracy",
    label="Toy accuracy",
    in_words="toy accuracy",
    better="higher",
    needs="decisions",
    interval="wilson",
    chance=lambda _outcome, shares: max(shares),
    estimate=accuracy_estimate,
    source="a test",
    digits=4,
)


@pytest.fixture
def with_toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy's line in the tuple."""
    monkeypatch.setattr(known, "METRICS", (*known.METRICS, TOY))


def table(folder: Path, name: str, *, skill: float) -> Path:
    chance = np.random.default_rng(3)
    truth = np.arange(80) % 2
    risk = 1.0 / (1.0 + np.exp(-(chance.normal(size=80) + skill * (2 * truth - 1))))
    rows = {"case_id": [f"c{n}" for n in range(80)], "patient_id": [f"p{n}" for n in range(80)], "fold": 0}
    rows |= {"truth": [CLASSES[one] for one in truth], "p_benign": 1.0 - risk, "p_malignant": risk}
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    return folder / name


def verb(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.mark.usefixtures("with_toy")
def test_a_metric_in_one_room_is_in_the_numbers_the_tables_and_on_the_page(tmp_path: Path) -> None:
    theirs, out = table(tmp_path, "theirs.csv", skill=0.8), tmp_path / "evaluated"
    verb("evaluate", theirs, "--out", out, "--threshold", "0.5", "--resamples", 20)
    rows = pd.read_csv(theirs)
    expected = float(((rows["p_malignant"] >= 0.5) == (rows["truth"] == "malignant")).mean())
    unit = json.loads((out / "metrics.json").read_text())["models"][0]["patient"]
    own = unit["pooled"]["metrics"]["toy_accuracy"]
    assert own["value"] == pytest.approx(expected, abs=1e-12)
    assert unit["over_folds"]["toy_accuracy"]["mean"] == pytest.approx(expected, abs=1e-12)
    models = pd.read_csv(out / "tables" / "models.csv")
    found = models[["Toy accuracy", "Toy accuracy, low", "Toy accuracy, high"]].iloc[0].tolist()
    assert found == pytest.approx([expected, own["low"], own["high"]], abs=1e-12)
    page = (out / "report.html").read_text()
    assert "Toy accuracy</th>" in page
    assert f"{expected:.4f}" in page
    assert "MCC, sensitivity, specificity and toy accuracy the decisions at the threshold" in page


@pytest.mark.slow
@pytest.mark.usefixtures("with_toy")
def test_a_comparison_tells_the_new_metric_of_both_models(tmp_path: Path) -> None:
    weak, strong = (table(tmp_path, f"{name}.csv", skill=skill) for name, skill in (("weak", 0.1), ("strong", 1.5)))
    verb("compare", weak, strong, "--out", tmp_path / "compared", "--threshold", "0.5", "--resamples", 20)
    models = pd.read_csv(tmp_path / "compared" / "tables" / "models.csv").set_index("Model")
    assert models.loc["strong", "Toy accuracy"] > models.loc["weak", "Toy accuracy"]


@pytest.mark.usefixtures("with_toy")
def test_metrics_of_a_run_without_the_new_metric_are_not_read_as_if_they_had_it(
    make_table: Callable[..., PredictionTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(known, "METRICS", known.METRICS[:-1])
        written = evaluate(make_table(patients=20, folds=2), resamples=0, seed=1).to_json()
    with pytest.raises(IntegrityFailure, match="missing: toy_accuracy; not known: none"):
        StudyMetrics.from_json(written)


def test_the_tuple_holds_each_metric_once_and_its_text_is_whole() -> None:
    assert len({metric.name for metric in known.METRICS}) == len(known.METRICS)
    assert known.PRIMARY in known.METRICS
    assert all(metric.source and metric.label and metric.in_words for metric in known.METRICS)
    assert known.metric_named("mcc").label == "MCC"
    with pytest.raises(KeyError):
        known.metric_named("toy_accuracy")


@pytest.mark.parametrize("counts", [(12, 28), (10, 10, 20)])
def test_the_value_at_chance_is_that_of_stating_the_shares_to_everybody(counts: tuple[int, ...]) -> None:
    truth = np.repeat(np.arange(len(counts)), counts)
    shares = np.array(counts) / sum(counts)
    ids = tuple(f"u{index}" for index in range(len(truth)))
    units = Units(ids, ids, truth, np.tile(shares, (len(truth), 1)), tuple("abc"[: len(counts)]))
    evaluated = EvaluatedUnits(units, Undefined("none"), resample_patients(units, resamples=0, seed=0, scope="x"))
    for metric in known.METRICS:
        if metric.needs != "decisions":
            value = metric.estimate(evaluated).value
            assert metric.chance(units.outcome, shares.tolist()) == pytest.approx(value, abs=1e-12), metric.name


def test_no_metric_knows_another() -> None:
    rooms = Path(known.__file__).parent
    for room in sorted(set(rooms.glob("*.py")) - {rooms / "known.py", rooms / "__init__.py"}):
        named = set(re.findall(r"medtl\.evaluation\.metrics\.(\w+)", room.read_text()))
        assert named <= {"metric"}, room.name
