"""An nnU-Net raw folder: images named by case and channel (`case_0000.nii.gz`), masks named by case."""

from __future__ import annotations

import re
from pathlib import Path

from medtl.intake.file_offer import file_offer, stem_of
from medtl.intake.folder_contents import LIST_FILE, content_of, files_below, left_aside, refused_file
from medtl.intake.masks import SENTENCES, WITHOUT_IMAGE
from medtl.intake.offer import Offer, Refusal, Survey
from medtl.intake.settings import IntakeSettings

CHANNEL = re.compile(r"(.+)_(\d{4})")
IMAGE_FOLDERS = {"imagesTr": ("train", "labelsTr"), "imagesTs": ("test", "labelsTs")}
FURTHER = "A case of medtl has one image: the first channel (_0000) is taken."


def survey_nnunet(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of an nnU-Net folder: each case of imagesTr and imagesTs by its first channel, with its mask."""
    files = files_below(folder)
    by_name = {path.relative_to(folder).as_posix(): path for path in files}
    offers, refusals = list[Offer](), list[Refusal]()
    for images, (split, labels) in IMAGE_FOLDERS.items():
        for path in files:
            if path.parent != folder / images or content_of(path) not in ("nifti", "picture"):
                continue
            stem = stem_of(path)
            match = CHANNEL.fullmatch(stem)
            case, channel = match.groups() if match else (stem, "0000")
            if channel != "0000":
                refusals.append(refused_file(path, folder, reason="further_channel", sentence=FURTHER))
                continue
            mask = by_name.get(f"{labels}/{case}{path.name[len(stem) :]}")
            offers.append(file_offer(path, folder, mask=mask, split=split, path_of=f"{images}/{case}"))
    used = {path for offer in offers for path in offer.files}
    labels_of = {labels for _, labels in IMAGE_FOLDERS.values()}
    refusals += [
        refused_file(path, folder, reason=WITHOUT_IMAGE, sentence=SENTENCES[WITHOUT_IMAGE])
        for path in files
        if path.parent.name in labels_of and path not in used and content_of(path) in ("nifti", "picture")
    ]
    both = len({offer.split for offer in offers}) > 1
    tables = tuple(path for path in (folder / LIST_FILE,) if path.is_file())
    taken = {path for offer in offers for path in offer.files} | {file for one in refusals for file in one.files}
    aside = left_aside(files, folder, taken=taken | set(tables))
    kept = tuple(offers) if both else tuple(offer.without_split() for offer in offers)
    return Survey("nnunet", files, kept, (*refusals, *aside), tables=tables)
