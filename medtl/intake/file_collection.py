"""A folder whose files are the scans: copies, masks and what is neither are told apart from the images."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.copies import copies_note, nested_copies
from medtl.intake.file_offer import file_offer
from medtl.intake.finding import files_below, files_of, left_aside
from medtl.intake.masks import parted
from medtl.intake.offer import Survey
from medtl.intake.settings import IntakeSettings, SourceKind


def survey_files(folder: Path, kind: SourceKind, settings: IntakeSettings, *, volumes: bool) -> Survey:
    """Every file of the kind is an image, the mask of one, or refused. Whose they are, and classes, come later."""
    files = files_below(folder)
    scans = files_of(kind, files)
    copies = nested_copies(scans, folder)
    second = {file for copy in copies for file in copy.files}
    single = [path for path in scans if path not in second]
    found = parted(single, folder, workers=settings.workers, pattern=settings.mask, volumes=volumes)
    offers = tuple(file_offer(path, folder, mask=found.mask_of.get(path)) for path in found.images)
    aside = left_aside(files, folder, taken=set(scans) | {file for offer in offers for file in offer.files})
    notes = (*copies_note(copies), *found.notes)
    return Survey(kind, files, offers, (*copies, *found.refusals, *aside), notes=notes)
