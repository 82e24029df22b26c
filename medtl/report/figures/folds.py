"""Class balance per fold as small bars: the parts that are there of training, validation and test side by side.

In: the fold table. Out: inline SVG; bars count patients, so one can see at a glance whether a fold is odd.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.theme import ALONE_INCHES, class_colour, class_hatch, short_label

ROLES = ("training", "validation", "test")
INCHES_PER_FOLD, INCHES_AROUND = 0.2, 1.0
MOST_FOLDS = 30
"""With more folds the bars become lines and the page a wall; the first 30 are drawn and the caption says so."""


def fold_counts(fold_table: pd.DataFrame, *, by: str = "label") -> pd.DataFrame:
    """Patients by fold, role and class (a patient with two labels counts once per label)."""
    once = fold_table.drop_duplicates(["fold", "role", "patient_id", by])
    return once.groupby(["fold", "role", by]).size().rename("patients").reset_index()


def folds_figure(fold_table: pd.DataFrame, classes: Sequence[str], *, name: str, finding: str) -> Drawing:
    """Horizontal stacked bars, one row per fold."""
    counts = fold_counts(fold_table)
    folds = sorted(counts["fold"].unique())[:MOST_FOLDS]
    table = counts.pivot_table(index=["role", "fold"], columns="label", values="patients", fill_value=0)
    roles = [role for role in ROLES if role in table.index]

    def paint(figure: Figure) -> None:
        panels = figure.subplots(1, len(roles), sharey=True, squeeze=False)[0]
        for axes, role in zip(panels, roles, strict=True):
            rows = table.loc[role].reindex(folds, fill_value=0)
            left = np.zeros(len(folds))
            for position, label in enumerate(classes):
                width = rows[label].to_numpy(dtype=float) if label in rows else np.zeros(len(folds))
                look = {
                    "color": class_colour(position),
                    "hatch": class_hatch(position),
                    "edgecolor": "white",
                    "linewidth": 0.6,
                }
                axes.barh(range(len(folds)), width, left=left, height=0.72, label=short_label(label), **look)
                left = left + width
            axes.set(title=role.capitalize(), xlabel="Patients")
            axes.set_yticks(range(len(folds)), [f"Fold {fold}" for fold in folds])
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
            quiet_grid(axes, axis="x")
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 6))

    inches = (ALONE_INCHES[0], INCHES_AROUND + INCHES_PER_FOLD * len(folds))
    return draw(paint, name=name, finding=finding, inches=inches, numbers=counts)
