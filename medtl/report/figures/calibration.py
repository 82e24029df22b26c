"""The reliability curve with its histogram: of patients called 30 %, do 30 % have the condition?

In: the curve and pooled scores of one model. Out: inline SVG. Bins hold equally many patients, so that no point stands
on two people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

from medtl.report.html.drawing import LEFT_INCHES, Drawing, draw, quiet_grid, square_axes
from medtl.report.html.theme import INK, PAIR_INCHES, QUIET, short_label

HISTOGRAM_BINS = 20
SQUARE_INCHES = 2.28
"""The square and the histogram below share their width; the rest of the figure holds the label."""


class DrawnReliability(Protocol):
    """What the figure reads of `medtl.evaluation.reliability_curve`: one entry per bin, Wilson intervals."""

    @property
    def of_class(self) -> str:
        """The class whose probability is meant."""
        ...

    @property
    def mean_probability(self) -> Float[np.ndarray, " bin"]:
        """Mean predicted probability in each bin."""
        ...

    @property
    def observed(self) -> Float[np.ndarray, " bin"]:
        """Observed share of the class in each bin."""
        ...

    @property
    def low(self) -> Float[np.ndarray, " bin"]:
        """Lower ends of the intervals."""
        ...

    @property
    def high(self) -> Float[np.ndarray, " bin"]:
        """Upper ends of the intervals."""
        ...


def reliability_figure(
    curve: DrawnReliability,
    score: Float[np.ndarray, " patient"],
    truth: Bool[np.ndarray, " patient"],
    *,
    colour: str,
    labels: Sequence[str],
    name: str,
    finding: str,
) -> Drawing:
    """Observed against predicted, with the distribution of predictions below."""

    def paint(figure: Figure) -> None:
        top = square_axes(figure, foot_inches=1.02, side_inches=SQUARE_INCHES)
        width, height = PAIR_INCHES
        bottom = figure.add_axes((LEFT_INCHES / width, 0.44 / height, SQUARE_INCHES / width, 0.46 / height), sharex=top)
        top.tick_params(labelbottom=False)
        top.plot([0, 1], [0, 1], color=QUIET, linewidth=0.6, dashes=(2, 3))
        errors = np.clip(np.stack([curve.observed - curve.low, curve.high - curve.observed]), 0, None)
        style = {"color": colour, "marker": "o", "markersize": 4, "linewidth": 1.4, "elinewidth": 0.8, "capsize": 0}
        top.errorbar(curve.mean_probability, curve.observed, yerr=errors, **style)  # type: ignore[arg-type]
        top.set(ylabel="Observed frequency", title="Reliability")
        edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
        have, have_not = np.histogram(score[truth], edges)[0], np.histogram(score[~truth], edges)[0]
        step = edges[1] - edges[0]
        bottom.bar(edges[:-1], have, width=step * 0.9, align="edge", color=colour)
        bottom.bar(edges[:-1], -have_not, width=step * 0.9, align="edge", color=QUIET, alpha=0.5)
        bottom.axhline(0, color=QUIET, linewidth=0.6)
        tallest = int(max(have.max(initial=0), have_not.max(initial=0), 1))
        bottom.set_yticks([-tallest, 0, tallest], [f"{tallest}", "0", f"{tallest}"])
        bottom.set(
            xlabel=f"Predicted probability of {short_label(curve.of_class)}",
            ylabel="Patients",
            ylim=(-1.25 * tallest, 1.25 * tallest),
        )
        quiet_grid(bottom, axis="x")
        for row, label in enumerate(labels):
            top.text(
                1.06, 0.97 - 0.08 * row, label, transform=top.transAxes, va="center", color=colour if row == 0 else INK
            )

    return draw(
        paint, name=name, finding=finding, inches=PAIR_INCHES, numbers=_numbers(curve, score, truth, of_model=labels[0])
    )


def _numbers(
    curve: DrawnReliability, score: Float[np.ndarray, " patient"], truth: Bool[np.ndarray, " patient"], *, of_model: str
) -> pd.DataFrame:
    """The points of the curve, then the histogram: patients with the class and without."""
    bins = pd.DataFrame(
        {
            "what": f"{of_model}: observed frequency of {curve.of_class}",
            "probability": curve.mean_probability,
            "value": curve.observed,
            "low": curve.low,
            "high": curve.high,
        }
    )
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts = [
        pd.DataFrame({"what": what, "probability": (edges[:-1] + edges[1:]) / 2, "value": np.histogram(one, edges)[0]})
        for what, one in (
            (f"patients with {curve.of_class}", score[truth]),
            (f"patients without {curve.of_class}", score[~truth]),
        )
    ]
    return pd.concat([bins, *counts], ignore_index=True)
