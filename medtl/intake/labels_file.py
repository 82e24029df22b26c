"""Labels from a CSV joined to what a source offers, by the ids that its owner knows; all faults in one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medtl.cohort.patient_ids import remedy
from medtl.errors import DataRefused
from medtl.intake.cells import id_faults
from medtl.intake.label_keys import KEY_COLUMNS, PATHS, WORDS, Key, Names, keys_in, names_in
from medtl.intake.name_shapes import shapes_of
from medtl.intake.offer import Cell, Offer
from medtl.intake.tables import TextTable, read_table

CARRIED = ("site", "sex", "age_years")
"""Columns that go into the manifest as they are; any other is left behind, as it may name a person."""

USED_BESIDE = ("official_split", "split", "fold", *CARRIED)
LINES_SHOWN = 20


@dataclass(frozen=True)
class LabelsFile:
    """A table with labels: where it lies, what is in it, and the columns that may name a case."""

    file: Path
    table: TextTable
    label_column: str
    keys: tuple[Key, ...]

    @property
    def patient_column(self) -> str | None:
        """The column that names the patient of a case."""
        return next((key.column for key in self.keys if key.kind == "patient_id"), None)


@dataclass(frozen=True)
class Joined:
    """The offers with their labels, and notes."""

    offers: tuple[Offer, ...]
    notes: tuple[str, ...]


def read_labels(file: Path, *, label_column: str, ids_as_written: bool = False) -> LabelsFile:
    """The labels file.

    Raises:
        DataRefused: no column names a case, or none holds labels; or patients are missing markers, numbers that a
            spreadsheet has cut, or, unless `ids_as_written`, near twins of others.
    """
    every = tuple(name for columns in KEY_COLUMNS.values() for name in columns)
    table = read_table(file, expected=(label_column, *every))
    keys = keys_in(table.header)
    if not keys or label_column not in table.header:
        raise DataRefused(
            f"The table {file.name} needs a column {label_column!r} and one of {', '.join(every)}. "
            f"It has: {', '.join(name or '(no name)' for name in table.header)}. "
            "Rename a column, or name the label's with --label-column.",
            columns=list(table.header),
        )
    labels = LabelsFile(file, table, label_column, keys)
    if (column := labels.patient_column) is not None:
        faults = id_faults(table.rows, column=column, ids_as_written=ids_as_written)
        if faults:
            how = remedy(faults).lstrip()
            raise _faulty(labels, faults, how=f"{how} " if how else "")
    return labels


def chosen_key(labels: LabelsFile, offers: Sequence[Offer], *, root: Path) -> Key | None:
    """The first column, patients aside, of which a row matches a case of the collection; None when there is none."""
    for key in labels.keys:
        if key.kind == "patient_id":
            continue
        names = names_in(offers, key.kind, root=root)
        if any(names.meant_by(cells[key.column]) for _, cells in labels.table.rows):
            return key
    return None


def joined_labels(offers: Sequence[Offer], labels: LabelsFile, key: Key, *, root: Path) -> Joined:
    """The offers with label, split, usual covariates and, where the file has it, patient of their row.

    Rows without a case and cases without a row are counted in notes.

    Raises:
        DataRefused: rows lack a name, could mean several cases, or contradict each other; or no row matches a case.
    """
    names = names_in(offers, key.kind, root=root)
    rows, matched = _rows(labels, key, names)
    if not rows:
        raise _nothing_matches(labels, key, names)
    is_case = key.kind != "patient_id"
    own = {index: cells for name, cells in rows.items() for index in names.full[name]}
    joined = tuple(
        _with_row(offer, own[index], labels, is_case=is_case) if index in own else offer
        for index, offer in enumerate(offers)
    )
    return Joined(joined, _notes(labels, key, cases=len(offers), without=len(offers) - len(own), matched=matched))


def _rows(labels: LabelsFile, key: Key, names: Names) -> tuple[dict[str, Mapping[str, str]], frozenset[int]]:
    """The cells by the full name that they are for, and the lines that are for something."""
    rows: dict[str, tuple[int, Mapping[str, str]]] = {}
    written: dict[str, tuple[int, Mapping[str, str]]] = {}
    matched = set[int]()
    faults, is_ambiguous = list[str](), False
    of_offers: dict[tuple[int, ...], tuple[int, Mapping[str, str]]] = {}
    for line, cells in labels.table.rows:
        value = cells[key.column]
        if not value:
            faults.append(f"line {line}: column {key.column} is empty")
            continue
        earlier = written.setdefault(value, (line, cells))
        if earlier[1] != cells:
            faults.append(f"line {line}: says something else of the same {key.column} than line {earlier[0]}")
            continue
        meant = names.meant_by(value)
        if len(meant) > 1 and len({names.full[name] for name in meant}) > 1:
            is_ambiguous = True
            faults.append(f"line {line}: column {key.column} may mean {len(meant)} {WORDS[key.kind]}")
            continue
        for name in meant[:1]:
            matched.add(line)
            other = of_offers.setdefault(names.full[name], (line, cells))
            if _statements(other[1], labels, key) != _statements(cells, labels, key):
                faults.append(f"line {line}: says something else of the same case than line {other[0]}")
            rows.setdefault(name, (line, cells))
    if faults:
        raise _faulty(labels, faults, how=_longer(key, names) if is_ambiguous else labels.table.event_hint)
    return {name: cells for name, (_, cells) in rows.items()}, frozenset(matched)


def _statements(cells: Mapping[str, str], labels: LabelsFile, key: Key) -> tuple[str, ...]:
    """The values that a row gives its case, without the column that names the case."""
    columns = (labels.label_column, labels.patient_column, *USED_BESIDE)
    return tuple(cells.get(column, "") for column in columns if column and column != key.column)


def _longer(key: Key, names: Names) -> str:
    """How the rows can be made unambiguous."""
    if key.kind not in PATHS:
        return ""
    what = "folder" if key.kind == "folder" else "file"
    parts = " or ".join(("FOLDER/NAME", "FOLDER/FOLDER/NAME")[: names.parts_needed - 1]) or "NAME with its ending"
    column = key.column if key.kind != "case" else "image"
    return (
        f"The same name lies in several folders. Write the path of the {what} in the column {column}, from the "
        f"collection's folder or at least its last {names.parts_needed} parts ({parts}). "
    )


def _faulty(labels: LabelsFile, faults: Sequence[str], *, how: str) -> DataRefused:
    shown = "\n".join(f"  {fault}" for fault in faults[:LINES_SHOWN])
    more = f"\n  … and {len(faults) - LINES_SHOWN} more" if len(faults) > LINES_SHOWN else ""
    return DataRefused(
        f"The table {labels.file.name} has {len(faults)} faulty line{'s' if len(faults) > 1 else ''} (the header is "
        f"line 1):\n{shown}{more}\n{how}Correct them and run again; nothing was written.",
        faults=tuple(faults),
    )


def _nothing_matches(labels: LabelsFile, key: Key, names: Names) -> DataRefused:
    if not names.full:
        tried = ", ".join(one.column for one in labels.keys)
        return DataRefused(
            f"No row of {labels.file.name} matches a case: it names them by {tried}, and this collection has no "
            f"{WORDS[key.kind]} that could be named so. Name the cases by another column (image, folder, patient_id); "
            "nothing was written."
        )
    written = shapes_of(cells[key.column] for _, cells in labels.table.rows)
    return DataRefused(
        f"None of the {len(labels.table.rows):,} rows of {labels.file.name} matches a case by the column {key.column}. "
        f"Its cells have the form {written}; the {WORDS[key.kind]} of the collection have the form "
        f"{shapes_of(names.full)} (words are shown as a or A, digits as 9). Write the names as the collection has "
        "them, or name the cases by another column; nothing was written."
    )


def _with_row(offer: Offer, cells: Mapping[str, str], labels: LabelsFile, *, is_case: bool) -> Offer:
    carried: dict[str, Cell] = {name: cells[name] for name in CARRIED if cells.get(name)}
    patient = cells.get(labels.patient_column or "", "") if is_case else ""
    return replace(
        offer,
        label=cells[labels.label_column],
        patient=patient or offer.patient,
        split=cells.get("official_split") or cells.get("split") or offer.split,
        fold=cells.get("fold") or offer.fold,
        covariates={**offer.covariates, **carried},
    )


def _notes(labels: LabelsFile, key: Key, *, cases: int, without: int, matched: frozenset[int]) -> tuple[str, ...]:
    notes = []
    unmatched = [line for line, _ in labels.table.rows if line not in matched]
    if key != labels.keys[0]:
        notes.append(
            f"The rows of the table of labels were matched by {key.column}, as its column {labels.keys[0].column} "
            "names nothing in the collection."
        )
    if unmatched:
        lines = ", ".join(map(str, unmatched[:LINES_SHOWN])) + (", …" if len(unmatched) > LINES_SHOWN else "")
        what = "row matches" if len(unmatched) == 1 else "rows match"
        notes.append(f"{len(unmatched)} {what} no accepted case: the table of labels, line {lines}.")
    if without:
        notes.append(f"{without} of {cases} cases have no row in the table of labels and so no label.")
    used = {key.column, labels.label_column, labels.patient_column, *USED_BESIDE}
    left = sum(name not in used for name in labels.table.header)
    if left:
        notes.append(f"{left} further columns of the table of labels were left behind, as they may name a person.")
    return tuple(notes)
