"""Differences between models on the same patients: a point with its interval per pair, single folds as ticks.

In: differences. Out: inline SVG in the form of a forest plot; left of zero the second of a pair ranks better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.numbers import interval, plain
from medtl.report.html.theme import ACCENT, ALONE_INCHES, INK, QUIET, short_label

INCHES_PER_PAIR, INCHES_AROUND = 0.36, 0.8
LEAST_SHOWN = 0.02
"""The axis shows at least this difference to both sides, so that noise does not look large."""

NAME_LENGTH = 16


@dataclass(frozen=True)
class PairPoint:
    """AUROC of `model` minus that of `reference`; `is_claimed` where one of the two may be called better."""

    model: str
    reference: str
    value: float | None
    low: float | None
    high: float | None
    is_claimed: bool


def differences_figure(
    points: Sequence[PairPoint], *, metric: str, name: str, finding: str, longest: int = NAME_LENGTH
) -> Drawing:
    """One row per pair, in the given order; names have at most `longest` letters."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, point in enumerate(points):
            if point.value is None:
                axes.text(0.0, row, "not defined", va="center", ha="center", color=QUIET)
                continue
            distinguishable = point.is_claimed
            colour = ACCENT if distinguishable else INK
            if point.low is not None and point.high is not None:
                axes.plot([point.low, point.high], [row, row], color=colour, linewidth=1.6)
            axes.plot([point.value], [row], "D" if distinguishable else "o", color=colour, markersize=6,
                      markerfacecolor=colour if distinguishable else "white")  # fmt: skip
            bounds = interval(point.low, point.high)
            sentence = f"{plain(point.value)} ({bounds})" if bounds else plain(point.value)
            axes.text(1.012, row, sentence, va="center", transform=axes.get_yaxis_transform())
        axes.axvline(0.0, color=QUIET, linewidth=0.8)
        ends = [abs(value) for point in points for value in (point.value, point.low, point.high) if value is not None]
        widest = 1.08 * max([LEAST_SHOWN, *ends])
        axes.set_xlim(-widest, widest)
        axes.set_yticks(range(len(points)), [_pair(point, longest) for point in points])
        axes.set_ylim(len(points) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"Difference in {metric}: right of zero the first ranks better")
        quiet_grid(axes, axis="x")

    inches = (ALONE_INCHES[0], INCHES_AROUND + INCHES_PER_PAIR * len(points))
    rows = [(one.model, one.reference, one.value, one.low, one.high) for one in points]
    table = pd.DataFrame(rows, columns=["model", "against", "difference", "low", "high"])
    return draw(paint, name=name, finding=finding, inches=inches, numbers=table)


def _pair(point: PairPoint, longest: int) -> str:
    first, second = (short_label(one, length=longest) for one in (point.model, point.reference))
    return f"{first} - {second}"
