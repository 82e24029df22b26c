"""The sealed test: cases that stay unseen until the study is finished.

In: a cohort read with the column of an official split, and the groups of its cases. Out: the cohort to develop on and
the sealed one. A patient is never on both sides: the sealed side is left whole, and whoever is tied to it by a patient
number or an identical image is left out of the other by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from medtl.cohort import Cohort, Exclusion
from medtl.files import fingerprint
from medtl.folds.columns import official_roles
from medtl.folds.table import TEST

TIED = "tied_to_sealed_test"


@dataclass(frozen=True)
class Sealing:
    """The two sides of a cohort; `sealed` has no exclusions of its own."""

    development: Cohort
    sealed: Cohort


def seal(cohort: Cohort, *, column: str, groups: Mapping[str, str]) -> Sealing:
    """Take the cases that `column` calls test out of a cohort.

    Raises:
        DataRefused: a cell is empty or names no side, or one side has no case.
    """
    ids = sealed_ids(cohort, column=column)
    sealed = tuple(case for case in cohort.cases if case.case_id in ids)
    sealed_groups = {groups[case.case_id] for case in sealed}
    tied = tuple(
        Exclusion(
            case.case_id,
            case.line,
            TIED,
            "Its patient, or a patient with an identical image, is in the sealed test, which is left whole.",
        )
        for case in cohort.cases
        if case.case_id not in ids and groups[case.case_id] in sealed_groups
    )
    rest = replace(cohort, cases=tuple(case for case in cohort.cases if case.case_id not in ids))
    return Sealing(rest.without(tied), replace(cohort, cases=sealed, exclusions=(), findings=(), limited=None))


def sealed_ids(cohort: Cohort, *, column: str) -> frozenset[str]:
    """The ids of the cases that `column` calls test.

    Raises:
        DataRefused: a cell is empty or names no side, or one side has no case.
    """
    roles = official_roles(cohort.cases, column=column)
    return frozenset(case.case_id for case, role in zip(cohort.cases, roles, strict=True) if role == TEST)


def commitment(cohort: Cohort, pixel_sha256: Mapping[str, str]) -> str:
    """The fingerprint of these cases with their labels and pixels, whatever their order and pseudonyms."""
    return fingerprint(sorted([case.chance_key, case.label, pixel_sha256[case.case_id]] for case in cohort.cases))
