"""The reliability curve with its histogram: of patients called 30 %, do 30 % have the condition?

In: pooled scores of one model. Out: inline SVG. Bins hold equally many patients, so that no point stands on two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from markupsafe import Markup
from matplotlib.figure import Figure

from medtl.report.drawing import draw, quiet_grid, unit_square
from medtl.report.theme import PAIR_INCHES, QUIET

HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class ReliabilityPoint:
    """Patients of similar predicted probability: their mean, the observed frequency and its Wilson interval."""

    predicted: float
    observed: float
    low: float
    high: float
    patients: int


def reliability_figure(
    points: Sequence[ReliabilityPoint],
    score: Float[np.ndarray, " patient"],
    truth: Bool[np.ndarray, " patient"],
    *,
    colour: str,
    positive: str,
    name: str,
    finding: str,
) -> Markup:
    """Observed against predicted, with the distribution of predictions below."""

    def paint(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, height_ratios=(5, 1), sharex=True)
        unit_square(top)
        top.set_anchor("W")
        top.plot([0, 1], [0, 1], color=QUIET, linewidth=0.6, dashes=(2, 3))
        middle = [point.predicted for point in points]
        observed = np.array([point.observed for point in points])
        low, high = np.array([p.low for p in points]), np.array([p.high for p in points])
        errors = np.clip(np.stack([observed - low, high - observed]), 0, None) if len(points) else None
        top.errorbar(middle, observed, yerr=errors, color=colour, marker="o", markersize=4, linewidth=1.4,
                     elinewidth=0.8, capsize=0)  # fmt: skip
        top.set(ylabel="Observed frequency", title="Reliability")
        edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
        have, have_not = np.histogram(score[truth], edges)[0], np.histogram(score[~truth], edges)[0]
        width = edges[1] - edges[0]
        bottom.bar(edges[:-1], have, width=width * 0.9, align="edge", color=colour)
        bottom.bar(edges[:-1], -have_not, width=width * 0.9, align="edge", color=QUIET, alpha=0.5)
        bottom.axhline(0, color=QUIET, linewidth=0.6)
        tallest = int(max(have.max(initial=0), have_not.max(initial=0), 1))
        bottom.set_yticks([-tallest, 0, tallest], [f"{tallest}", "0", f"{tallest}"])
        bottom.set(
            xlabel=f"Predicted probability of {positive}", ylabel="Patients", ylim=(-1.25 * tallest, 1.25 * tallest)
        )
        quiet_grid(bottom, axis="x")

    return draw(paint, name=name, finding=finding, inches=PAIR_INCHES)
