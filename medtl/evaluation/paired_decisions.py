"""Two models' decisions on the same patients: McNemar's test, and the chance that the claimed order is false.

In: which patients each model called rightly. Out: counts and two probabilities.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from scipy.stats import beta, binomtest


class PairedDecisions(BaseModel):
    """`only_model` and `only_reference` count patients whom only one of the two called rightly.

    `p_value` is the exact two-sided McNemar test's. `order_false` is the posterior probability that the model that was
    right more often is not the more accurate one; it is null when both were right equally often. All are null for the
    `reason` given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    only_model: NonNegativeInt | None = None
    only_reference: NonNegativeInt | None = None
    both: NonNegativeInt | None = None
    patients: NonNegativeInt
    p_value: float | None = None
    order_false: float | None = None
    reason: str | None = None


def paired_decisions(model: Bool[np.ndarray, " patient"], reference: Bool[np.ndarray, " patient"]) -> PairedDecisions:
    """McNemar's exact test of two models' decisions, and the probability that their order is false.

    McNemar, Psychometrika 1947;12:153 (exact binomial form); and Christodoulou, arXiv 2505.04720: with a flat Dirichlet
    prior the two discordant shares follow a Beta law relative to each other.
    """
    first, second = int((model & ~reference).sum()), int((~model & reference).sum())
    p_value = float(binomtest(first, first + second).pvalue) if first + second else 1.0
    more, less = max(first, second), min(first, second)
    return PairedDecisions(
        only_model=first,
        only_reference=second,
        both=int((model & reference).sum()),
        patients=len(model),
        p_value=p_value,
        order_false=float(beta.cdf(0.5, more + 1, less + 1)) if more > less else None,
    )
