"""P values that are reported together: corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values after Holm's correction, in the order given (Holm, Scand J Stat 1979;6:65)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.array(p_values, dtype="float64")[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return [float(value) for value in adjusted]
