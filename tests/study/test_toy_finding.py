"""A new finding is one function and one line: told on the console, kept in cohort.json, asked about on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medtl.findings import Finding, Severity
from medtl.study import cohort_findings
from medtl.study.cohort_findings import AuditedCohort

pytestmark = pytest.mark.usefixtures("own_places", "without_states")


def _full_moon(audited: AuditedCohort) -> tuple[Finding, ...]:
    cases = tuple(case.case_id for case in audited.cohort.cases[:2])
    return (
        Finding(
            "full moon", f"{len(cases)} scans were taken at full moon.", "Moon phase 1.00.",
            advice="Repeat them at new moon.", question="Was the moon full?", severity=Severity.VALIDITY, cases=cases,
        ),
    )  # fmt: skip


def test_a_toy_finding_is_told_kept_and_asked_about(
    tiny: Any, new_run: Path, medtl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort_findings, "RULES", (*cohort_findings.RULES, _full_moon))
    study = tiny.write(adaptation={"policy": "scratch"})
    checked = medtl("check", study)
    assert "2 scans were taken at full moon. Moon phase 1.00." in " ".join((checked.out + checked.err).split())
    answer = medtl("run", study, "--out", new_run)
    assert answer.code == 0, answer.err
    page = " ".join((new_run / "report.html").read_text().split())
    assert page.index("What speaks against it") < page.index("2 scans were taken at full moon.")
    assert "Was the moon full?" in page
    assert "Repeat them at new moon." in page
    cohort = json.loads((new_run / "cohort.json").read_text())
    assert "full moon" in json.dumps(cohort["note_details"])
