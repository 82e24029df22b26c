"""The folds on disk: written, read back, and asserted to be the same and without a leak."""

from __future__ import annotations

from pathlib import Path

from medtl.cohort import Cohort
from medtl.errors import IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.folds.leakage import refuse_leaks
from medtl.folds.table import COLUMNS, ROLES, FoldTable

NUMBERS = ("repeat", "fold")


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


def read_folds(path: Path, *, cohort: Cohort | None = None) -> FoldTable:
    """The folds of a file, and with `cohort` only if they are folds of exactly these cases.

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: columns or roles are wrong, a case stands twice in a fold, folds are not numbered 0, 1, 2 …,
            a patient is on two sides (who, where), or the cases are not the cohort's.
    """
    rows = read_csv(path, text_columns=tuple(name for name in COLUMNS if name not in NUMBERS))
    if tuple(rows.columns) != COLUMNS:
        raise IntegrityFailure(
            f"{path.name} has the columns {', '.join(rows.columns)}; expected {', '.join(COLUMNS)}. {_AGAIN}"
        )
    try:
        rows = rows.astype(dict.fromkeys(NUMBERS, "int64"))
    except (TypeError, ValueError) as error:
        raise IntegrityFailure(f"{path.name}: repeat and fold must be whole numbers ({error}). {_AGAIN}") from error
    table = FoldTable(rows)
    _refuse_odd_rows(table, name=path.name)
    refuse_leaks(table, kind=IntegrityFailure)
    if cohort is not None:
        _refuse_other_cases(table, cohort, name=path.name)
    return table


_AGAIN = "Restore the file, or remove it so that medtl draws the folds again."


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


def _refuse_other_cases(table: FoldTable, cohort: Cohort, *, name: str) -> None:
    expected = {case.case_id: (case.patient_id, case.label) for case in cohort.cases}
    rows = table.rows
    filed = {
        str(case): (str(patient), str(label))
        for case, patient, label in zip(rows["case_id"], rows["patient_id"], rows["label"], strict=True)
    }
    differing = sorted(case for case in expected.keys() | filed.keys() if expected.get(case) != filed.get(case))
    if differing:
        raise IntegrityFailure(
            f"{name} and the cohort differ in {len(differing)} cases (patient, label, or there at all), first case "
            f"{differing[0]}. Folds belong to one cohort: {_AGAIN[0].lower()}{_AGAIN[1:]}",
            cases=tuple(differing),
        )


def _same(one: FoldTable, other: FoldTable) -> bool:
    def cells(table: FoldTable) -> list[tuple[object, ...]]:
        return list(table.rows[list(COLUMNS)].itertuples(index=False, name=None))

    return cells(one) == cells(other)
