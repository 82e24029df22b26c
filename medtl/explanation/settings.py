"""Which out-of-fold cases are explained, and at which stage of the encoder."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExplanationSettings(BaseModel):
    """Settings of the saliency gallery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cases_of_each_kind: int = Field(
        default=2, ge=0, le=50, description="Per fold: confident right and wrong, of each class. 0 switches off."
    )
    stage: str | None = Field(
        default=None,
        description="Stage of the encoder that is looked at; None takes the deepest whose map has 7 positions a side.",
    )
