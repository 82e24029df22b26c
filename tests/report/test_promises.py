"""Held-out numbers beside what the folds promised: is every collapse told, and nobody accused without one?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.cohort.flow import ClassCount
from medtl.evaluation import Estimate, EvaluationSettings, StudyMetrics, evaluate
from medtl.held_out import joined_with_development
from medtl.predictions import PredictionTable
from medtl.record.held_out import HeldOut
from medtl.record.openings import Opening
from medtl.record.run import HeldOutRun, Run, read_run
from medtl.report.findings.rules import findings_of
from medtl.report.findings.verdict import MOST_WORDS, verdict_of
from medtl.report.results.held_out_words import held_out_findings
from medtl.report.results.judged import Judged, evaluate_run, judged_of
from medtl.report.results.promises import Compared, broken_promises, compared_numbers


def patients(
    classes: tuple[str, ...],
    *,
    number: int,
    share: float,
    skill: float = 3.0,
    shift: float = 0.0,
    seed: int,
    models: tuple[str, ...] = ("probe",),
) -> PredictionTable:
    """Test rows of patients with calibrated probabilities, moved by `shift` logits."""
    chance = np.random.default_rng(seed)
    truth = np.arange(number) < round(share * number)
    evidence = chance.normal(np.where(truth, skill, -skill) / 2.0, np.sqrt(skill))
    risk = 1.0 / (1.0 + np.exp(-(evidence + np.log(share / (1.0 - share)) + shift)))
    names = [f"new-{seed}-{at}" for at in range(number)]
    return PredictionTable(
        pd.concat(
            [
                pd.DataFrame(
                    {
                        "case_id": names, "patient_id": names, "fold": 0, "role": "test", "model": model,
                        "truth": np.where(truth, classes[1], classes[0]),
                        f"p_{classes[0]}": 1.0 - risk, f"p_{classes[1]}": risk,
                    }
                )
                for model in models
            ],
            ignore_index=True,
        )
    )  # fmt: skip


def study(seed: int, *, number: int = 120, share: float = 0.4) -> PredictionTable:
    """Five folds, each with validation rows of patients of its own kind."""
    parts = []
    for fold in range(5):
        for role, at in (("test", 0), ("validation", 1)):
            rows = patients(("a", "b"), number=number // 5, share=share, seed=100 * seed + 2 * fold + at).rows
            parts.append(rows.assign(fold=fold, role=role))
    return PredictionTable(pd.concat(parts, ignore_index=True))


def opened(out_of_fold: PredictionTable, ensemble: PredictionTable, *, resamples: int = 300) -> StudyMetrics:
    joined = joined_with_development(ensemble, out_of_fold=out_of_fold)
    return evaluate(joined, resamples=resamples, seed=1, settings=EvaluationSettings())


def with_cohort(run: Run, ensemble: PredictionTable) -> Run:
    metrics = opened(run.predictions, ensemble)
    counts = tuple(ClassCount(label, 100, 100) for label in run.classes)
    record = HeldOut(
        name="sealed", kind="sealed", source="the column official", fingerprint="f", images="i", cases=200,
        patients=200, by_class=counts, development=counts, members=3, openings=(Opening(at="2026-01-01", run="r",
        fingerprint="f"),),
    )  # fmt: skip
    return replace(run, held_out=(HeldOutRun(record, ensemble, ensemble, metrics),))


@pytest.fixture(scope="module")
def judged_run(small_run: Path) -> tuple[Run, Judged]:
    run = read_run(small_run)
    return run, evaluate_run(run)


def test_a_collapse_of_the_threshold_that_the_auroc_hides_is_in_the_verdict(
    judged_run: tuple[Run, Judged],
) -> None:
    run, judged = judged_run
    fallen = patients(run.classes, number=200, share=0.5, skill=5.0, shift=4.0, seed=9, models=run.models)
    run = with_cohort(run, fallen)
    (finding, *_) = held_out_findings(run, judged)
    metrics = run.held_out[0].metrics.of(run.chosen_model).patient.pooled.metrics
    assert metrics["auroc"].value is not None
    assert metrics["auroc"].value > 0.9
    assert finding.title.startswith("The sealed test does not bear out what the folds promised: ")
    assert f"specificity {metrics['specificity'].value:.3f}" in finding.evidence
    assert "calibration intercept" in finding.evidence
    assert "The ranking hides it" in finding.evidence
    verdict = verdict_of(run, judged, findings_of(run, judged))
    assert f"but specificity {metrics['specificity'].value:.2f} instead of" in verdict.sentences[-1]
    assert verdict.words <= MOST_WORDS


def estimate(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=100)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.01, 0.2), st.sampled_from([0.0, 1.0]))
def test_only_what_is_worse_by_more_than_chance_is_told(
    promised: float, found: float, error: float, ideal: float
) -> None:
    one = Compared(
        "it", estimate(promised, 2 * error), estimate(found, 2 * error), (promised, found), ideal, (error, error), 0.05
    )
    told = broken_promises([one])
    worse = abs(found - ideal) - abs(promised - ideal)
    assert bool(told) == (worse >= 0.05 and abs(found - promised) / (error * 2**0.5) > 1.959964)


def test_the_worst_comes_first() -> None:
    small = Compared("AUROC", estimate(0.9, 0.1), estimate(0.7, 0.1), (0.9, 0.7), 1.0, (0.05, 0.05), 0.05)
    large = replace(small, name="specificity", values=(0.9, 0.3))
    assert [one.name for one in broken_promises([small, large])] == ["specificity", "AUROC"]


def test_probabilities_that_moved_are_told_by_brier_score_and_intercept() -> None:
    out_of_fold = study(1, number=400, share=0.5)
    moved = patients(("a", "b"), number=300, share=0.5, shift=3.0, seed=8)
    names = [
        one.name
        for one in broken_promises(compared_numbers(opened(out_of_fold, moved), _judged(out_of_fold), model="probe"))
    ]
    assert names[0] == "specificity"
    assert {"Brier score", "calibration intercept"} <= set(names)
    assert "AUROC" not in names


def test_a_rarer_condition_alone_breaks_no_promise_of_precision_or_brier_score() -> None:
    out_of_fold = study(1, number=400, share=0.5)
    rarer = patients(("a", "b"), number=400, share=0.1, seed=7)
    judged = _judged(out_of_fold)
    there = opened(out_of_fold, rarer)
    names = [one.name for one in broken_promises(compared_numbers(there, judged, model="probe"))]
    assert "Brier score" not in names
    assert "AUROC" not in names


@pytest.mark.slow
def test_patients_of_the_same_kind_are_accused_in_at_most_5_percent() -> None:
    accused = 0
    for seed in range(40):
        out_of_fold = study(seed)
        same = patients(("a", "b"), number=100, share=0.4, seed=90_000 + seed)
        there = opened(out_of_fold, same, resamples=100)
        accused += bool(broken_promises(compared_numbers(there, _judged(out_of_fold), model="probe")))
    assert accused <= 2


def _judged(table: PredictionTable) -> Judged:
    return judged_of(table, evaluate(table, resamples=100, seed=1, settings=EvaluationSettings()))
