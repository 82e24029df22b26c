"""Net benefit: whether deciding by the model does more good than treating everybody or nobody.

In: two-class units. Out: the decision curve with a band. Probabilities are taken as risks, as they are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict

from medtl.evaluation.clusters import effective_trials
from medtl.evaluation.intervals import combined, wilson
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.units import Units

RISKS = tuple(percent / 100.0 for percent in range(1, 100))
"""Threshold risks of the curve, one per percent."""


FEWEST_CALLED = 5
"""Units called positive from which the band is given: fewer false positives, each weighed by the exchange rate, say
nothing of the next ones."""


class DecisionCurve(BaseModel):
    """Net benefit per patient at each threshold risk, of the model (with its 95 % band) and of treating all.

    Treating none has net benefit 0. `low` and `high` are null where fewer than 5 are called positive, and empty for the
    `reason` given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    risks: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    reason: str | None = None


def decision_curve(units: Units, resampling: Resampling) -> DecisionCurve:
    """Net benefit per unit: true positives minus false positives at the exchange rate of the threshold risk.

    At a risk t it is t / (1 - t) (Vickers and Elkin, Med Decis Making 2006;26:565).

    The band combines Wilson's intervals of both shares (MOVER), which holds where nobody or nearly everybody is called
    positive; there is none where fewer than 5 are.
    """
    positive, score = units.against_the_rest(1)
    risks = np.array(RISKS)[:, None]
    worth = np.where(positive, 1.0, -risks / (1.0 - risks))
    called = score >= risks
    reason = resampling.not_requested
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    if reason is None and len(units):
        low, high = _band(called & positive, called & ~positive, units)
    return DecisionCurve(
        risks=RISKS,
        model=tuple((called * worth).mean(axis=1).tolist()),
        treat_all=tuple(worth.mean(axis=1).tolist()),
        low=low,
        high=high,
        reason=reason,
    )


def _band(
    found: Bool[np.ndarray, "risk unit"], alarmed: Bool[np.ndarray, "risk unit"], units: Units
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    rate = np.array(RISKS) / (1.0 - np.array(RISKS))
    shares, ends = [], []
    for called in (found, alarmed):
        trials = np.array([effective_trials(one, units.patients) for one in called])
        shares.append(called.mean(axis=1))
        ends.append(wilson(shares[-1] * trials, trials))
    rest = np.clip((1.0 - shares[0]) * (1.0 - shares[1]), np.finfo("float64").tiny, None)
    low, high = combined(
        np.stack([shares[0], -rate * shares[1]]),
        np.stack([ends[0][0], -rate * ends[1][1]]),
        np.stack([ends[0][1], -rate * ends[1][0]]),
        correlation=np.clip(np.sqrt(shares[0] * shares[1] / rest), 0.0, 1.0),
    )
    enough = (found | alarmed).sum(axis=1) >= FEWEST_CALLED
    return (
        tuple(float(end) if shown else None for end, shown in zip(low, enough, strict=True)),
        tuple(float(end) if shown else None for end, shown in zip(high, enough, strict=True)),
    )
