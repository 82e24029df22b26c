"""The confusion matrix at the named threshold: rows are the reference standard, columns the decision.

In: counts. Out: inline SVG; each cell says the number of patients and the share of its row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Int
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from medtl.report.html.drawing import Drawing, draw
from medtl.report.html.numbers import percent
from medtl.report.html.theme import ACCENT, INK, PAIR_INCHES, short_label

TINT = LinearSegmentedColormap.from_list("tint", ["#f6f8fa", ACCENT])
DARK_FROM = 0.55
"""Share of a row from which the tint is too dark for dark text."""

MOST_CLASSES_WRITTEN = 8
"""With more classes the numbers no longer fit into the cells; the CSV has them."""


def confusion_figure(
    counts: Int[np.ndarray, "truth decision"], classes: Sequence[str], *, title: str, name: str, finding: str
) -> Drawing:
    """Counts of patients by reference standard and decision."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.imshow(shares, cmap=TINT, vmin=0, vmax=1, aspect="auto")
        names = [short_label(label) for label in classes]
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names, rotation=90 if len(names) <= 3 else 0, va="center")
        axes.tick_params(length=0)
        axes.set(xlabel="Decision", ylabel="Reference standard")
        axes.set_title(title)
        axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=3)
        axes.tick_params(which="minor", length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        if len(names) <= MOST_CLASSES_WRITTEN:
            _write_cells(axes, counts, shares)

    def _write_cells(axes, counts, shares) -> None:  # type: ignore[no-untyped-def]
        large = 14 if len(classes) <= 3 else 9
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > DARK_FROM else INK
            number = f"{counts[row, column]:,}"
            axes.text(column, row, number, ha="center", va="bottom", color=colour, fontsize=large, fontweight="bold")
            share = percent(float(counts[row, column]), float(counts[row].sum()))
            axes.text(column, row + 0.06, share, ha="center", va="top", color=colour, fontsize=8)

    cells = [
        (truth, decision, int(counts[row, column]), float(shares[row, column]))
        for row, truth in enumerate(classes)
        for column, decision in enumerate(classes)
    ]
    table = pd.DataFrame(cells, columns=["reference_standard", "decision", "number", "share_of_row"])
    return draw(paint, name=name, finding=finding, inches=PAIR_INCHES, numbers=table)
