"""Who is left out of a run is said on the console, with the first case of each reason and what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from medtl.cohort.case import Case, Cohort, Exclusion
from medtl.study.cohort import announce_left_out

CASES = tuple(Case(f"c{n}", f"p{n}", Path(f"/{n}.png"), ("well", "ill")[n % 2], n + 2, {}) for n in range(4))
CUT = "The JPEG file is cut short (OSError). Get the file again from its source."


def test_every_reason_is_said_once_with_its_first_case_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    gone = tuple(Exclusion(f"x{n}", n, "truncated", CUT) for n in (7, 9))
    announce_left_out(Cohort(CASES, ("well", "ill"), exclusions=(*gone, Exclusion("y", 12, "no_label", "No label."))))
    assert capsys.readouterr().err.splitlines() == [
        "3 cases are left out (exclusions.csv names each):",
        f"  truncated: 2; the first, case x7 in line 7: {CUT}",
        "  no_label: 1; the first, case y in line 12: No label.",
    ]
    announce_left_out(Cohort(CASES, ("well", "ill"), exclusions=gone[:1]))
    assert capsys.readouterr().err.startswith("1 case is left out (exclusions.csv names each):\n  truncated: 1;")
    announce_left_out(Cohort(CASES, ("well", "ill")))
    assert capsys.readouterr().err == ""
