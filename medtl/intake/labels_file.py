"""Labels from a CSV joined to what a source offers, by the ids that its owner knows; all faults in one letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medtl.errors import DataRefused
from medtl.intake.offer import Cell, Offer
from medtl.intake.tables import Table, read_table

NAMING_COLUMNS = (
    ("case", "case"), ("case_id", "case"), ("image", "image"), ("file", "image"), ("series_uid", "series_uid"),
    ("folder", "folder"), ("study_uid", "study_uid"), ("patient_id", "patient_id"),
)  # fmt: skip
"""Columns that may say which case a row is for, the most particular first, and what each is compared with."""

CARRIED = ("site", "sex", "age_years")
"""Columns that go into the manifest as they are; any other is left behind, as it may name a person."""

LINES_SHOWN = 20


@dataclass(frozen=True)
class Joined:
    """The offers with their labels, and what to tell."""

    offers: tuple[Offer, ...]
    notes: tuple[str, ...]


def joined_labels(offers: Sequence[Offer], file: Path, *, label_column: str) -> Joined:
    """The offers with label, patient, split and the usual covariates of their row.

    Rows are matched by the first of `NAMING_COLUMNS` that the file has. Where that is not the patient, a column
    patient_id says whose case it is. A row without a case and a case without a row are told.

    Raises:
        DataRefused: no column names a case or no column holds labels; or rows lack a name, or say two things of one.
    """
    table = read_table(file, expected=(label_column, *(column for column, _ in NAMING_COLUMNS)))
    column, name = _naming(table, file, label_column)
    rows = _rows(table, column, file)
    matched: set[str] = set()
    labelled = []
    for offer in offers:
        own = _own_name(offer, name, rows)
        matched.add(own)
        labelled.append(_with_row(offer, rows[own][1], label_column, is_case=column != "patient_id") if own else offer)
    return Joined(tuple(labelled), _notes(offers, rows, matched - {""}, table, file, column, label_column))


def _naming(table: Table, file: Path, label_column: str) -> tuple[str, str]:
    found = next(((column, name) for column, name in NAMING_COLUMNS if column in table.header), None)
    if found is None or label_column not in table.header:
        wanted = ", ".join(dict.fromkeys(column for column, _ in NAMING_COLUMNS))
        raise DataRefused(
            f"The table {file.name} needs a column {label_column!r} and one of {wanted}. "
            f"It has: {', '.join(name or '(no name)' for name in table.header)}. "
            "Rename a column, or name the label's with --label-column.",
            columns=list(table.header),
        )
    return found


def _rows(table: Table, column: str, file: Path) -> dict[str, tuple[int, Mapping[str, str]]]:
    """The rows by the name they are for."""
    rows: dict[str, tuple[int, Mapping[str, str]]] = {}
    faults = []
    for line, cells in table.rows:
        name = cells[column]
        if not name:
            faults.append(f"line {line}: column {column} is empty")
        elif name in rows and rows[name][1] != cells:
            faults.append(f"line {line}: says something else of the same {column} than line {rows[name][0]}")
        else:
            rows.setdefault(name, (line, cells))
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:LINES_SHOWN])
        more = f"\n  … and {len(faults) - LINES_SHOWN} more" if len(faults) > LINES_SHOWN else ""
        raise DataRefused(
            f"The table {file.name} has {len(faults)} faulty line{'s' if len(faults) > 1 else ''} (the header is line "
            f"1):\n{shown}{more}\nCorrect them and run again; nothing was written.",
            faults=tuple(faults),
        )
    return rows


def _own_name(offer: Offer, name: str, rows: Mapping[str, object]) -> str:
    """The name under which the rows know an offer: written in full, or its last part; empty when they do not."""
    full = offer.names.get(name, "")
    for form in (full, full.rpartition("/")[2]):
        if form and form in rows:
            return form
    return ""


def _with_row(offer: Offer, cells: Mapping[str, str], label_column: str, *, is_case: bool) -> Offer:
    carried: dict[str, Cell] = {name: cells[name] for name in CARRIED if cells.get(name)}
    return replace(
        offer,
        label=cells[label_column],
        patient=(cells.get("patient_id") or offer.patient) if is_case else offer.patient,
        split=cells.get("official_split") or cells.get("split") or offer.split,
        fold=cells.get("fold") or offer.fold,
        covariates={**offer.covariates, **carried},
    )


def _notes(
    offers: Sequence[Offer],
    rows: Mapping[str, tuple[int, Mapping[str, str]]],
    matched: set[str],
    table: Table,
    file: Path,
    column: str,
    label_column: str,
) -> tuple[str, ...]:
    notes = []
    unmatched = [line for name, (line, _) in rows.items() if name not in matched]
    if unmatched:
        lines = ", ".join(map(str, unmatched[:LINES_SHOWN])) + (", …" if len(unmatched) > LINES_SHOWN else "")
        what = "row matches" if len(unmatched) == 1 else "rows match"
        notes.append(f"{len(unmatched)} {what} no accepted case: {file.name}, line {lines}.")
    without = sum(not (_own_name(offer, dict(NAMING_COLUMNS)[column], rows)) for offer in offers)
    if without:
        notes.append(f"{without} of {len(offers)} cases have no row in {file.name} and so no label.")
    used = {column, label_column, "patient_id", "official_split", "split", "fold", *CARRIED}
    left = sum(name not in used for name in table.header)
    if left:
        notes.append(f"{left} further columns of {file.name} were left behind, as they may name a person.")
    return tuple(notes)
