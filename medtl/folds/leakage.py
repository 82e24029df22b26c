"""Nobody on both sides: the check that every fold table passes before anything is trained on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from medtl.errors import DataRefused, MedtlError
from medtl.folds.table import ROLES, FoldTable

LEAKS_SHOWN = 10
"""Leaks printed in one message; the rest is counted, and all are in the error's facts."""


@dataclass(frozen=True)
class Leak:
    """Patients who must stay together and stand in several roles of one fold."""

    fold: int
    patients: tuple[str, ...]
    roles: tuple[str, ...]

    def __str__(self) -> str:
        many = len(self.patients) > 1
        who = f"patients {' and '.join(self.patients)} (the same image)" if many else f"patient {self.patients[0]}"
        return f"fold {self.fold}: {who} in {' and '.join(self.roles)}"


def leaks_in(table: FoldTable, *, groups: Mapping[str, str] | None = None) -> tuple[Leak, ...]:
    """Every patient, or group of patients tied by a shared image, that stands in more than one role of a fold.

    `groups` gives the group of each case id; without it a patient is a group.
    """
    roles: dict[tuple[int, str], set[str]] = defaultdict(set)
    patients: dict[tuple[int, str], dict[str, None]] = defaultdict(dict)
    by_patient: dict[tuple[int, str], set[str]] = defaultdict(set)
    rows = table.rows
    for case_id, patient, fold, role in zip(
        rows["case_id"], rows["patient_id"], rows["fold"], rows["role"], strict=True
    ):
        group = patient if groups is None else groups.get(case_id, patient)
        roles[fold, group].add(role)
        patients[fold, group][str(patient)] = None
        by_patient[fold, str(patient)].add(role)
    found = []
    for (fold, group), seen in sorted(roles.items(), key=lambda item: (item[0][0], str(item[0][1]))):
        if len(seen) < 2:
            continue
        alone = [patient for patient in patients[fold, group] if len(by_patient[fold, patient]) > 1]
        found += [Leak(int(fold), (patient,), _ordered(by_patient[fold, patient])) for patient in alone]
        if not alone:
            found.append(Leak(int(fold), tuple(patients[fold, group]), _ordered(seen)))
    return tuple(found)


def refuse_leaks(
    table: FoldTable, *, groups: Mapping[str, str] | None = None, kind: type[MedtlError] = DataRefused
) -> None:
    """Nothing, if every patient and every group is on one side of each fold.

    Raises:
        DataRefused: (or `kind`) somebody is on two sides; patients, folds and roles are named.
    """
    leaks = leaks_in(table, groups=groups)
    if not leaks:
        return
    shown = "\n".join(f"  {leak}" for leak in leaks[:LEAKS_SHOWN])
    more = f"\n  … and {len(leaks) - LEAKS_SHOWN} more" if len(leaks) > LEAKS_SHOWN else ""
    raise kind(
        f"The folds leak: a patient must be on one side of each fold, and {len(leaks)} time"
        f"{'s this is' if len(leaks) > 1 else ' this is'} not so.\n{shown}{more}\n"
        "Give all cases of a patient, and all patients who share an identical image, the same value in the fold "
        "column, or let medtl draw the folds (folds: {count: 5}).",
        leaks=leaks,
    )


def _ordered(roles: set[str]) -> tuple[str, ...]:
    return tuple(sorted(roles, key=lambda role: ROLES.index(role) if role in ROLES else len(ROLES)))
