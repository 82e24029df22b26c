"""Counts, the lock of the manifest, and smaller samples of a cohort."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from medtl.cohort import Case, Cohort, Exclusion, flow
from medtl.cohort.sampling import limit_patients
from medtl.errors import ConfigurationError, IntegrityFailure


@dataclass(frozen=True)
class Facts:
    sha256: str = "f" * 64
    pixel_sha256: str = "e" * 64
    shape: tuple[int, ...] = (10, 20)
    channels: int = 1
    spacing_mm: tuple[float, float] | None = (0.5, 0.25)
    reader: str = "png"
    notes: tuple[str, ...] = ("inverted", "cropped")


def cohort_of(patients: int = 12) -> Cohort:
    cases = tuple(
        Case(f"c{n}-{image}", f"P{n}", Path(f"/{n}"), "ab"[n % 2], 2 * n + image + 2,
             {"site": "NS"[n % 3 == 0], "age_years": float(5 * n) if n else None}, chance_key=f"k{n}{image}")
        for n in range(patients) for image in range(2)
    )  # fmt: skip
    gone = (
        Exclusion("g", 90, "no_label", ""),
        Exclusion("h", 91, "missing_file", ""),
        Exclusion("i", 92, "no_label", ""),
    )
    return Cohort(cases=cases, classes=("a", "b"), covariates=("site", "age_years"), exclusions=gone)


def test_the_flow_counts_files_cases_patients_and_reasons() -> None:
    counts = flow.flow_of(cohort_of())
    assert (counts.files, counts.cases, counts.patients) == (27, 24, 12)
    assert [(row.reason, row.cases) for row in counts.exclusions] == [("no_label", 2), ("missing_file", 1)]


def test_every_variable_counts_every_case_once() -> None:
    rows = flow.characteristics(cohort_of())
    for variable in ("class", "site", "age"):
        own = [row for row in rows if row.variable == variable]
        assert sum(row.cases for row in own) == 24
        assert sum(row.patients for row in own) == 12
        assert all(sum(part.cases for part in row.by_class) == row.cases for row in own)
    assert [row.value for row in rows if row.variable == "age"][-1] == "not known"


def test_age_bands_are_in_rising_order() -> None:
    ages = [row.value for row in flow.characteristics(cohort_of(30)) if row.variable == "age"]
    assert ages[:2] == ["0-9", "10-19"]
    assert ages[-2:] == ["140-149", "not known"]


def test_the_lock_has_a_row_per_case_and_the_contract_columns() -> None:
    cohort = cohort_of()
    facts = {case.case_id: Facts() for case in cohort.cases}
    facts["c3-0"] = Facts(spacing_mm=None)
    table = flow.manifest_lock(cohort, facts)
    assert ",".join(table.columns) == (
        "case_id,patient_id,label,sha256,pixel_sha256,shape,channels,spacing_mm,reader,notes,site,age_years"
    )
    assert len(table) == 24
    assert table["spacing_mm"].isna().sum() == 1
    assert (table["shape"][0], table["spacing_mm"][0]) == ("10x20", "0.5x0.25")
    assert table["notes"][0] == "inverted; cropped"
    assert not any("/" in str(cell) for cell in table["case_id"])


def test_a_lock_of_scans_that_were_never_opened_is_refused() -> None:
    with pytest.raises(IntegrityFailure, match=r"24 of 24 studied cases were never opened, first case c0-0"):
        flow.manifest_lock(cohort_of(), {})


def test_a_limit_keeps_that_many_patients_of_each_class_with_all_their_cases() -> None:
    small = limit_patients(cohort_of(40), per_class=5, seed=7)
    for label in small.classes:
        assert len({case.patient_id for case in small.cases if case.label == label}) == 5
    assert len(small.cases) == 20
    assert small.limited == "limited to 5 patients a class"
    assert "10 of 40 patients, 20 of 80 cases" in small.notes[-1]
    assert small.exclusions == cohort_of(40).exclusions


def test_a_limit_does_not_depend_on_row_order_and_grows_by_adding() -> None:
    cohort = cohort_of(40)
    rows = list(cohort.cases)
    random.Random(3).shuffle(rows)
    small = set(limit_patients(cohort, per_class=5, seed=7).patients)
    assert small == set(limit_patients(replace(cohort, cases=tuple(rows)), per_class=5, seed=7).patients)
    assert small < set(limit_patients(cohort, per_class=9, seed=7).patients)
    assert small != set(limit_patients(cohort, per_class=5, seed=8).patients)


def test_a_limit_above_the_cohort_changes_nothing() -> None:
    assert limit_patients(cohort_of(), per_class=6, seed=7) == cohort_of()


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be 1 or more, got 0"):
        limit_patients(cohort_of(), per_class=0, seed=7)
