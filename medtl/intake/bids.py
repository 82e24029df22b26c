"""A BIDS data set: subjects and sessions from file names, sex and age from participants.tsv, masks from derivatives.

The brain imaging data structure: Gorgolewski et al., Scientific Data 3 (2016) 160044.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from medtl.intake.age_units import SIDECAR, AgeUnit, age_unit, in_years
from medtl.intake.file_offer import file_offer, stem_of
from medtl.intake.folder_contents import PARTICIPANTS, files_below, files_of, left_aside, refused_file
from medtl.intake.masks import SENTENCES, WITHOUT_IMAGE, fits
from medtl.intake.name_parts import is_mask_part
from medtl.intake.offer import Cell, Offer, Refusal, Survey
from medtl.intake.settings import IntakeSettings
from medtl.intake.tables import TextTable, read_table

SUBJECT = re.compile(r"sub-[A-Za-z0-9]+")
KNOWN_COLUMNS = {"sex": "sex", "age": "age_years", "site": "site"}
"""Columns of participants.tsv and what a manifest calls them."""


def survey_bids(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of a BIDS data set: each image outside derivatives is a case; `modality` keeps one suffix, as T1w."""
    files = files_below(folder)
    table_path = folder / PARTICIPANTS
    people = read_table(table_path) if table_path.is_file() else TextTable((), ())
    unit = age_unit(folder / SIDECAR, (cells.get("age", "") for _, cells in people.rows))
    volumes = [path for path in files_of("nifti", files) if SUBJECT.match(path.name)]
    masks = [path for path in volumes if is_mask_part(_suffix(path))]
    derived = {path for path in volumes if path.relative_to(folder).parts[0] == "derivatives"}
    images = [path for path in volumes if path not in derived and path not in masks]
    mask_of, refusals = _masks_of(images, masks, folder, pattern=settings.mask)
    offers = list[Offer]()
    for path in images:
        if settings.modality is not None and _suffix(path) != settings.modality:
            sentence = f"It is a {_suffix(path)} image, not {settings.modality}."
            refusals.append(refused_file(path, folder, reason="other_modality", sentence=sentence))
            continue
        offers.append(_offer(path, folder, people, unit, mask=mask_of.get(path), settings=settings))
    taken = {path for offer in offers for path in offer.files} | {file for one in refusals for file in one.files}
    tables = tuple(file for file in (table_path, folder / SIDECAR) if file.is_file())
    aside = left_aside(files, folder, taken=taken | set(tables))
    notes = _notes(people, settings, unit)
    return Survey("bids", files, tuple(offers), (*refusals, *aside), tables=tables, notes=notes)


def _offer(
    path: Path, root: Path, people: TextTable, unit: AgeUnit, *, mask: Path | None, settings: IntakeSettings
) -> Offer:
    subject = _subject(path)
    row = people.row_of("participant_id", subject)
    covariates: dict[str, Cell] = {"modality": _suffix(path)}
    covariates |= {ours: row.get(theirs) or None for theirs, ours in KNOWN_COLUMNS.items() if theirs in row}
    if "age" in row:
        covariates["age_years"] = in_years(row["age"], unit) or None
    label = row.get(settings.label_column, "") if settings.labels is None else ""
    return file_offer(path, root, patient=subject, mask=mask, label=label, covariates=covariates)


def _subject(path: Path) -> str:
    match = SUBJECT.match(path.name)
    return match.group() if match else stem_of(path)


def _suffix(path: Path) -> str:
    """The suffix of a BIDS name, its last part: T1w, bold, mask."""
    return stem_of(path).rpartition("_")[2]


def _masks_of(
    images: Sequence[Path], masks: Sequence[Path], root: Path, *, pattern: str | None
) -> tuple[dict[Path, Path], list[Refusal]]:
    """The mask of each image whose name begins as the image's does, up to its suffix; and the masks of none.

    A mask of one of several sessions belongs to that session's images.
    """
    reasons = dict.fromkeys((mask for mask in masks if pattern and not fits(mask, root, pattern)), "other_mask")
    of_subject: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        of_subject[_subject(image)].append(image)
    own: dict[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        if mask in reasons:
            continue
        starts = {image: f"{stem_of(image).rpartition('_')[0]}_" for image in of_subject[_subject(mask)]}
        fitting = {image: len(start) for image, start in starts.items() if mask.name.startswith(start)}
        for image, length in fitting.items():
            if length == max(fitting.values()):
                own[image].append(mask)
        if not fitting:
            reasons[mask] = WITHOUT_IMAGE
    for found in own.values():
        if len(found) > 1:
            reasons |= dict.fromkeys(found, "several_masks")
    refused = [refused_file(mask, root, reason=why, sentence=SENTENCES[why]) for mask, why in reasons.items()]
    return {image: found[0] for image, found in own.items() if found[0] not in reasons}, refused


def _notes(people: TextTable, settings: IntakeSettings, unit: AgeUnit) -> tuple[str, ...]:
    label_columns = () if settings.labels is not None else (settings.label_column,)
    several = people.disagreeing("participant_id", (*KNOWN_COLUMNS, *label_columns))
    notes = [unit.note] if unit.note and "age" in people.header else []
    if several:
        who = f"{several} participants have" if several > 1 else "1 participant has"
        notes.append(
            f"{who} several rows in participants.tsv that say different things (of sessions, perhaps): where they "
            "disagree, the cell was left empty. Give --labels with a column image for what differs by session."
        )
    if settings.labels is None and settings.label_column not in people.header:
        columns = ", ".join(people.header) or "none"
        notes.append(
            f"participants.tsv has no column {settings.label_column!r}, so no case has a label. Its columns: "
            f"{columns}. Name one with --label-column, or give --labels."
        )
    return tuple(notes)
