"""A folder of NIfTI files: each an image, or the mask of an image."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.file_offer import ALONE, file_offer
from medtl.intake.finding import files_below, files_of, left_aside
from medtl.intake.masks import parted
from medtl.intake.offer import Survey
from medtl.intake.settings import IntakeSettings


def survey_nifti(folder: Path, settings: IntakeSettings) -> Survey:
    """Every NIfTI file below the folder that is no mask is a case."""
    files = files_below(folder)
    volumes = files_of("nifti", files)
    sorted_out = parted(volumes, folder, workers=settings.workers, pattern=settings.mask, volumes=True)
    offers = tuple(file_offer(path, folder, mask=sorted_out.mask_of.get(path)) for path in sorted_out.images)
    aside = left_aside(files, folder, taken=set(volumes))
    return Survey("nifti", files, offers, (*sorted_out.refusals, *aside), notes=(ALONE, *sorted_out.notes))
