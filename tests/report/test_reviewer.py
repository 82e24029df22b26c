"""What a reviewer will ask: every warning has its question, numbers and remedy, and what is well has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from medtl.audit.confounding import association_findings, associations, missing_findings
from medtl.audit.findings import duplicate_findings, site_findings
from medtl.audit.near_duplicates import NearPair, near_findings
from medtl.audit.suspicious_patient_ids import both_sides_findings, prevalence_findings, suspicious_number_findings
from medtl.cohort.case import Case, Cohort
from medtl.cohort.several_labels import several_labels_findings
from medtl.controls import blind_findings, margin_findings
from medtl.evaluation import Estimate
from medtl.findings import OPEN_QUESTION, Finding, Severity, questions_of
from medtl.record.controls import BlindAuroc
from medtl.record.run import Run, read_run
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.findings import rules
from medtl.report.findings.rules import findings_of
from medtl.report.results.judged import Difference, Judged, evaluate_run


def _cohort(rows: list[tuple[str, str, str, str | None, str | None]]) -> Cohort:
    """A cohort from (case, patient, label, site, side of the split)."""
    cases = tuple(
        Case(case, patient, Path(f"/{case}.png"), label, line, {"site": site}, split=split)
        for line, (case, patient, label, site, split) in enumerate(rows, start=2)
    )
    return Cohort(cases, ("ill", "well"), covariates=("site",), split_column="split")


def _findings() -> dict[str, tuple[Finding, ...]]:
    """The findings of every rule on a cohort, each on a cohort in which it has something to say."""
    rows = [(f"c{n}", f"p{n}", "ill" if n % 2 else "well", "N" if n % 2 else "S", None) for n in range(60)]
    cohort = _cohort(rows)
    first, second, third = cohort.cases[:3]
    again = replace(second, patient_id=first.patient_id, label=first.label)
    split = _cohort([(f"c{n}", f"p{n}", "ill" if n < 40 else "well", "N", "train" if n < 45 else "test")
                     for n in range(90)])  # fmt: skip
    eyes = replace(cohort, cases=tuple(
        replace(case, image=Path(f"/{n // 2}{'LR'[n % 2]}.png")) for n, case in enumerate(cohort.cases)
    ))  # fmt: skip
    unknown = _cohort([(f"c{n}", f"p{n}", "ill" if n % 2 else "well", None if n < 9 else "N", None) for n in range(20)])
    labels = np.array([case.label == "ill" for case in cohort.cases])
    widths: list[str | float | None] = [100.0 + 9 * is_ill for is_ill in labels]
    covered = {case.case_id: 1.0 - 0.3 * (case.label == "ill") for case in cohort.cases}
    suspicious = Estimate(value=0.8, low=0.7, high=0.9, n=60)
    return {
        "duplicates": duplicate_findings(cohort, duplicates=[("c0", "c2"), ("c1", "c4")]),
        "sites": site_findings(cohort),
        "near": near_findings([NearPair(first, one, 3) for one in (second, third, again)], tied=False),
        "two labels": several_labels_findings(_cohort([("a", "p", "ill", "N", None), ("b", "p", "well", "N", None)])),
        "numbers": suspicious_number_findings(
            replace(cohort, cases=(*cohort.cases, replace(first, case_id="x"))),
            attributes={"sex": {"c0": "f", "x": "m"}},
        ),
        "both sides": both_sides_findings(eyes),
        "prevalence": prevalence_findings(split),
        "missing": missing_findings(unknown),
        "association": association_findings(associations(cohort, {"image width": widths}, seed=3)),
        "margins": margin_findings(cohort, covered, grid="10 x 10 x 10 mm"),
        "not known": blind_findings(BlindAuroc(properties=("site",), auroc=Estimate(value=None, reason="few", n=60))),
        "suspicious": blind_findings(BlindAuroc(properties=("site",), auroc=suspicious)),
    }  # fmt: skip


def test_every_rule_on_a_cohort_has_a_question_of_its_own() -> None:
    for room, findings in _findings().items():
        assert findings, f"{room}: the planted fault raised no finding"
        if room == "suspicious":
            assert questions_of(findings) == ()  # the study page asks about it beside the AUROC with the scans
            continue
        for finding in findings:
            assert finding.question.endswith("?")
            assert finding.question != OPEN_QUESTION, f"{room}: {finding}"
            assert finding.advice


def test_what_is_well_raises_no_question() -> None:
    well = Estimate(value=0.5, low=0.4, high=0.6, n=60)
    findings = (
        *blind_findings(BlindAuroc(properties=("site",), auroc=well)),
        *blind_findings(BlindAuroc(properties=(), auroc=well)),
    )
    assert [one.severity for one in findings] == [Severity.WELL, Severity.WELL]
    assert questions_of(findings) == ()


def test_findings_that_raise_the_same_question_are_one_entry_and_the_strongest_comes_first() -> None:
    first, second = (Finding("age", f"Age {n}.", question="Age?", advice="Ask.") for n in range(2))
    strong = Finding("leak", "A leak.", "In 3 cases.", question="Does it leak?", severity=Severity.VALIDITY)
    asked = questions_of([first, Finding("other", "Hm."), second, strong])
    assert [one.question for one in asked] == ["Does it leak?", "Age?", OPEN_QUESTION]
    assert [one.evidence for one in asked] == [("A leak. In 3 cases.",), ("Age 0.", "Age 1."), ("Hm.",)]


def test_findings_survive_the_record_and_sentences_without_details_are_notes(small_run: Path) -> None:
    findings = tuple(one for own in _findings().values() for one in own)
    cohort = read_run(small_run).cohort.with_findings(findings)
    assert StudiedCohort.model_validate_json(cohort.model_dump_json()).findings == findings
    old = cohort.model_copy(update={"notes": ("Hm.",), "note_details": ()})
    assert old.findings == (Finding("note", "Hm."),)
    with pytest.raises(ValidationError, match="2 notes and 1 note_details; expected one for each note, or none"):
        StudiedCohort.model_validate(
            {**cohort.with_findings(findings[:1]).model_dump(mode="json"), "notes": ["a", "b"]}
        )


def test_every_finding_on_a_run_is_put_as_a_question(small_run: Path) -> None:
    run = read_run(small_run)
    found = findings_of(run, evaluate_run(run))
    assert list(found) == sorted(found, key=lambda one: -one.severity)
    for one in found:
        assert one.kind
        assert one.question.endswith("?")
        assert one.sentence
        assert one.advice


def test_a_toy_finding_is_one_rule_and_one_line_and_the_strongest_stands_in_the_verdict(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medtl.report import write_study_page

    def toy(run: Run, judged: Judged) -> tuple[Finding, ...]:
        title = f"All {len(run.folds)} folds are toys."
        return (Finding("toy", title, question="Are they toys?", advice="Play.", severity=Severity.VOID),)

    monkeypatch.setattr(rules, "RULES", (*rules.RULES, toy))
    folder = run_writer(tmp_path, run_recipe(patients=24, fold_count=2, resamples=100, with_saliency=False))
    html = write_study_page(read_run(folder)).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert html.count("All 2 folds are toys.") == 2, "in the verdict and below its question"
    assert "Are they toys?" in html
    assert "What to do: Play." in html


@pytest.mark.parametrize(("low", "p", "is_asked"), [(-0.02, 0.4, True), (0.01, 0.4, True), (0.01, 0.01, False)])
def test_a_network_that_the_probe_explains_is_asked_about(
    small_run: Path, low: float, p: float, is_asked: bool
) -> None:
    run = read_run(small_run)
    difference = Difference("lp_ft", Estimate(value=0.03, low=low, high=0.08, n=40), 2, 3, p)
    found = findings_of(run, replace(evaluate_run(run), differences=(difference,)))
    told = [
        one for one in found if one.title.startswith("The network was not shown to rank better than the frozen probe")
    ]
    assert bool(told) is is_asked
    assert all("in 2 of 3 folds; the difference of these fitted models, 0.030 (95 % CI" in one.evidence for one in told)


def test_the_page_holds_every_question_with_its_evidence(
    run_writer: Callable[..., Path], run_recipe: type, tmp_path: Path
) -> None:
    from medtl.report import write_study_page

    folder = run_writer(tmp_path, run_recipe(patients=24, fold_count=2, resamples=100, with_saliency=False))
    html = write_study_page(read_run(folder)).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "What is the reference standard of a patient with two labels?" in html
    assert "3 patients appear with two labels; each counts once per label." in html
    assert "Are there enough patients to say this?" in html
