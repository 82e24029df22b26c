"""A BIDS data set: subjects and sessions from file names, sex and age from participants.tsv, masks from derivatives.

The brain imaging data structure: Gorgolewski et al., Scientific Data 3 (2016) 160044.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from medtl.intake.file_offer import file_offer, stem_of
from medtl.intake.finding import PARTICIPANTS, content_of, files_below, left_aside, refused_file
from medtl.intake.offer import Cell, Offer, Refusal, Survey
from medtl.intake.settings import IntakeSettings
from medtl.intake.tables import Table, read_table

SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
MASK_ENDINGS = ("_mask", "_dseg")
KNOWN_COLUMNS = {"sex": "sex", "age": "age_years", "site": "site"}
"""Columns of participants.tsv and what a manifest calls them."""


def survey_bids(folder: Path, settings: IntakeSettings) -> Survey:
    """Every image of every subject outside derivatives is a case; `modality` keeps one suffix, such as T1w."""
    files = files_below(folder)
    table_path = folder / PARTICIPANTS
    people = read_table(table_path) if table_path.is_file() else Table((), ())
    volumes = [path for path in files if content_of(path) == "nifti" and SUBJECT.match(path.name)]
    derived = [path for path in volumes if path.relative_to(folder).parts[0] == "derivatives"]
    offers, refusals = list[Offer](), list[Refusal]()
    for path in volumes:
        suffix = stem_of(path).rpartition("_")[2]
        if path in derived:
            continue
        if settings.modality is not None and suffix != settings.modality:
            told = f"It is a {suffix} image, not {settings.modality}."
            refusals.append(refused_file(path, folder, reason="other_modality", sentence=told))
            continue
        offers.append(_offer(path, folder, people, mask=_mask_of(path, derived), settings=settings))
    taken = {path for offer in offers for path in offer.files} | {file for one in refusals for file in one.files}
    tables = (table_path,) if table_path.is_file() else ()
    aside = left_aside(files, folder, taken=taken | set(tables))
    return Survey("bids", files, tuple(offers), (*refusals, *aside), tables=tables, notes=_notes(people, settings))


def _offer(path: Path, root: Path, people: Table, *, mask: Path | None, settings: IntakeSettings) -> Offer:
    match = SUBJECT.match(path.name)
    subject = match.group() if match else stem_of(path)
    row = people.row_of("participant_id", subject)
    covariates: dict[str, Cell] = {"modality": stem_of(path).rpartition("_")[2]}
    covariates |= {ours: row.get(theirs) or None for theirs, ours in KNOWN_COLUMNS.items() if theirs in row}
    label = row.get(settings.label_column, "") if settings.labels is None else ""
    return file_offer(path, root, patient=subject, mask=mask, label=label, covariates=_without_missing(covariates))


def _without_missing(cells: dict[str, Cell]) -> dict[str, Cell]:
    """BIDS writes what is not available as n/a."""
    return {name: None if value == "n/a" else value for name, value in cells.items()}


def _mask_of(image: Path, derived: Sequence[Path]) -> Path | None:
    """The only mask in derivatives whose name begins as the image's does, up to its suffix."""
    entities = stem_of(image).rpartition("_")[0]
    found = [
        path for path in derived if stem_of(path).startswith(f"{entities}_") and stem_of(path).endswith(MASK_ENDINGS)
    ]
    return found[0] if len(found) == 1 else None


def _notes(people: Table, settings: IntakeSettings) -> tuple[str, ...]:
    if settings.labels is not None or settings.label_column in people.header:
        return ()
    columns = ", ".join(people.header) or "none"
    return (
        f"participants.tsv has no column {settings.label_column!r}, so no case has a label. Its columns: {columns}. "
        "Name one with --label-column, or give --labels.",
    )
