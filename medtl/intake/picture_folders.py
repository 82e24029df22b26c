"""Folders of pictures: a folder for each class, perhaps below a folder for each part of an official split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medtl.intake.file_offer import ALONE, file_offer
from medtl.intake.finding import files_below, files_of, left_aside
from medtl.intake.masks import parted
from medtl.intake.offer import Offer, Survey
from medtl.intake.settings import IntakeSettings

SPLITS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What the folders of a split are called, and how a manifest names them."""

MOST_CLASSES, FEWEST_IN_A_CLASS = 10, 5
"""More folders than that, with fewer pictures on average, are no classes that could be learnt."""


def survey_pictures(folder: Path, settings: IntakeSettings) -> Survey:
    """Every picture that is no mask is a case; its class is the folder it lies in, unless a labels file is given."""
    files = files_below(folder)
    pictures = files_of("pictures", files)
    sorted_out = parted(pictures, folder, workers=settings.workers, pattern=settings.mask, volumes=False)
    masks, by_folder = sorted_out.mask_of, settings.labels is None
    offers = tuple(_offer(path, folder, mask=masks.get(path), by_folder=by_folder) for path in sorted_out.images)
    offers, notes = _with_classes(offers)
    aside = left_aside(files, folder, taken=set(pictures))
    return Survey("pictures", files, offers, (*sorted_out.refusals, *aside), notes=(ALONE, *sorted_out.notes, *notes))


def _offer(path: Path, root: Path, *, mask: Path | None, by_folder: bool) -> Offer:
    folders = list(path.relative_to(root).parts[:-1])
    split = ""
    if folders and folders[0].lower() in SPLITS:
        split = SPLITS[folders.pop(0).lower()]
    return file_offer(path, root, mask=mask, label=folders[0] if folders and by_folder else "", split=split)


def _with_classes(offers: tuple[Offer, ...]) -> tuple[tuple[Offer, ...], tuple[str, ...]]:
    """The offers, and what the folders were taken for; a folder of each patient must not become a label."""
    labels = {offer.label for offer in offers if offer.label}
    if not labels:
        return offers, ()
    if len(labels) > MOST_CLASSES and len(labels) * FEWEST_IN_A_CLASS > len(offers):
        told = (
            f"{len(labels)} folders for {len(offers)} pictures look like patients, not classes: their names were not "
            "taken as labels. Give --labels."
        )
        return tuple(replace(offer, label="") for offer in offers), (told,)
    return offers, (f"The classes are the names of {len(labels)} folders.",)
