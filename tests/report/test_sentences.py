"""Sentences are made from numbers: over all numbers, none says what its own numbers deny."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.cohort.positive_class import positive_class_findings
from medtl.evaluation import Estimate, EvaluationSettings, evaluate
from medtl.findings import Finding, sentences
from medtl.record.held_out import HeldOut
from medtl.record.run import HeldOutRun, read_run
from medtl.report.findings.clinical_use import beyond_null
from medtl.report.findings.rules import findings_of
from medtl.report.findings.thresholds import threshold_finding
from medtl.report.html.numbers import plain
from medtl.report.html.page import heading_of
from medtl.report.manuscript.answers_on_results import external
from medtl.report.manuscript.methods_paragraph import methods_paragraph
from medtl.report.pages.predictions_page import _threshold_taken
from medtl.report.results.cohort_words import left_out_sentence
from medtl.report.results.control_words import CONTROLS, control_sentence, relation
from medtl.report.results.judged import Chosen, evaluate_run

share = st.floats(0.0, 1.0)


@given(share, share)
def test_nothing_is_called_uncalibrated_beside_a_value_within_its_printed_band(value: float, null_high: float) -> None:
    assert beyond_null(value, null_high) == (float(plain(value)) > float(plain(null_high)))
    assert not (value <= null_high and beyond_null(value, null_high))


@given(share, share, st.none() | st.floats(0.0, 0.3))
def test_nearly_as_well_is_said_only_of_points_that_lie_close(control: float, value: float, half: float | None) -> None:
    model = (
        Estimate(value=value, reason="no interval", n=50)
        if half is None
        else Estimate(value=value, low=value - half, high=value + half, n=50)
    )
    told = relation(control, model)
    assert (told == "as well") == (control >= value)
    assert (told == "nearly as well") == (0.0 < value - control <= 0.05)
    if told == "less":
        assert model.low is not None
        assert model.low > control
    for name, words in CONTROLS.items():
        sentence = control_sentence(name, control, model)
        assert sentence.startswith(words.alone)
        assert plain(control) in sentence
        assert plain(value) in sentence
        assert ("may be reading" in sentence) == (told in ("as well", "nearly as well"))


def test_a_control_of_665_is_not_nearly_as_good_as_a_model_of_790() -> None:
    sentence = control_sentence("metadata_only", 0.665, Estimate(value=0.790, low=0.64, high=0.90, n=40))
    assert sentence == (
        "The metadata alone reach an AUROC of 0.665, and the interval of the model's 0.790 "
        "(0.640-0.900) includes that: the model is not shown to use more."
    )


def test_a_thumbnail_that_reaches_the_model_is_named_with_both_numbers() -> None:
    sentence = control_sentence("thumbnail", 0.967, Estimate(value=0.962, low=0.93, high=0.98, n=400))
    assert sentence == (
        "A thumbnail of 8 cells a side alone reaches an AUROC of 0.967, the model 0.962: it may be reading exposure, "
        "size or framing, not the condition."
    )
    sentence = control_sentence("border_only", 0.62, Estimate(value=0.90, low=0.85, high=0.95, n=400))
    assert sentence.endswith("the model 0.900 (0.850-0.950): part of the result does not need the condition.")
    assert control_sentence("thumbnail", 0.7, Estimate(value=None, reason="one class", n=4)).endswith("not defined.")


counts = st.integers(0, 500)


@given(counts, counts, counts, st.integers(0, 50), st.none() | st.just("30 patients"))
def test_no_case_was_left_out_is_said_only_where_none_was(
    cases: int, excluded: int, further: int, sealed: int, limited: str | None
) -> None:
    told = left_out_sentence(
        files=cases + excluded + further, cases=cases, excluded=excluded, sealed=sealed, limited=limited
    )
    assert ("No case of the study's own cohort was left out" in told) == (not (excluded or further or limited))
    assert (f"{excluded:,} of " in told) == bool(excluded)
    assert ("sealed as the test" in told) == bool(sealed)
    if further and not limited:
        assert f"{further:,} further case" in told


@given(st.lists(st.builds(Chosen, share, st.integers(1, 300)), max_size=6))
def test_thresholds_of_few_patients_or_far_apart_are_a_concern_with_their_numbers(chosen: list[Chosen]) -> None:
    found = threshold_finding(chosen)
    few = bool(chosen) and min(one.patients for one in chosen) < 60
    wide = bool(chosen) and max(one.value for one in chosen) - min(one.value for one in chosen) >= 0.3
    assert (found is not None) == (few or wide)
    if found is not None:
        assert plain(min(one.value for one in chosen)) in found.evidence
        assert plain(max(one.value for one in chosen)) in found.evidence
        assert str(min(one.patients for one in chosen)) in found.evidence
        assert ("range from" in found.title) == wide


def test_thresholds_from_037_to_902_are_told() -> None:
    found = threshold_finding([Chosen(0.037, 18), Chosen(0.4, 22), Chosen(0.902, 19)])
    assert found is not None
    assert found.title == (
        "The thresholds were chosen on few validation patients (18 in the smallest fold), and they range from 0.037 to "
        "0.902 over 3 folds."
    )


def test_a_small_run_warns_of_its_thresholds_and_never_prints_what_the_validation_patients_showed(
    small_run: Path,
) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    assert any("chosen on few validation patients" in one.title for one in findings_of(run, judged))
    fixed = replace(
        run,
        study=run.study.model_copy(
            update={"evaluation": EvaluationSettings.model_validate({"threshold": {"rule": "fixed", "at": 0.5}})}
        ),
    )
    assert not [one for one in findings_of(fixed, evaluate_run(fixed)) if "few validation patients" in one.title]


def test_the_methods_tell_only_what_was_done(small_run: Path) -> None:
    run = read_run(small_run)
    told = methods_paragraph(run, evaluate_run(run))
    assert "served the choice of thresholds" in told
    assert "out-of-fold predictions pooled over folds" in told
    given_threshold = EvaluationSettings.model_validate({"threshold": {"rule": "fixed", "at": 0.5}})
    fixed = replace(run, study=run.study.model_copy(update={"evaluation": given_threshold}))
    told = methods_paragraph(fixed, evaluate_run(fixed))
    assert "served no choice of a threshold" in told
    assert "choice of thresholds" not in told
    one = replace(run, planned_folds=(0,), cohort=run.cohort.model_copy(update={"cases": 40, "patients": 40}))
    told = methods_paragraph(one, replace(evaluate_run(run), resamples=0))
    assert not re.search("out-of-fold|images were averaged|bootstrap", told)


def test_a_declared_threshold_is_not_told_as_missing_validation_rows(small_run: Path) -> None:
    run = read_run(small_run)
    test_only = replace(
        run,
        predictions=run.predictions.of(role="test"),
        study=run.study.model_copy(
            update={"evaluation": EvaluationSettings.model_validate({"threshold": {"rule": "fixed", "at": 0.5}})}
        ),
    )
    assert _threshold_taken(test_only.study, test_only.outcome, test_only.predictions, was_declared=True) == ()
    assert (
        "There are no validation rows"
        in _threshold_taken(test_only.study, test_only.outcome, test_only.predictions, was_declared=False)[0]
    )


def test_the_first_lines_say_which_class_is_positive(small_run: Path) -> None:
    run = read_run(small_run)
    found = positive_class_findings(("ill", "well"), reason="alphabet")
    assert len(found) == 2
    noted = run.cohort.with_findings((*found, Finding("other", "Other.")))
    assert heading_of(replace(run, cohort=noted), fold=None).positive == sentences(found)
    assert heading_of(replace(run, cohort=run.cohort.with_findings(())), fold=None).positive == (
        f"The positive class is {run.classes[1]}.",
    )


@pytest.mark.parametrize("kind", ["sealed", "external"])
def test_external_testing_is_claimed_only_of_another_cohort(small_run: Path, kind: str) -> None:
    run = read_run(small_run)
    judged = evaluate_run(run)
    record = HeldOut.model_construct(name="away", kind=kind, patients=40)
    metrics = evaluate(run.predictions, resamples=0, seed=1)
    run = replace(run, held_out=(HeldOutRun(record, run.predictions, run.predictions, metrics),))
    told = external(run, judged).answer
    assert ("internal testing and a sealed test of the same data set only" in told) == (kind == "sealed")
    assert ("The cohort away, 40 patients" in told) == (kind == "external")
