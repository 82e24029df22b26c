"""A number with its interval, or the reason why there is none.

Nothing undefined ever becomes 0, 0.5 or 1, and no value here is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, model_validator

CONFIDENCE = 0.95
"""Confidence of every interval in the house; the convention of the field."""


@dataclass(frozen=True)
class Undefined:
    """What a metric gives when the data cannot carry it."""

    reason: str


class Estimate(BaseModel):
    """A value and its 95 % interval.

    `n` counts the patients it rests on and `skipped` the resamples in which it was undefined. `reason` says why the
    value, or with a value why the interval, is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    n: NonNegativeInt
    skipped: NonNegativeInt = 0

    @model_validator(mode="after")
    def _whole_or_explained(self) -> Self:
        complete = self.value is not None and self.low is not None and self.high is not None
        if (self.low is None) != (self.high is None) or (self.value is None and self.low is not None):
            raise ValueError("an interval has two ends around a value: give value, low and high together")
        if complete == (self.reason is not None):
            raise ValueError("give a reason exactly when the value or its interval is missing")
        return self
