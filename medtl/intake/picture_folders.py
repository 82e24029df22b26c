"""Folders of pictures, perhaps by class and by the parts of an official split."""

from __future__ import annotations

from pathlib import Path

from medtl.intake.file_collection import survey_files
from medtl.intake.offer import Survey
from medtl.intake.settings import IntakeSettings


def survey_pictures(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of pictures below a folder: each that is no mask and no copy is a case."""
    return survey_files(folder, "pictures", settings, volumes=False)
