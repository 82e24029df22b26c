"""Assign patients to folds: a cohort and the fold settings in, a leak-free `FoldTable` out.

The unit is the group: a patient, or patients who share an identical image. Chance is drawn from the manifest's own
ids, so neither the order of the rows nor the pseudonym key changes a fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medtl.cohort import Case, Cohort
from medtl.errors import ConfigurationError, DataRefused
from medtl.files import sha256_of
from medtl.folds.columns import column_tests, official_roles
from medtl.folds.leakage import refuse_leaks
from medtl.folds.partition import divided, patients_by_class
from medtl.folds.settings import FoldSettings
from medtl.folds.table import TEST, TRAINING, VALIDATION, FoldTable, table_of

FEWEST_PATIENTS = 3
"""Of each class: one to train, one to validate, one to test."""


@dataclass(frozen=True)
class _Units:
    """The cohort with the group of each case, under a name that depends on the manifest alone."""

    cases: tuple[Case, ...]
    groups: tuple[str, ...]
    strata: tuple[str, ...]


def assign(cohort: Cohort, settings: FoldSettings, *, groups: Mapping[str, str]) -> FoldTable:
    """The folds of a study.

    Test folds are drawn by StratifiedGroupKFold over the groups, anew in each repeat, or read from the manifest. Of
    the training side of each fold, about `validation_fraction` of the groups is kept for validation in the same way.

    Args:
        cohort: who is studied.
        settings: how.
        groups: the group of each case id, from `audit.fold_groups`; a missing case is grouped by its patient.

    Raises:
        ConfigurationError: the cohort was read without the column that the settings name.
        DataRefused: a class has too few patients; the column has empty or unknown cells; or its folds leak.
    """
    units = _units_of(cohort, groups)
    _refuse_few(units, settings)
    if settings.column is None:
        roles = [entry for repeat in range(settings.repeats) for entry in _drawn(units, settings, repeat=repeat)]
    else:
        _refuse_other_column(cohort, settings)
        roles = _from_column(units, settings)
    table = table_of((repeat, fold, units.cases[index], role) for repeat, fold, index, role in roles)
    refuse_leaks(table, groups=groups)
    _refuse_missing_classes(table, cohort, settings)
    return table


_Entry = tuple[int, int, int, str]
"""Repeat, fold, index of the case in the cohort, role."""


def _drawn(units: _Units, settings: FoldSettings, *, repeat: int) -> list[_Entry]:
    labels = units.strata
    parts = divided(labels, units.groups, count=settings.count, seed=f"{settings.seed}|{repeat}")
    if parts is None:
        raise DataRefused(
            f"No division into {settings.count} folds was found in which every fold tests every class "
            f"({_counted(units)}): too many cases belong to few patients. Use fewer folds.",
            patients=patients_by_class(labels, units.groups),
        )
    entries: list[_Entry] = []
    for part in range(settings.count):
        fold = repeat * settings.count + part
        roles = [TEST if held == part else TRAINING for held in parts]
        entries += _with_validation(units, roles, settings, repeat=repeat, fold=fold)
    return entries


def _from_column(units: _Units, settings: FoldSettings) -> list[_Entry]:
    if settings.official is not None:
        roles = official_roles(units.cases, column=settings.official)
        if VALIDATION in roles:
            return [(0, 0, index, role) for index, role in enumerate(roles)]
        return _with_validation(units, roles, settings, repeat=0, fold=0)
    entries: list[_Entry] = []
    for fold, tested in enumerate(column_tests(units.cases, column=str(settings.from_column))):
        roles = [TEST if held else TRAINING for held in tested]
        entries += _with_validation(units, roles, settings, repeat=0, fold=fold)
    return entries


def _with_validation(
    units: _Units, roles: Sequence[str], settings: FoldSettings, *, repeat: int, fold: int
) -> list[_Entry]:
    """The roles with about `validation_fraction` of the training groups turned into validation.

    The training side is divided into 1 / validation_fraction like parts and the first is taken; into fewer when a
    class has fewer groups than that, down to halves.
    """
    training = [index for index, role in enumerate(roles) if role == TRAINING]
    labels = [units.strata[index] for index in training]
    groups = [units.groups[index] for index in training]
    rarest = min(patients_by_class(labels, groups).values(), default=0)
    wanted = max(2, round(1 / settings.validation_fraction))
    held: set[int] = set()
    for count in range(min(wanted, rarest), 1, -1):
        parts = divided(labels, groups, count=count, seed=f"{settings.seed}|{fold}|validation")
        if parts is not None:
            held = {index for index, part in zip(training, parts, strict=True) if part == 0}
            break
    return [(repeat, fold, index, VALIDATION if index in held else role) for index, role in enumerate(roles)]


def _units_of(cohort: Cohort, groups: Mapping[str, str]) -> _Units:
    """Groups renamed by the smallest chance key among their cases, hashed: the same under any pseudonyms."""
    names = [groups.get(case.case_id, case.patient_id) for case in cohort.cases]
    keys: dict[str, str] = {}
    for name, case in zip(names, cohort.cases, strict=True):
        key = case.chance_key or sha256_of(f"{case.patient_id}\n{case.case_id}".encode())
        keys[name] = min(keys.get(name, key), key)
    strata = cohort.outcome.strata(case.label for case in cohort.cases)
    return _Units(cases=cohort.cases, groups=tuple(keys[name] for name in names), strata=strata)


def _refuse_few(units: _Units, settings: FoldSettings) -> None:
    labels = units.strata
    needed = FEWEST_PATIENTS if settings.column is not None else max(settings.count, FEWEST_PATIENTS)
    counts = patients_by_class(labels, units.groups)
    rare = {label: patients for label, patients in counts.items() if patients < needed}
    if not rare:
        return
    named = " and ".join(f"{label} has {n} patient{'s' if n != 1 else ''}" for label, n in rare.items())
    fewest = min(rare.values())
    advice = f"at most {fewest} folds (folds: {{count: {fewest}}})" if fewest >= FEWEST_PATIENTS else "more patients"
    design = f"{settings.count} folds" if settings.column is None else f"the folds of column {settings.column!r}"
    raise DataRefused(
        f"The class {named}, and {design} need at least {needed} of each class: every fold must train, validate and "
        f"test on every class, and a patient is on one side only. Patients who share an identical image count once. "
        f"Use {advice}, or leave the class out (leave_out_labels) or join it with another in the manifest.",
        patients=counts,
        needed=needed,
    )


def _refuse_other_column(cohort: Cohort, settings: FoldSettings) -> None:
    if cohort.split_column != settings.column:
        raise ConfigurationError(
            f"The folds are to come from the column {settings.column!r}, but the manifest was read with "
            f"{cohort.split_column!r} as its split column. Name the same column in both (split_column)."
        )


def _refuse_missing_classes(table: FoldTable, cohort: Cohort, settings: FoldSettings) -> None:
    members: dict[tuple[int, str, str], set[str]] = defaultdict(set)
    rows = table.rows
    for fold, role, label, patient in zip(rows["fold"], rows["role"], rows["label"], rows["patient_id"], strict=True):
        members[int(fold), str(role), str(label)].add(str(patient))
    found = {index: len(patients) for index, patients in members.items()}
    gaps = [
        f"  fold {fold}: no {label} in {role} (training {found.get((fold, TRAINING, label), 0)}, validation "
        f"{found.get((fold, VALIDATION, label), 0)}, test {found.get((fold, TEST, label), 0)} patients)"
        for fold in table.folds
        for label in cohort.classes
        for role in (TRAINING, VALIDATION, TEST)
        if (fold, role, label) not in found
    ]
    if not gaps:
        return
    where = "the drawn folds" if settings.column is None else f"the folds of column {settings.column!r}"
    more = f"\n  … and {len(gaps) - 10} more" if len(gaps) > 10 else ""
    raise DataRefused(
        f"In {where} a class is missing on one side, so nothing could be learned or measured there:\n"
        + "\n".join(gaps[:10])
        + f"{more}\nUse fewer folds, or give the class more patients.",
        gaps=tuple(gaps),
    )


def _counted(units: _Units) -> str:
    counts = patients_by_class(units.strata, units.groups)
    return ", ".join(f"{label}: {n} patients" for label, n in counts.items())
