"""What speaks against predictions of which nothing is known but the table, and what a reviewer will ask about them.

In: the table as a run, and its numbers. Out: findings, the strongest first, and last what no table can answer.
"""

from __future__ import annotations

from medtl.findings import Finding, Severity, by_severity
from medtl.outcomes import Outcome
from medtl.predictions import PredictionTable
from medtl.record.run import Run
from medtl.record.study import DeclaredStudy
from medtl.report.findings.rules import findings_of
from medtl.report.findings.run_state import INTERNAL_TESTING
from medtl.report.html.numbers import count, joined
from medtl.report.results.judged import Judged
from medtl.report.results.table_as_run import patients_over_folds

NAMED_AT_MOST = 5


def table_findings(run: Run, judged: Judged) -> tuple[Finding, ...]:
    """Every finding, the strongest first."""
    of_runs = [found for found in findings_of(run, judged) if found.kind != INTERNAL_TESTING]  # a table does not tell
    found = [
        _torn_patients(run.predictions),
        *of_runs,
        _unseen(run.planned_folds),
        *_unanswered(run.study, run.outcome),
    ]
    return by_severity(finding for finding in found if finding is not None)


def _unanswered(study: DeclaredStudy, outcome: Outcome) -> tuple[Finding, ...]:
    """What a reviewer asks and the table cannot answer."""
    blind = Finding(
        "no control without scans",
        "No control without the scans can be made from predictions alone.",
        advice="Run `medtl check` on the manifest: it says how well size, spacing, file type and covariates tell the "
        "classes apart.",
        question="How much can be predicted without the scans?",
    )
    rule = study.evaluation.threshold
    if rule.rule != "fixed" or not outcome.has_threshold:
        return (blind,)
    declared = Finding(
        "fixed threshold",
        f"Decisions are made from a probability of {rule.at:g} on; the table does not say since when.",
        advice="Say in the manuscript why this threshold, and that it was set before these patients were looked at.",
        question="When was the threshold declared?",
    )
    return (blind, declared)


def _torn_patients(predictions: PredictionTable) -> Finding | None:
    torn = patients_over_folds(predictions)
    if not torn:
        return None
    named = (
        joined(torn[:NAMED_AT_MOST]) if len(torn) <= NAMED_AT_MOST else f"{', '.join(torn[:NAMED_AT_MOST])} and more"
    )
    return Finding(
        "patients in several folds",
        "Patients are split over folds: models were tested on patients from whom they had learned, so every number "
        "here is too high.",
        f"{count(len(torn), 'patient')} with cases in the test parts of different folds: {named}.",
        advice="Split by patient and predict again; these numbers cannot be mended.",
        question="Were patients kept separate?",
        severity=Severity.VOID,
    )


def _unseen(planned_folds: tuple[int, ...]) -> Finding:
    where = f"{count(len(planned_folds), 'fold')} are named" if len(planned_folds) > 1 else "One fold is named"
    return Finding(
        "unknown training",
        "Only predictions were judged: whether the models had seen these patients is not known here.",
        f"{where} in the table. It does not say who was trained on, nor how often a model was changed after looking at "
        "these patients.",
        advice="State how training, validation and test patients were kept separate and how many models were tried; "
        "test "
        "on "
        "patients of another hospital before any use.",
        question="Had the models seen these patients?",
        severity=Severity.SCOPE,
    )
