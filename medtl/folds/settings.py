"""How patients are split: at random, by a column of folds, or by an official split."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator


class FoldSettings(BaseModel):
    """One of `{count: 5, repeats: 1, seed: 7}`, `{from_column: fold}` and `{official: split}`.

    Each also takes `validation_fraction`, `seed` for the validation part, and `tie_near_duplicates`; drawn folds take
    `sealed`: the cases that this column calls test are held out of the study until `medtl unseal`. Written out,
    only what counts is shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int = Field(default=5, ge=2, le=100, description="Test folds in each repeat.")
    repeats: int = Field(default=1, ge=1, le=100, description="How often all patients are divided anew.")
    seed: int = Field(default=7, ge=0, lt=2**63, description="Where chance starts.")
    from_column: str | None = Field(
        default=None, min_length=1, description="Column of the manifest; each value is one test fold."
    )
    official: str | None = Field(
        default=None, min_length=1, description="Column that says train, validation (may be absent) or test."
    )
    sealed: str | None = Field(
        default=None,
        min_length=1,
        description="Column that says train, validation or test; its test cases stay sealed until medtl unseal.",
    )
    validation_fraction: float = Field(
        default=0.2, gt=0.0, le=0.5, description="Part of the training patients that is kept for validation."
    )

    tie_near_duplicates: bool = Field(
        default=False, description="Keep patients whose images look nearly the same on one side of every fold."
    )
    foreign: bool = Field(
        default=False,
        description="folds.csv was put into the run folder by somebody: it is checked, but not drawn from the seed.",
    )

    @model_validator(mode="after")
    def _says_one_thing(self) -> FoldSettings:
        if self.from_column is not None and self.official is not None:
            raise ValueError("folds names both from_column and official: the folds come from one column, choose one")
        if self.sealed is not None and self.column is not None:
            raise ValueError(
                f"folds names sealed together with the column {self.column!r}: a sealed test goes with folds that are "
                "drawn (count, repeats)"
            )
        column = "from_column" if self.from_column is not None else "official"
        if self.column is not None and (extra := sorted({"count", "repeats"} & self.model_fields_set)):
            raise ValueError(
                f"folds names {column} together with {' and '.join(extra)}: the column {self.column!r} says how many "
                f"folds there are, so remove {' and '.join(extra)}, or remove {column} to draw the folds"
            )
        return self

    @property
    def column(self) -> str | None:
        """The manifest column that the folds are read from."""
        return self.from_column or self.official

    @property
    def split_column(self) -> str | None:
        """The name for `ManifestSettings.split_column`: the column of the folds, or of the sealed test."""
        return self.column or self.sealed

    @model_serializer(mode="plain")
    def _in_one_form(self) -> dict[str, Any]:
        form: dict[str, Any] = {"count": self.count, "repeats": self.repeats}
        if self.from_column is not None:
            form = {"from_column": self.from_column}
        elif self.official is not None:
            form = {"official": self.official}
        sealed = {"sealed": self.sealed} if self.sealed is not None else {}
        tied = {"tie_near_duplicates": True} if self.tie_near_duplicates else {}
        foreign = {"foreign": True} if self.foreign else {}
        return {**form, "seed": self.seed, "validation_fraction": self.validation_fraction, **sealed, **tied, **foreign}
