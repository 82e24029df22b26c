"""A folder whose files are the scans: copies, masks and what is neither are separated from the images."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.copies import copies_note, nested_copies
from medtl.intake.file_offer import file_offer
from medtl.intake.folder_contents import files_below, files_of, left_aside
from medtl.intake.masks import parted
from medtl.intake.offer import Survey
from medtl.intake.pixel_look import is_gif
from medtl.intake.settings import IntakeSettings, SourceKind


def survey_files(folder: Path, kind: SourceKind, settings: IntakeSettings, *, volumes: bool) -> Survey:
    """The survey of a folder whose files are images, masks or refused. Patients and classes come later.

    GIF pictures, which are no images to learn from, are masks where an image goes with them (DRIVE).
    """
    files = files_below(folder)
    scans = files_of(kind, files)
    taken = set(scans)
    copies = nested_copies(scans, folder)
    second = {file for copy in copies for file in copy.files}
    gifs = frozenset() if volumes else frozenset(filter(is_gif, files))
    single = [path for path in files if path in gifs or (path in taken and path not in second)]
    found = parted(single, folder, workers=settings.workers, pattern=settings.mask, volumes=volumes)
    offers = tuple(file_offer(path, folder, mask=found.mask_of.get(path)) for path in found.images if path not in gifs)
    used = {file for offer in offers for file in offer.files} | {one.files[0] for one in found.refusals}
    aside = left_aside(files, folder, taken=taken | used)
    notes = (*copies_note(copies), *found.notes)
    return Survey(kind, files, offers, (*copies, *found.refusals, *aside), notes=notes)
