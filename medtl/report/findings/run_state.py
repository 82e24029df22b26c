"""What kind of run it was: on phantoms, limited, unfinished, tested inside its own cohort.

In: a run and its numbers. Out: a finding each, or None. A rule looks at numbers only, never at how they please.
"""

from __future__ import annotations

from medtl.findings import Finding, Severity
from medtl.record.run import Run
from medtl.report.html.numbers import count, joined
from medtl.report.results.judged import Judged

INTERNAL_TESTING = "internal testing"
"""The kind of the finding that always holds."""


PHANTOMS = "phantoms"


def phantoms(run: Run, judged: Judged) -> Finding | None:
    """The numbers are about phantoms."""
    if not run.cohort.is_phantom:
        return None
    return Finding(
        PHANTOMS,
        "The data are phantoms: the numbers show that the software works, and say nothing about patients.",
        "cohort.json marks the cohort as phantoms.",
        advice="Use your own manifest for a study.",
        question="Are these numbers about patients?",
        severity=Severity.VOID,
    )


def limited(run: Run, judged: Judged) -> Finding | None:
    """Only a part of the cohort was studied."""
    if not run.cohort.limited:
        return None
    return Finding(
        "limited run",
        "The run was limited to a part of the cohort, so its numbers are a trial, not a result.",
        f"What was studied: {run.cohort.limited}.",
        advice="Run without the limit before quoting a number. The limit set the shares of the classes, so no "
        "probability of "
        "this run is a risk.",
        question="Why was only a part of the cohort studied?",
        severity=Severity.VOID,
    )


def unfinished(run: Run, judged: Judged) -> Finding | None:
    """Folds are missing."""
    if run.is_finished:
        return None
    return Finding(
        "unfinished run",
        f"Only {len(run.folds)} of {len(run.planned_folds)} folds are finished; the others may differ.",
        f"Finished are the folds {joined([str(record.fold) for record in run.folds])}.",
        advice="Continue with --resume.",
        question="What would the missing folds say?",
        severity=Severity.INCOMPLETE,
    )


def internal_testing(run: Run, judged: Judged) -> Finding:
    """Where the model was tested; this always holds."""
    elsewhere = [one.record for one in run.held_out if one.record.kind == "external"]
    if elsewhere:
        sentences = [f"{record.name} ({count(record.patients, 'patient')})" for record in elsewhere]
        return Finding(
            INTERNAL_TESTING,
            "Every further hospital may differ from those that were tested.",
            f"Besides the study's own cohort it was tested on {joined(sentences)}.",
            advice="Say where it was tested, and test again where it is to be used.",
            question="Would it work in yet another hospital?",
            severity=Severity.SCOPE,
        )
    if run.left_out_by is not None:
        return Finding(
            INTERNAL_TESTING,
            f"Each {run.left_out_by} was tested unseen, but all come from one data set: a further one may differ more.",
            f"{count(len(run.folds), 'fold')}, one for each {run.left_out_by}; read them one by one, not only pooled.",
            advice="Test on patients of another hospital before any use.",
            question="Would it work in yet another hospital?",
            severity=Severity.SCOPE,
        )
    sites = run.locked_cases["site"].nunique() if "site" in run.locked_cases.columns else 0
    found = f"The manifest names {count(int(sites), 'site')}." if sites else "The manifest names no site."
    return Finding(
        INTERNAL_TESTING,
        "This is internal testing: how the model does in another hospital is not known.",
        f"Training and test patients come from the same cohort. {found}",
        advice="Test on patients of another hospital before any use.",
        question="Would it work in another hospital?",
        severity=Severity.SCOPE,
    )
