"""The folds on disk: written, read back, and checked row by row against the cohort and against what the seed draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from medtl.cohort import Cohort
from medtl.errors import IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.folds.leakage import refuse_leaks
from medtl.folds.table import COLUMNS, ROLES, TEST, FoldTable

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("repeat", "fold")
MOST_DIGITS = 6
FAULTS_SHOWN = 10
"""Faults printed in a message; the rest is counted, and all are in the error's facts."""


def write_folds(table: FoldTable, path: Path) -> None:
    """Write the folds and read them back.

    Raises:
        IntegrityFailure: what stands in the file is not the table, or it leaks.
    """
    write_csv(path, table.rows)
    if not _same(read_folds(path), table):
        raise IntegrityFailure(
            f"{path.name} does not read back as the folds that were written: the disk or another program changed it. "
            "Remove the file and run again."
        )


def read_folds(path: Path, *, cohort: Cohort | None = None, drawn: FoldTable | None = None) -> FoldTable:
    """The folds of a file.

    With `cohort` only if they are folds of exactly these cases, with `drawn` only if they are those, row by row, which
    is what a study with the same seed draws.

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: columns, numbers or roles are wrong, a case stands twice in a fold, is missing in one or is
            not tested once in each repeat, folds are not numbered 0, 1, 2 …, a side is empty, a patient is on two
            sides (who, where), the cases are not the cohort's, or the rows are not the drawn ones.
    """
    rows = read_csv(path, text_columns=COLUMNS)
    if tuple(rows.columns) != COLUMNS:
        raise IntegrityFailure(
            f"{path.name} has the columns {', '.join(rows.columns)}; expected {', '.join(COLUMNS)}. {_AGAIN}"
        )
    table = FoldTable(_with_numbers(rows, name=path.name))
    _refuse_odd_rows(table, name=path.name)
    refuse_leaks(table, kind=IntegrityFailure)
    people = None if cohort is None else {case.case_id: (case.patient_id, case.label) for case in cohort.cases}
    if people is not None:
        _refuse_other_cases(table, people, name=path.name)
    _refuse_faults(tuple(_faults(table)), name=path.name)
    if drawn is not None and not _same(table, drawn):
        raise IntegrityFailure(
            f"{path.name} does not hold the folds that the study's seed draws: {_first_difference(table, drawn)}. "
            f"Folds that were made elsewhere are declared with folds: {{foreign: true}}. {_AGAIN}"
        )
    return table


_AGAIN = "Restore the file, or remove it so that medtl draws the folds again."


def _with_numbers(rows: pd.DataFrame, *, name: str) -> pd.DataFrame:
    for column in NUMBERS:
        cells = rows[column].fillna("").astype(str)
        odd = cells[~cells.str.fullmatch(rf"[0-9]{{1,{MOST_DIGITS}}}")]
        if len(odd):
            raise IntegrityFailure(
                f"{name} line {odd.index[0] + 2}: repeat and fold must be whole numbers, got {odd.iloc[0][:20]!r} in "
                f"{column}. {_AGAIN}"
            )
        rows[column] = cells.astype("int64")
    return rows


def _refuse_odd_rows(table: FoldTable, *, name: str) -> None:
    rows = table.rows
    empty = rows[rows.isna().any(axis=1)]
    if len(empty):
        raise IntegrityFailure(f"{name} has an empty cell in line {empty.index[0] + 2}. {_AGAIN}")
    odd = rows[~rows["role"].isin(ROLES)]
    if len(odd):
        raise IntegrityFailure(
            f"{name} line {odd.index[0] + 2} has the role {odd['role'].iloc[0]!r}; "
            f"expected {', '.join(ROLES)}. {_AGAIN}"
        )
    twice = rows[rows.duplicated(["fold", "case_id"])]
    if len(twice):
        raise IntegrityFailure(
            f"{name} line {twice.index[0] + 2} has case {twice['case_id'].iloc[0]} a second time in fold "
            f"{twice['fold'].iloc[0]}. {_AGAIN}"
        )
    if table.folds != tuple(range(len(table.folds))) or not len(rows):
        raise IntegrityFailure(
            f"{name} has the folds {', '.join(map(str, table.folds)) or '(none)'}; expected 0, 1, 2 … without a gap. "
            f"{_AGAIN}"
        )


def _refuse_other_cases(table: FoldTable, expected: Mapping[str, tuple[str, str]], *, name: str) -> None:
    rows = table.rows
    filed: dict[str, set[tuple[str, str]]] = {}
    for case, patient, label in zip(rows["case_id"], rows["patient_id"], rows["label"], strict=True):
        filed.setdefault(str(case), set()).add((str(patient), str(label)))
    differing = sorted(
        case for case in expected.keys() | filed.keys() if case not in expected or filed.get(case) != {expected[case]}
    )
    if differing:
        raise IntegrityFailure(
            f"{name} and the cohort differ in {len(differing)} case{'s' if len(differing) > 1 else ''} (patient, "
            f"label, or there at all), first case {differing[0]}. Folds belong to one cohort: "
            f"{_AGAIN[0].lower()}{_AGAIN[1:]}",
            cases=tuple(differing),
        )


def _faults(table: FoldTable) -> Iterator[str]:
    """Faults of the division as a whole, a sentence each."""
    rows = table.rows
    everybody = set(rows["case_id"])
    repeats: dict[int, list[int]] = {}
    for fold, own in rows.groupby("fold"):
        numbers = sorted({int(repeat) for repeat in own["repeat"]})
        if len(numbers) > 1:
            yield f"fold {fold} belongs to the repeats {' and '.join(map(str, numbers))}"
        repeats.setdefault(numbers[0], []).append(int(str(fold)))
        missing = sorted(everybody - set(own["case_id"]))
        if missing:
            yield f"fold {fold} lacks {len(missing)} of {len(everybody)} cases, first {missing[0]}"
        for role in ROLES:
            if role not in set(own["role"]):
                yield f"fold {fold} has nobody for {role}"
    if sorted(repeats) != list(range(len(repeats))):
        yield f"the repeats are {', '.join(map(str, sorted(repeats)))}; expected 0, 1, 2 … without a gap"
    is_official = len(table.folds) == 1
    for repeat, folds in repeats.items():
        if folds != list(range(folds[0], folds[0] + len(folds))):
            yield f"the folds of repeat {repeat} do not follow one another"
        own = rows[rows["fold"].isin(folds) & (rows["role"] == TEST)]
        times = Counter(own["case_id"])
        odd = sorted(case for case in everybody if times[case] != 1)
        if odd and not is_official:
            are = "cases are" if len(odd) > 1 else "case is"
            yield f"in repeat {repeat} {len(odd)} {are} not tested once, first {odd[0]}: {times[odd[0]]} times"


def _refuse_faults(faults: tuple[str, ...], *, name: str) -> None:
    if not faults:
        return
    shown = "".join(f"\n  {fault}" for fault in faults[:FAULTS_SHOWN])
    more = f"\n  … and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
    raise IntegrityFailure(
        f"{name} is no division in which every case is tested once and every side has somebody:{shown}{more}\n{_AGAIN}",
        faults=faults,
    )


def _same(one: FoldTable, other: FoldTable) -> bool:
    return _cells(one) == _cells(other)


def _cells(table: FoldTable) -> list[tuple[object, ...]]:
    return list(table.rows[list(COLUMNS)].itertuples(index=False, name=None))


def _first_difference(table: FoldTable, drawn: FoldTable) -> str:
    pairs = list(zip_longest(_cells(table), _cells(drawn)))
    differing = [line for line, (filed, expected) in enumerate(pairs, start=2) if filed != expected]
    return f"{len(differing)} of {len(drawn.rows)} rows differ, first line {differing[0]}"
