"""retention.json of a fold: how far each fine-tuned network has moved from the encoder that it started from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from medtl.files import write_json
from medtl.record import run_folder as names
from medtl.record.typed_files import Count, Frozen, Text, read_typed

Alignment = Annotated[float, Field(ge=-1, le=1)]


class StageChange(Frozen):
    """One stage: `cka` of its features on the same cases, and how far its weights moved as a share of their length.

    `cka` is None where it is not defined: a network gives all cases the same features, or there are fewer than four.
    """

    stage: Text
    cka: Alignment | None
    distance: float


class ModelChange(Frozen):
    """One network, stage by stage from the scan to the head."""

    model: Text
    stages: tuple[StageChange, ...]


class Retention(Frozen):
    """What every fine-tuned network of a fold changed in the encoder, seen on so many of its test cases."""

    cases: Count
    models: tuple[ModelChange, ...]


def write_retention(found: Retention, folder: Path) -> None:
    """Write retention.json into the folder of a fold, or of one of its variants."""
    write_json(folder / names.RETENTION, found.model_dump(mode="json"))


def read_retention(folder: Path) -> Retention | None:
    """The retention.json of a fold; None where no pretrained network was trained.

    Raises:
        IntegrityFailure: it is not what medtl wrote.
    """
    path = folder / names.RETENTION
    return read_typed(path, Retention, what="what changed in the encoder") if path.is_file() else None
