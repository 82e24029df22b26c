"""Net benefit: whether deciding by the model does more good than treating everybody or nobody.

In: two-class units. Out: the decision curve with a band. Probabilities are taken as risks, as they are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict

from medtl.evaluation.estimate import CONFIDENCE
from medtl.evaluation.intervals import mean_draws
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.units import Units

RISKS = tuple(percent / 100.0 for percent in range(1, 100))
"""Threshold risks of the curve, one per percent."""


class DecisionCurve(BaseModel):
    """Net benefit per patient at each threshold risk, of the model (with its 95 % band) and of treating all.

    Treating none has net benefit 0. `low` and `high` are empty for the `reason` given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    risks: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    reason: str | None = None


def decision_curve(units: Units, resampling: Resampling) -> DecisionCurve:
    """True positives minus false positives at the exchange rate of the threshold risk t, t / (1 - t), per unit
    (Vickers and Elkin, Med Decis Making 2006;26:565)."""
    positive, score = units.against_the_rest(1)
    risks = np.array(RISKS)[:, None]
    worth = np.where(positive, 1.0, -risks / (1.0 - risks))
    gained: Float[np.ndarray, "risk unit"] = (score >= risks) * worth
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    if resampling.reason is None:
        tail = (1.0 - CONFIDENCE) / 2.0
        ends = np.quantile(mean_draws(gained, units, resampling), [tail, 1.0 - tail], axis=1)
        low, high = tuple(ends[0].tolist()), tuple(ends[1].tolist())
    return DecisionCurve(
        risks=RISKS,
        model=tuple(gained.mean(axis=1).tolist()),
        treat_all=tuple(worth.mean(axis=1).tolist()),
        low=low,
        high=high,
        reason=resampling.reason,
    )
