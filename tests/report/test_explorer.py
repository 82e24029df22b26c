"""The threshold that a reader moves on the page: its numbers are those of medtl.evaluation, and it tells no names."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medtl.evaluation import PatientScores
from medtl.evaluation.operating_points import predictive_values, proportions
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.subgroups import members_by_group
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units, units_of
from medtl.files import read_csv
from medtl.record.run import Run, read_run
from medtl.report import write_reports
from medtl.report.pages.study_page import study_view
from medtl.report.results.judged import Judged, evaluate_run
from medtl.report.sections.explorer import explorer

SET = """(([label, value]) => {{
  const labels = [...document.querySelectorAll('.explorer label')];
  const input = labels.find(one => one.textContent.startsWith(label)).control;
  input.value = value; input.dispatchEvent(new Event('input'));
}})({0})"""
CELLS = "[...document.querySelectorAll('.explorer td[data-key]')]"
ROWS = f"Object.fromEntries({CELLS}.map(td => [td.dataset.key, {{...td.dataset}}]))"
COUNTS = "[...document.querySelectorAll('.explorer td[data-count]')].map(td => Number(td.textContent))"


def asked(tab: Any, **inputs: object) -> None:
    for label, value in inputs.items():
        tab.ask(SET.format(json.dumps([label, str(value)])))


def decided(units: Units, threshold: float) -> Decisions:
    called = (units.probabilities[:, 1] >= threshold).astype(np.int64)
    return Decisions(units.patients, units.truth, called, units.classes)


def witness(units: Units, *, threshold: float, prevalence: float) -> dict[str, Any]:
    """The numbers as Python counts them."""
    decisions = decided(units, threshold)
    found = proportions(decisions)
    there = predictive_values(
        found, resample_patients(units, resamples=20, seed=1, scope="patient|pooled"), prevalence=prevalence
    )
    have, called = decisions.truth == 1, decisions.called == 1
    benefit = (np.sum(have & called) - np.sum(~have & called) * threshold / (1 - threshold)) / len(units)
    return {
        "sensitivity": found.sensitivity, "specificity": found.specificity, "ppv": found.positive_predictive_value,
        "npv": found.negative_predictive_value, "accuracy": found.accuracy, "ppvThere": there.positive,
        "npvThere": there.negative, "benefit": benefit,
    }  # fmt: skip


@pytest.fixture(scope="module")
def judged_run(small_run: Path) -> tuple[Run, Judged]:
    """A finished study with its pages."""
    write_reports(small_run)
    run = read_run(small_run)
    return run, evaluate_run(run)


@pytest.mark.browser
@pytest.mark.slow
def test_what_the_page_counts_is_what_python_counts(judged_run: tuple[Run, Judged], small_run: Path, tab: Any) -> None:
    run, judged = judged_run
    table = judged.patients.of(model=run.chosen_model, role="test")
    units = units_of(table)
    one = judged.appraisal.of(run.chosen_model).subgroups[0]  # type: ignore[union-attr]
    parts = [(0, units)] + [
        (number, units.among(members_by_group(table, units, one.covariate)[group.name]))
        for number, group in enumerate(one.groups, start=1)
    ]
    tab.open(small_run / "report.html")
    looked = 0
    for number, part in parts:
        for threshold, prevalence in ((0.0, 50), (0.31, 2), (0.5, 12.5), (0.77, 99), (1.0, 0.1)):
            asked(tab, Threshold=threshold, Prevalence=prevalence, Patients=number)
            found = tab.ask(ROWS)
            with np.errstate(all="ignore"):
                expected = witness(part, threshold=threshold, prevalence=prevalence / 100) if threshold < 1 else {}
            for key, value in expected.items():
                own, number_only = found[key], isinstance(value, float)
                if not number_only and value.value is None:
                    assert "value" not in own, key
                    continue
                assert float(own["value"]) == pytest.approx(value if number_only else value.value, abs=1e-9), key
                if not number_only:
                    assert (value.low is None) == ("low" not in own), key
                    if value.low is not None:
                        ends = [float(own["low"]), float(own["high"])]
                        assert ends == pytest.approx([value.low, value.high], abs=1e-9), key
                looked += 1
            assert tab.ask(COUNTS) == decided(part, threshold).confusion[::-1, ::-1].ravel().tolist()
    assert looked > 60
    auroc = judged.of(run.chosen_model, fold=None).auroc
    asked(tab, Patients=0)
    assert float(tab.ask(ROWS)["auroc"]["value"]) == auroc.value
    assert tab.console == []


@pytest.mark.browser
@pytest.mark.slow
def test_a_threshold_that_is_none_is_said_and_the_start_comes_back(
    judged_run: tuple[Run, Judged], small_run: Path, tab: Any
) -> None:
    tab.open(small_run / "report.html")
    first = tab.ask("document.querySelector('.explorer').textContent")
    asked(tab, Threshold=1.5)
    assert tab.ask("document.querySelector('.explorer .alarm').textContent") == (
        "Give a threshold from 0 to 1 and a prevalence between 0 and 100 %, such as 0.25 and 12.5."
    )
    asked(tab, Threshold=0.9)
    assert tab.ask("document.querySelector('.explorer').textContent") != first
    tab.ask("document.querySelector('.explorer button').click()")
    assert tab.ask("document.querySelector('.explorer').textContent") == first
    assert [one for one in tab.requests if not one.startswith(("data:", (small_run / "report.html").as_uri()))] == []


def test_the_page_carries_no_name_of_a_patient_or_case_for_it(judged_run: tuple[Run, Judged], small_run: Path) -> None:
    found = explorer(study_view(*judged_run))
    assert found is not None
    rows = read_csv(small_run / "predictions.csv", text_columns=("case_id", "patient_id"))
    for column in ("case_id", "patient_id"):
        assert not [name for name in rows[column].unique() if f'"{name}"' in found.facts]
    facts = json.loads(found.facts)
    scores = facts["probabilities"][0]
    assert scores == sorted(scores, reverse=True), "the order of the predictions says who is who"
    assert len(scores) == len(facts["positive"]) == 40


def test_several_classes_and_many_patients_have_none(
    judged_run: tuple[Run, Judged], run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    view, counted = study_view(*judged_run), sys.modules[PatientScores.__module__]
    monkeypatch.setattr(counted, "MOST_NUMBERS", 60)
    one = explorer(view)
    assert one is not None
    assert len(json.loads(one.facts)["models"]) == 1, "above the limit, the first model alone"
    monkeypatch.setattr(counted, "MOST_NUMBERS", 39)
    assert explorer(view) is None
    several = read_run(
        run_writer(tmp_path, run_recipe(classes=("a", "b", "c"), patients=30, fold_count=2, resamples=100))
    )
    assert explorer(study_view(several, evaluate_run(several))) is None


@pytest.mark.browser
@pytest.mark.slow
def test_nothing_of_it_is_printed(judged_run: tuple[Run, Judged], small_run: Path, tab: Any) -> None:
    tab.open(small_run / "report.html")
    seen = "document.querySelector('.moved').getClientRects().length"
    assert tab.ask(seen) == 1
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert tab.ask(seen) == 0
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
