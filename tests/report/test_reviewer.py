"""What a reviewer will ask: every warning has its question, numbers and remedy, and what is well has none."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medtl.audit.confounding import association_notes, associations, missing_notes
from medtl.audit.findings import audit_notes
from medtl.audit.near_duplicates import NearPair, near_notes
from medtl.audit.suspicious_patient_ids import both_sides_notes, doubtful_number_notes, prevalence_notes
from medtl.cohort.case import Case, Cohort
from medtl.cohort.several_labels import several_labels_note
from medtl.controls import blind_notes, margin_notes
from medtl.evaluation import Estimate
from medtl.record.controls import BlindAuroc
from medtl.record.run import read_run
from medtl.report.findings import concerns as concerns_room
from medtl.report.findings.concerns import concerns_of
from medtl.report.findings.questions import OTHERWISE, asked_of, question_on
from medtl.report.results.judged import Difference, evaluate_run


def _cohort(rows: list[tuple[str, str, str, str | None, str | None]]) -> Cohort:
    """A cohort from (case, patient, label, site, side of the split)."""
    cases = tuple(
        Case(case, patient, Path(f"/{case}.png"), label, line, {"site": site}, split=split)
        for line, (case, patient, label, site, split) in enumerate(rows, start=2)
    )
    return Cohort(cases, ("ill", "well"), covariates=("site",), split_column="split")


def _notes() -> dict[str, tuple[str, ...]]:
    """The notes of every room that writes any, each on a cohort in which it has something to say."""
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
        "duplicates": audit_notes(cohort, duplicates=[("c0", "c2"), ("c1", "c4")]),
        "near": near_notes([NearPair(first, one, 3) for one in (second, third, again)], tied=False),
        "two labels": several_labels_note(_cohort([("a", "p", "ill", "N", None), ("b", "p", "well", "N", None)])),
        "numbers": doubtful_number_notes(
            replace(cohort, cases=(*cohort.cases, replace(first, case_id="x"))),
            attributes={"sex": {"c0": "f", "x": "m"}},
        ),
        "both sides": both_sides_notes(eyes),
        "prevalence": prevalence_notes(split),
        "missing": missing_notes(unknown),
        "association": association_notes(associations(cohort, {"image width": widths}, seed=3)),
        "margins": margin_notes(cohort, covered, grid="10 x 10 x 10 mm"),
        "not known": blind_notes(BlindAuroc(properties=("site",), auroc=Estimate(value=None, reason="few", n=60))),
        "suspicious": blind_notes(BlindAuroc(properties=("site",), auroc=suspicious)),
    }  # fmt: skip


def test_every_note_of_the_rooms_below_has_a_question_of_its_own() -> None:
    for room, notes in _notes().items():
        assert notes, f"{room}: the planted fault raised no note"
        if room == "suspicious":
            assert asked_of((), notes) == ()  # told as a concern, with the same numbers
            continue
        for note in notes:
            assert question_on(note) != OTHERWISE, f"{room}: {note}"


def test_what_is_well_raises_no_question() -> None:
    well = Estimate(value=0.5, low=0.4, high=0.6, n=60)
    notes = (
        *blind_notes(BlindAuroc(properties=("site",), auroc=well)),
        *blind_notes(BlindAuroc(properties=(), auroc=well)),
    )
    assert len(notes) == 2
    assert asked_of((), notes) == ()


def test_notes_that_raise_the_same_question_stand_together_and_an_unknown_one_is_not_lost() -> None:
    asked = asked_of(
        (), ["1 of age is not stated in 3 of 9 cases (a).", "sex is not stated in 1 of 9 cases (b).", "Hm."]
    )
    assert [len(one.evidence) for one in asked] == [2, 1]
    assert asked[1].question == OTHERWISE[0]
    assert asked[1].evidence == ("Hm.",)


def test_every_rule_of_the_concerns_is_put_as_a_question(small_run: Path) -> None:
    source = inspect.getsource(concerns_room)
    assert source.count('?",') >= source.count("Concern(\n")
    run = read_run(small_run)
    for one in concerns_of(run, evaluate_run(run)):
        assert one.question.endswith("?")
        assert one.evidence
        assert one.advice


@pytest.mark.parametrize(("low", "p", "is_asked"), [(-0.02, 0.4, True), (0.01, 0.4, True), (0.01, 0.01, False)])
def test_a_network_that_the_probe_explains_is_asked_about(
    small_run: Path, low: float, p: float, is_asked: bool
) -> None:
    run = read_run(small_run)
    difference = Difference("lp_ft", Estimate(value=0.03, low=low, high=0.08, n=40), 2, 3, p)
    found = concerns_of(run, replace(evaluate_run(run), differences=(difference,)))
    told = [one for one in found if one.title.startswith("The network is not distinguishable from the frozen probe")]
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
