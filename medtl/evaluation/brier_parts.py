"""The Brier score in parts: miscalibration, discrimination and uncertainty.

In: probabilities of one class and whether it was true. Out: three parts that add up exactly.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict
from sklearn.isotonic import isotonic_regression


class BrierParts(BaseModel):
    """score = miscalibration - discrimination + uncertainty.

    `uncertainty` is the score of always saying the share; `discrimination` what the ranking takes from it,
    `miscalibration` what wrong probabilities add.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def brier_parts(positive: Bool[np.ndarray, " unit"], score: Float[np.ndarray, " unit"]) -> BrierParts:
    """The parts by isotonic recalibration, without bins (CORP: Dimitriadis, Gneiting and Jordan, PNAS 2021)."""
    truth = positive.astype("float64")
    # By distinct score and without interpolation, which gives NaN between scores that differ in the last bit.
    _, index, count = np.unique(score, return_inverse=True, return_counts=True)
    shares = np.bincount(index, weights=truth) / count
    fitted = isotonic_regression(shares, sample_weight=count.astype("float64"))[index]
    total, best = float(np.square(score - truth).mean()), float(np.square(fitted - truth).mean())
    share = float(truth.mean())
    return BrierParts(
        score=total,
        miscalibration=max(total - best, 0.0),
        discrimination=max(share * (1.0 - share) - best, 0.0),
        uncertainty=share * (1.0 - share),
    )
