"""One line of a manifest, valid once it exists: a pydantic model and its faults in words."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from medtl.cohort.cells import OLDEST_YEARS, age_of, as_number, is_missing
from medtl.cohort.image_paths import PathRefused, locate_image
from medtl.cohort.patient_ids import no_id

LONGEST_NAME = 200
"""Characters an id, a label or a covariate may have: more is a cell that swallowed its neighbours."""

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
"""Looks like a blank, and comes with text copied from a web page or a word processor; read as a blank."""


def _plain(text: str) -> str:
    composed = unicodedata.normalize("NFC", text).replace(NO_BREAK_SPACE, " ")
    if len(composed) > LONGEST_NAME:
        raise ValueError(f"has {len(composed)} characters, more than {LONGEST_NAME} (a quote that does not close?)")
    if not composed.isprintable():
        raise ValueError("holds a character that cannot be seen (a control character, a line break, a zero-width mark)")
    return composed


Text = Annotated[str, AfterValidator(_plain)]
"""Unicode in composed form (NFC), so that ü is one character on every computer."""


def _an_id(text: str) -> str:
    if why := no_id(text):
        raise ValueError(why)
    return text


Id = Annotated[str, AfterValidator(_an_id), AfterValidator(_plain)]
"""A name of somebody or something: neither a missing marker nor a number that a spreadsheet has cut."""


class ManifestRow(BaseModel):
    """The cells of one line under medtl's own names. `label` may be empty; `case_id` is None without such a column.

    Validate with `context={"root": Path}`, the real data root that `image` must lie under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: int
    image: Path
    patient_id: Id
    label: Text
    case_id: Id | None = None
    split: Text | None = None
    age_years: float | None = None
    mask: Path | None = None
    covariates: Mapping[str, Text] = {}

    @field_validator("image", mode="before")
    @classmethod
    def _lies_under_the_root(cls, cell: str, info: ValidationInfo) -> Path:
        if is_missing(cell) and (not cell or cell.strip(".")):
            raise ValueError("is empty" if not cell else f"is {cell!r}, which stands for a missing value")
        root = (info.context or {})["root"]
        return locate_image(cell, root=root)

    @field_validator("mask", mode="before")
    @classmethod
    def _lies_under_the_root_too(cls, cell: str | None, info: ValidationInfo) -> Path | None:
        return locate_image(cell, root=(info.context or {})["root"]) if cell and not is_missing(cell) else None

    @field_validator("age_years", mode="before")
    @classmethod
    def _is_an_age(cls, cell: str | None) -> float | None:
        if not cell or is_missing(cell):
            return None
        if (age := age_of(cell)) is not None:
            return age.years
        if (years := as_number(cell)) is not None:
            raise ValueError(f"is {years:g}, not between 0 and {OLDEST_YEARS:g} years")
        raise ValueError(f"is {cell[:40]!r}, not a number (write 63 or 63.5; leave it empty when unknown)")


def row_faults(error: ValidationError, *, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The faults of one line as sentences without an end; `columns` gives the manifest's name of each field."""
    faults = []
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        field, *inside = (str(part) for part in detail["loc"])
        column = inside[0] if field == "covariates" and inside else columns.get(field, field)
        what = detail.get("ctx", {}).get("error", detail["msg"])
        subject = f"the image path in {column}" if isinstance(what, PathRefused) else f"column {column}"
        faults.append(f"{subject} {what}")
    return tuple(faults)
