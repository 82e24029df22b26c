"""A folder of NIfTI files: each an image, or the mask of an image."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.file_collection import survey_files
from medtl.intake.offer import Survey
from medtl.intake.settings import IntakeSettings


def survey_nifti(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of volume files below a folder: each that is no mask and no copy is a case."""
    return survey_files(folder, "nifti", settings, volumes=True)
