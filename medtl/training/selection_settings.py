"""What a study may choose among in each fold, before any test case is looked at."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from medtl.training.search_grid import SearchSettings

Rate = Annotated[float, Field(gt=0, le=1)]


class SelectionSettings(BaseModel):
    """In every fold the candidate with the least log loss on the validation patients becomes the model `selected`.

    Candidates are the study's policies and the frozen probe, with each encoder, at each learning rate and, for networks
    that are trained, with each setting of the search; from scratch and centroid are controls and cannot be selected.
    `selected` is then the study's primary model: it is tested on patients who had no part in the choice (nested
    cross-validation; Varma and Simon 2006, doi 10.1186/1471-2105-7-91).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoders: tuple[str, ...] = Field(default=(), max_length=20, description="Candidates besides the study's encoder.")
    learning_rates: tuple[Rate, ...] = Field(
        default=(), max_length=10, description="Candidates besides the recipe's, for policies that train."
    )

    search: SearchSettings | None = Field(
        default=None,
        description="Grid of further values of recipe and adaptation; its candidates are chosen among, not reported.",
    )

    @field_validator("encoders", "learning_rates")
    @classmethod
    def _each_once(cls, values: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(values)) < len(values):
            raise ValueError(f"each candidate can be named once; got {', '.join(map(str, values))}")
        return values
