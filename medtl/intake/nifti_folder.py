"""A folder of NIfTI files: each an image, or the mask of the image of the same name in a folder beside it."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.file_offer import ALONE, file_offer, stem_of
from medtl.intake.finding import content_of, files_below, left_aside
from medtl.intake.offer import Survey
from medtl.intake.settings import IntakeSettings

MASK_FOLDERS = frozenset({"labels", "labelstr", "masks", "mask", "segmentations"})
"""What folders of masks are called (Decathlon, nnU-Net and common usage), in lower case."""


def survey_nifti(folder: Path, settings: IntakeSettings) -> Survey:
    """Every NIfTI file below the folder is a case; in folders named as masks they are masks of the same name."""
    files = files_below(folder)
    volumes = [path for path in files if content_of(path) == "nifti"]
    masks = {
        stem_of(path): path for path in volumes if MASK_FOLDERS & {part.lower() for part in _folders(path, folder)}
    }
    images = [path for path in volumes if path not in masks.values()]
    stems = [stem_of(path) for path in images]
    offers = tuple(
        file_offer(path, folder, mask=masks.get(stem) if stems.count(stem) == 1 else None)
        for path, stem in zip(images, stems, strict=True)
    )
    taken = {path for offer in offers for path in offer.files}
    return Survey("nifti", files, offers, left_aside(files, folder, taken=taken), notes=(ALONE,))


def _folders(path: Path, root: Path) -> tuple[str, ...]:
    return path.relative_to(root).parts[:-1]
