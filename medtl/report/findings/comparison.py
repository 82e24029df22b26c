"""What speaks against a comparison of models, the strongest first, each with its evidence and what to do.

In: the models, what was left out of each, and whether their folds are shared. Out: findings; the last always holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from medtl.findings import Finding, Severity, by_severity
from medtl.report.html.numbers import count, joined, percent
from medtl.report.results.compared_models import ComparedModel

LARGE_LOSS = 0.05
"""Share of a model's test cases left out from which the page warns."""


def comparison_findings(
    models: Sequence[ComparedModel], left_out: tuple[int, ...], *, is_same_split: bool
) -> tuple[Finding, ...]:
    """Every finding, the strongest first."""
    found = [_other_scans(models), _lost(models, left_out), None if is_same_split else _other_splits()]
    found.append(
        Finding(
            "many models",
            f"{len(models)} models were looked at on the same patients: the best of them looks better than it is.",
            "Out-of-fold predictions of each were compared; none was set aside for the one that wins.",
            advice="Choose by a rule that was declared before, or select inside the folds (selection: in study.yaml), "
            "and "
            "test the chosen one on patients kept separate.",
            question="How many models were tried, and on whom was the winner tested?",
            severity=Severity.SCOPE,
        )
    )
    return by_severity(finding for finding in found if finding is not None)


def _other_scans(models: Sequence[ComparedModel]) -> Finding | None:
    known = [(one.name, one.scans.set_index("case_id")["sha256"]) for one in models
             if one.scans is not None and "sha256" in one.scans]  # fmt: skip
    if len(known) < 2:
        return None
    first, differ = known[0][1], {}
    for name, own in known[1:]:
        both = pd.concat([first.rename("first"), own.rename("own")], axis=1, join="inner")
        number = int((both["first"] != both["own"]).sum())
        if number:
            differ[name] = number
    if not differ:
        return None
    others = [f"{name} {count(number, 'case')}" for name, number in differ.items()]
    return Finding(
        "other scans",
        f"The runs did not read the same files: against {known[0][0]}, {joined(others)} have other content under the "
        "same name.",
        "By the SHA-256 sums in manifest.lock.csv.",
        advice="Run both on the same files; until then the difference may be the files'.",
        question="Did all models see the same scans?",
        severity=Severity.VALIDITY,
    )


def _lost(models: Sequence[ComparedModel], left_out: tuple[int, ...]) -> Finding | None:
    lost = {}
    for one, number in zip(models, left_out, strict=True):
        tested = len(set(one.rows.of(role="test").rows["case_id"]))
        if number > LARGE_LOSS * tested:
            lost[one.name] = percent(number, tested)
    if not lost:
        return None
    return Finding(
        "cases left out",
        "Cases that not every model was tested on are left out, and these may not be a random part.",
        f"Left out: {joined([f'{share} of the cases of {name}' for name, share in lost.items()])}.",
        advice="Read exclusions.csv of each run; compare on cohorts that are made alike.",
        question="Who is missing from the comparison?",
        severity=Severity.VALIDITY,
    )


def _other_splits() -> Finding:
    return Finding(
        "other splits",
        "The runs split the patients differently, so part of a difference is that of the splits.",
        "The cases in common were not tested in the same folds; no test over folds was made.",
        advice="Give the runs the same folds, by one seed or a column of the manifest (folds: {from_column: fold}), to "
        "compare fold by fold.",
        question="Were the models trained on the same patients?",
        severity=Severity.WEAKNESS,
    )
