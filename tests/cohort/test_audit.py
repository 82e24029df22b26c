"""Duplicates, ties between patients, and what is told about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from medtl.audit import findings as audit
from medtl.cohort import Case, Cohort
from medtl.cohort.several_labels import several_labels_findings
from medtl.findings import sentences


def cohort_of(*rows: tuple[str, str, str, str]) -> Cohort:
    """A cohort from (case, patient, label, site)."""
    cases = tuple(
        Case(case, patient, Path(f"/{case}"), label, line, {"site": site})
        for line, (case, patient, label, site) in enumerate(rows, start=2)
    )
    return Cohort(cases=cases, classes=tuple(sorted({case.label for case in cases})), covariates=("site",))


def test_cases_with_equal_pixels_are_one_group() -> None:
    assert audit.duplicate_groups({"a": "1", "b": "2", "c": "1", "d": "2", "e": "3"}) == (("a", "c"), ("b", "d"))


def test_patients_joined_by_duplicates_are_one_group_also_in_a_chain() -> None:
    cohort = cohort_of(("a", "P3", "x", "n"), ("b", "P2", "x", "n"), ("c", "P1", "y", "n"), ("d", "P4", "y", "n"))
    groups = audit.fold_groups(cohort, duplicates=(("a", "b"), ("b", "c")))
    assert groups == {"a": "P1", "b": "P1", "c": "P1", "d": "P4"}


@given(st.lists(st.sets(st.integers(0, 11), min_size=2, max_size=4), max_size=8))
def test_groups_are_the_connected_components(ties: list[set[int]]) -> None:
    tied = np.zeros((6, 6), dtype=int)
    for tie in ties:
        members = [n // 2 for n in tie]
        tied[np.ix_(members, members)] = 1
    _, component = connected_components(tied, directed=False)
    expected = [f"P{int(np.flatnonzero(component == component[n])[0]):02d}" for n in range(6)]
    cohort = cohort_of(*((f"c{n:02d}", f"P{n // 2:02d}", "xy"[n % 2], "n") for n in range(12)))
    groups = audit.fold_groups(cohort, duplicates=[[f"c{n:02d}" for n in tie] for tie in ties])
    assert groups == {f"c{n:02d}": expected[n // 2] for n in range(12)}


def test_the_notes_tell_within_between_and_differing_labels() -> None:
    cohort = cohort_of(
        ("a", "P1", "x", "n"), ("b", "P1", "x", "n"), ("c", "P2", "x", "n"), ("d", "P3", "x", "n"),
        ("e", "P4", "x", "n"), ("f", "P4", "y", "n"), ("g", "P5", "x", "n"),
    )  # fmt: skip
    notes = sentences(audit.duplicate_findings(cohort, duplicates=(("a", "b"), ("c", "d"), ("e", "f"), ("g", "gone"))))
    assert "different labels: case e (manifest line 6) x and case f (manifest line 7) y" in notes[0]
    assert notes[1].startswith("2 groups of exactly equal images within one patient (4 images)")
    assert "different patient numbers: P2 and P3" in notes[2]
    assert len(notes) == 3


def test_a_site_with_one_class_is_told() -> None:
    cohort = cohort_of(("a", "P1", "x", "n"), ("b", "P2", "y", "n"), ("c", "P3", "x", "s"), ("d", "P4", "x", "s"))
    assert sentences(audit.site_findings(cohort)) == (
        "All 2 cases of site s are x: a model can name the site instead of the disease. "
        "Read the results within each other value, not over all.",
    )


def test_a_single_site_needs_no_note() -> None:
    assert sentences(audit.site_findings(cohort_of(("a", "P1", "x", "n"), ("b", "P2", "y", "n")))) == ()


def test_many_names_are_cut_and_counted() -> None:
    cohort = cohort_of(*((f"c{n}", f"P{n // 2}", "xy"[n % 2], "n") for n in range(40)))
    note = sentences(several_labels_findings(cohort))[0]
    assert "20 patients have cases of more than one class" in note
    assert "and 12 more" in note
