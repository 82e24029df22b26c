"""Patients whose cases belong to more than one class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from medtl.cohort.case import Cohort
from medtl.findings import Finding

NAMES_SHOWN = 8
"""Names in one note; a note is read by people, the tables hold the rest."""


def patients_with_several_labels(cohort: Cohort) -> tuple[str, ...]:
    """The patients whose cases belong to more than one class, in order of first appearance."""
    labels: dict[str, set[str]] = defaultdict(set)
    for case in cohort.cases:
        labels[case.patient_id].add(case.label)
    return tuple(patient for patient, found in labels.items() if len(found) > 1)


def several_labels_findings(cohort: Cohort) -> tuple[Finding, ...]:
    """A finding on patients with cases of more than one class, or nothing; patients are named by a line."""
    patients = patients_with_several_labels(cohort)
    if not patients:
        return ()
    first: dict[str, int] = {}
    for case in cohort.cases:
        first.setdefault(case.patient_id, case.line)
    lines = first_few(str(first[patient]) for patient in patients)
    count = f"{len(patients)} patient{'s have' if len(patients) > 1 else ' has'}"
    return (
        Finding(
            "several labels",
            f"{count} cases of more than one class (first seen in manifest line {lines}). "
            "All cases of a patient stay on the same side of every fold.",
            question="What is the reference standard of a patient with two labels?",
            advice="Say how the label of such a patient was decided, or leave the patient out.",
        ),
    )


def first_few(names: Iterable[str]) -> str:
    """The first few names in one line, and how many more there are."""
    every = list(names)
    shown = "; ".join(every[:NAMES_SHOWN])
    return shown if len(every) <= NAMES_SHOWN else f"{shown}; and {len(every) - NAMES_SHOWN} more"
