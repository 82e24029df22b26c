"""All models on the same patients: a point with its interval per model, single folds as ticks.

In: estimates. Out: inline SVG in the form of a forest plot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.numbers import DIGITS, in_table
from medtl.report.html.theme import ALONE_INCHES, QUIET, look_of, short_label

CHANCE = 0.5
"""AUROC of a coin, also for the macro average over classes."""

LOWEST_SHOWN = 0.4
INCHES_PER_MODEL, INCHES_AROUND = 0.34, 0.75


@dataclass(frozen=True)
class ModelPoint:
    """A model's pooled AUROC with its interval, and the AUROC of each fold where it is defined."""

    model: str
    value: float | None
    low: float | None
    high: float | None
    folds: tuple[float, ...]


def models_figure(points: Sequence[ModelPoint], *, metric: str, name: str, finding: str) -> Drawing:
    """One row per model, in the study's order."""
    models = [point.model for point in points]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, point in enumerate(points):
            look = look_of(point.model, models)
            axes.plot(point.folds, [row + 0.26] * len(point.folds), "|", color=look.colour, alpha=0.6, markersize=6)
            if point.value is None:
                axes.text(CHANCE, row, "not defined", va="center", ha="center", color=QUIET)
                continue
            if point.low is not None and point.high is not None:
                axes.plot([point.low, point.high], [row, row], color=look.colour, linewidth=1.6)
            axes.plot([point.value], [row], look.marker, color=look.colour, markersize=6, clip_on=False)
            axes.text(1.012, row, in_table(point.value, point.low, point.high, digits=DIGITS), va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.axvline(CHANCE, color=QUIET, linewidth=0.6, dashes=(2, 3))
        seen = [v for p in points for v in (*p.folds, p.low, p.value) if v is not None]
        axes.set_xlim(max(0.0, min([LOWEST_SHOWN, *(value - 0.02 for value in seen)])), 1.0)
        axes.set_yticks(range(len(points)), [short_label(look_of(model, models).name) for model in models])
        axes.set_ylim(len(points) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(metric)
        quiet_grid(axes, axis="x")

    inches = (ALONE_INCHES[0], INCHES_AROUND + INCHES_PER_MODEL * len(points))
    rows = [(look_of(one.model, models).name, "pooled", one.value, one.low, one.high) for one in points]
    rows += [(look_of(one.model, models).name, "one fold", value, None, None) for one in points for value in one.folds]
    table = pd.DataFrame(rows, columns=["model", "of", "auroc", "low", "high"])
    return draw(paint, name=name, finding=finding, inches=inches, numbers=table)
