"""Sources on the same patients: a point with its interval for each, single folds as ticks, random weights in grey.

In: candidates as the record keeps them. Out: inline SVG in the form of a forest plot.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from medtl.policies import POLICIES
from medtl.record.sources import SourceCandidate, SourceComparison
from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.numbers import DIGITS, in_table
from medtl.report.html.theme import ALONE_INCHES, QUIET, short_label

CHANCE = 0.5
LOWEST_SHOWN = 0.45
INCHES_PER_SOURCE, INCHES_AROUND = 0.34, 0.75
NAME_LENGTH = 30

PROBE_COLOUR = next(policy.look.colour for policy in POLICIES if policy.is_reference)
RANDOM_COLOUR = next(policy.look.colour for policy in POLICIES if policy.start == "random")


def colour_of(one: SourceCandidate) -> str:
    """The probe's colour, and that of networks from scratch for random weights."""
    return RANDOM_COLOUR if one.is_random else PROBE_COLOUR


def sources_figure(found: SourceComparison, *, metric: str, name: str, finding: str) -> Drawing:
    """One row per candidate, the highest AUROC first, random weights last."""
    ranked = by_auroc(found)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, one in enumerate(ranked):
            colour, own = colour_of(one), one.auroc
            folds = [value for value in one.folds if value is not None]
            axes.plot(folds, [row + 0.26] * len(folds), "|", color=colour, alpha=0.6, markersize=6)
            if own.value is None:
                axes.text(CHANCE, row, "not defined", va="center", ha="center", color=QUIET)
                continue
            if own.low is not None and own.high is not None:
                axes.plot([own.low, own.high], [row, row], color=colour, linewidth=1.6)
            axes.plot([own.value], [row], "s" if one.is_random else "D", color=colour, markersize=6, clip_on=False)
            axes.text(1.012, row, in_table(own.value, own.low, own.high, digits=DIGITS), va="center",
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.axvline(CHANCE, color=QUIET, linewidth=0.6, dashes=(2, 3))
        seen = [v for one in ranked for v in (*one.folds, one.auroc.low, one.auroc.value) if v is not None]
        axes.set_xlim(max(0.0, min([LOWEST_SHOWN, *(value - 0.02 for value in seen)])), 1.0)
        axes.set_yticks(range(len(ranked)), [short_label(one.name, length=NAME_LENGTH) for one in ranked])
        axes.set_ylim(len(ranked) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(f"{metric} of the frozen probe, out of fold by patient")
        quiet_grid(axes, axis="x")

    inches = (ALONE_INCHES[0], INCHES_AROUND + INCHES_PER_SOURCE * len(ranked))
    rows = [(one.name, "pooled", one.auroc.value, one.auroc.low, one.auroc.high) for one in ranked]
    rows += [(one.name, "one fold", value, None, None) for one in ranked for value in one.folds]
    table = pd.DataFrame(rows, columns=["source", "of", "auroc", "low", "high"])
    return draw(paint, name=name, finding=finding, inches=inches, numbers=table)


def by_auroc(found: SourceComparison) -> list[SourceCandidate]:
    """The candidates by AUROC, the highest first, random weights last."""
    return sorted(
        found.candidates,
        key=lambda one: (one.is_random, -1.0 if one.auroc.value is None else -one.auroc.value, one.parameters),
    )
