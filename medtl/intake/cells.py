"""Cells of labels and covariates in the manifest's own form, so that `check` takes what an intake wrote.

In: offers as a source or a labels file gave them. Out: the same with labels, ages and sexes as a manifest has them,
and notes on what changed: a value that is not understood is left empty and counted, never written out, as it may name
a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from medtl.cohort.cells import age_of, class_name, declared_class, is_missing, marker_counts, plain, sex_of, stated
from medtl.cohort.patient_ids import id_form, no_id, twin_faults, twins_among
from medtl.errors import DataRefused
from medtl.intake.declared_classes import declared_notes
from medtl.intake.name_shapes import shape_of
from medtl.intake.offer import Cell, Offer

LONGEST = 200
"""Characters of a label or covariate, as in a manifest."""

PAIRS_SHOWN = 5

WAYS = {
    "age_years": "no age of a human in years (63, 63.5, 63,5, 045Y, 018M, 89+)",
    "sex": "no word for a sex (F, M, O, female, male, …); codes such as 1 and 2 are not guessed",
}
"""What a covariate that was left empty is not."""

UNUSABLE = "longer than 200 characters, or hold some that cannot be seen"


@dataclass
class _CellChanges:
    """Cells that were read as something else, by column."""

    markers: dict[str, list[str]] = field(default_factory=dict)
    emptied: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    capped: int = 0

    def missing(self, column: str, cell: str) -> str:
        self.markers.setdefault(column, []).append(cell)
        return ""

    def left_empty(self, column: str) -> None:
        self.emptied[column] += 1


def in_manifest_form(
    offers: Sequence[Offer], *, classes: Sequence[str] = (), labels_are_folders: bool = False
) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """The offers with their cells in the manifest's form, and notes on what changed.

    `classes` are declared: taken as written, also NA, and no other label is one (`declared_classes`).

    Raises:
        DataRefused: a declared class has no case.
    """
    changes = _CellChanges()
    formed = tuple(
        replace(
            offer,
            label=_label(offer.label, changes, classes=classes),
            split=stated(offer.split),
            fold=stated(offer.fold),
            covariates={name: _covariate(name, cell, changes) for name, cell in offer.covariates.items()},
        )
        for offer in offers
    )
    taken = Counter(offer.label for offer in formed if offer.label)
    if not classes:
        return formed, (*_notes(changes), *_twin_labels(taken))
    return formed, (
        *declared_notes(taken, changes.unknown, classes=classes, are_folders=labels_are_folders),
        *_notes(changes),
    )


def _label(cell: str, changes: _CellChanges, *, classes: Sequence[str]) -> str:
    text = plain(cell)
    if (declared := declared_class(text, classes)) is not None:
        return declared
    if is_missing(text):
        return changes.missing("label", text)
    if not _usable(text):
        changes.left_empty("label")
        return ""
    if classes:
        changes.unknown[class_name(text)] += 1
        return ""
    return class_name(text)


def _covariate(name: str, cell: Cell, changes: _CellChanges) -> Cell:
    if not isinstance(cell, str):
        return cell
    text = plain(cell)
    if is_missing(text):
        return changes.missing(name, text) or None
    if name == "age_years":
        age = age_of(text)
        if age is None:
            changes.left_empty(name)
            return None
        changes.capped += age.is_capped
        return f"{age.years:g}"
    if name == "sex":
        if (sex := sex_of(text)) is None:
            changes.left_empty(name)
        return sex
    if not _usable(text):
        changes.left_empty(name)
        return None
    return text


def _usable(text: str) -> bool:
    return len(text) <= LONGEST and text.isprintable()


def _notes(changes: _CellChanges) -> list[str]:
    notes = []
    markers = {column: shown for column, cells in changes.markers.items() if (shown := marker_counts(cells))}
    if labels := markers.pop("label", ""):
        notes.append(
            f"Missing markers among the labels were left empty: {labels}; such cases have no label. A class that is "
            'really called so is declared together with all others: --classes "NA,B".'
        )
    if markers:
        named = "; ".join(f"{column} {shown}" for column, shown in markers.items())
        notes.append(f"Missing markers were left empty: {named}.")
    for column, count in changes.emptied.items():
        cells = f"{count} cells of {column} are" if count > 1 else f"1 cell of {column} is"
        notes.append(f"{cells} {WAYS.get(column, UNUSABLE)}: left empty.")
    if changes.capped:
        are = "ages are" if changes.capped > 1 else "age is"
        notes.append(f"{changes.capped} {are} known only to be at least as high as written (89+): that age was taken.")
    return notes


def _twin_labels(labels: Iterable[str]) -> tuple[str, ...]:
    forms: dict[str, set[str]] = {}
    for label in labels:
        if label:
            forms.setdefault(id_form(label), set()).add(label)
    twins = [" and ".join(sorted(found)) for found in forms.values() if len(found) > 1]
    if not twins:
        return ()
    return (
        f"Labels that differ only in capitals, blanks or the like: {'; '.join(twins[:PAIRS_SHOWN])}. A study refuses "
        "them until one is written everywhere, or both are named in classes.",
    )


def refuse_twin_patients(offers: Sequence[Offer]) -> None:
    """Stop when patients differ only in how their id is written.

    Raises:
        DataRefused: with the form of the ids, never the ids.
    """
    patients = list(dict.fromkeys(offer.patient for offer in offers if offer.patient))
    twins = twins_among(enumerate(patients))
    if not twins:
        return
    shown = "; ".join(
        f"one of the form {shape_of(patients[before])} and one of the form {shape_of(patients[at])}, which differ {how}"
        for at, before, how in twins[:PAIRS_SHOWN]
    )
    more = f"; and {len(twins) - PAIRS_SHOWN} more" if len(twins) > PAIRS_SHOWN else ""
    raise DataRefused(
        f"{len(twins)} patient ids may be another one of the collection written otherwise: {shown}{more} (a letter is "
        "shown as a or A, a digit as 9). One person under two ids would stand on both sides of a fold. Write one "
        "person in one way, with --labels and a column patient_id; or, if they are different people, say so with "
        "--ids-as-written. Nothing was written.",
        pairs=len(twins),
    )


def id_faults(rows: Iterable[tuple[int, Mapping[str, str]]], *, column: str, ids_as_written: bool) -> list[str]:
    """What is wrong with the patients of a table, a sentence with its line each; an empty cell is no fault here."""
    held = [(line, cells[column]) for line, cells in rows if cells.get(column)]
    faults = [f"line {line}: column {column} {why}" for line, text in held if (why := no_id(text))]
    if not ids_as_written:
        faults += [f"line {line}: {what}" for line, what in twin_faults(held, column=column)]
    return faults
