"""Whether probabilities mean what they say.

In: a table of predictions of one model. Out: the reliability curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from medtl.errors import ConfigurationError
from medtl.evaluation.intervals import wilson
from medtl.evaluation.units import units_of
from medtl.predictions import PredictionTable


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Per non-empty bin, ascending: mean probability, observed share with its 95 % Wilson interval, and count.

    The interval takes units as independent; judge patients rather than images by it. Empty when `reason` is given.
    """

    of_class: str
    mean_probability: Float[np.ndarray, " bin"]
    observed: Float[np.ndarray, " bin"]
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]
    count: Int[np.ndarray, " bin"]
    edges: Float[np.ndarray, " edge"]
    reason: str | None = None


def reliability_curve(
    table: PredictionTable,
    *,
    of_class: str | None = None,
    bins: int = 10,
    spacing: Literal["quantile", "fixed"] = "quantile",
) -> ReliabilityCurve:
    """How often the class was true where its probability was such.

    Args:
        table: predictions of one model and role; repeats are averaged per case.
        of_class: the class, by default the last one (with two classes the positive one).
        bins: how many at most; quantile bins that share their edges through ties are merged.
        spacing: bins of equal counts (quantile) or of equal width (fixed).

    Raises:
        ConfigurationError: no such class, fewer than one bin, or several models or roles in the table.
    """
    units = units_of(table)
    index = class_index(of_class, units.classes)
    if bins < 1:
        raise ConfigurationError(f"Expected at least 1 bin for the reliability curve, got {bins}.", bins=bins)
    positive, score = units.against_the_rest(index)
    name = units.classes[index]
    if not len(units):
        none = np.empty(0)
        return ReliabilityCurve(name, none, none, none, none, np.empty(0, dtype="int64"), none, "no predictions")
    grid = np.linspace(0.0, 1.0, bins + 1)
    edges = grid if spacing == "fixed" else np.unique(np.quantile(score, grid))
    bin_of = np.searchsorted(edges[1:-1], score, side="left")
    size = max(len(edges) - 1, 1)
    count = np.bincount(bin_of, minlength=size)
    filled = count > 0
    events = np.bincount(bin_of, weights=positive, minlength=size)[filled]
    total = np.bincount(bin_of, weights=score, minlength=size)[filled]
    low, high = wilson(events, count[filled])
    return ReliabilityCurve(
        of_class=name,
        mean_probability=total / count[filled],
        observed=events / count[filled],
        low=low,
        high=high,
        count=count[filled],
        edges=edges,
    )


def class_index(of_class: str | None, classes: tuple[str, ...]) -> int:
    """The index of a class, by default the last one.

    Raises:
        ConfigurationError: there is no such class.
    """
    if of_class is None:
        return len(classes) - 1
    if of_class not in classes:
        raise ConfigurationError(f"There is no class {of_class!r}; there is {', '.join(classes)}.", classes=classes)
    return classes.index(of_class)
