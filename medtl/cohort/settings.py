"""How a manifest is to be read: which column holds what, which classes there are, what is left out."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from medtl.close_names import did_you_mean
from medtl.outcomes import PROBABILITY

RESERVED_COLUMNS = frozenset(
    {"case_id", "patient_id", "label", "line", "fold", "repeat", "role", "model", "truth"}
    | {"sha256", "pixel_sha256", "shape", "channels", "spacing_mm"}
    | {"reader", "notes"}
)
"""Columns of medtl's own tables; a covariate of the same name would be written twice."""

"""How the probability columns of predictions.csv begin."""


class ManifestSettings(BaseModel):
    """The names of the manifest's columns and the classes of the study.

    Left at their defaults, the classes are all labels found, in alphabetical (or numerical) order without regard to
    capitals, and the covariates are those of site, sex and age_years that exist.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_column: str = Field(default="label", min_length=1, description="Column with the class of the case.")
    patient_column: str = Field(
        default="patient_id", min_length=1, description="Column with the patient, the unit of a study."
    )
    image_column: str = Field(default="image", min_length=1, description="Column with the path of the image.")
    case_column: str = Field(default="case_id", min_length=1, description="Column with the case; may be absent.")
    split_column: str | None = Field(
        default=None,
        description="Column with an official split or hand-made folds. None takes official_split or split if there.",
    )
    classes: tuple[str, ...] | None = Field(
        default=None,
        description="The classes in order; with two, the last is positive. None takes every label.",
    )
    positive_class: str | None = Field(
        default=None, description="With two classes, the one whose probability is the score."
    )
    leave_out_labels: tuple[str, ...] = Field(default=(), description="Labels whose cases are left out by name.")
    covariates: tuple[str, ...] | None = Field(
        default=None,
        description="Columns carried along into every table. None takes those of site, sex, age_years that exist.",
    )
    ids_as_written: bool = Field(
        default=False,
        description="Patient ids that differ only in capitals, zeros, blanks and the like are different patients.",
    )
    data_root: Path | None = Field(
        default=None,
        description="Folder that image paths start from; a relative one starts at the manifest's folder (default).",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ManifestSettings:
        columns = (self.label_column, self.patient_column, self.image_column, self.case_column)
        if len(set(columns)) < len(columns):
            raise ValueError(f"the columns for label, patient, image and case must differ, got {', '.join(columns)}")
        if self.classes is not None:
            _refuse_odd_classes(self.classes, self.leave_out_labels)
        if self.positive_class is not None:
            _refuse_odd_positive(self.positive_class, self.classes, self.leave_out_labels)
        for name in self.covariates or ():
            if name in RESERVED_COLUMNS or name in columns or name.startswith(PROBABILITY):
                raise ValueError(f"the covariate {name!r} has the name of a column that medtl writes itself: rename it")
        if len(set(self.covariates or ())) < len(self.covariates or ()):
            raise ValueError(f"a covariate is named twice: {', '.join(self.covariates or ())}")
        return self


def _refuse_odd_classes(classes: tuple[str, ...], left_out: tuple[str, ...]) -> None:
    if len(classes) < 2 or len(set(classes)) < len(classes) or "" in classes:
        raise ValueError(f"classes needs two or more different names, got {list(classes)}")
    if both := sorted(set(classes) & set(left_out)):
        raise ValueError(f"{both[0]!r} is named in classes and in leave_out_labels: choose one")


def _refuse_odd_positive(positive: str, classes: tuple[str, ...] | None, left_out: tuple[str, ...]) -> None:
    if positive in left_out:
        raise ValueError(f"positive_class {positive!r} is also in leave_out_labels: choose one")
    if classes is None:
        return
    if len(classes) != 2:
        raise ValueError(f"positive_class is for two classes, but classes names {len(classes)}: remove it")
    if positive not in classes:
        raise ValueError(
            f"positive_class {positive!r} is not one of classes {list(classes)}{did_you_mean(positive, classes)}"
        )
