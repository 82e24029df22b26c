"""Training and validation curves by epoch, the gap between them shaded: the picture of overfitting.

In: the histories of the folds for one model. Out: inline SVG, loss on the left, AUROC on the right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medtl.report.drawing import draw, quiet_grid
from medtl.report.theme import FOLD_OPACITY, QUIET

TRAINING_INCHES = (9.4, 3.0)
"""A figure alone in the column, a little lower than the others since there is one per model."""


def history_figure(histories: Sequence[pd.DataFrame], *, colour: str, name: str, finding: str) -> Markup:
    """Thin lines are folds, thick lines their mean; training is dashed, validation solid."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _paint_pair(left, histories, "loss", colour=colour)
        _paint_pair(right, histories, "auroc", colour=colour)
        left.set(title="Loss", ylabel="Cross-entropy")
        left.set_ylim(bottom=0)
        right.set(title="AUROC", ylabel="AUROC")
        right.set_ylim(min(0.45, *right.get_ylim()), 1.01)

    return draw(paint, name=name, finding=finding, inches=TRAINING_INCHES)


def _paint_pair(axes: Axes, histories: Sequence[pd.DataFrame], what: str, *, colour: str) -> None:
    for role, tone in (("training", QUIET), ("validation", colour)):
        if len(histories) > 1:
            for history in histories:
                axes.plot(history["epoch"], history[f"{role}_{what}"], color=tone, alpha=FOLD_OPACITY, linewidth=0.6)
    means = pd.concat(histories).groupby("epoch")[[f"training_{what}", f"validation_{what}"]].mean()
    epoch = means.index.to_numpy(dtype=float)
    training = means[f"training_{what}"].to_numpy(dtype=float)
    validation = means[f"validation_{what}"].to_numpy(dtype=float)
    axes.fill_between(epoch, training, validation, color=colour, alpha=0.12, linewidth=0)
    alone = {"marker": "o", "markersize": 3} if len(epoch) == 1 else {}
    axes.plot(epoch, training, color=QUIET, linestyle=(0, (4, 2)), linewidth=1.6, **alone)  # type: ignore[arg-type]
    axes.plot(epoch, validation, color=colour, linewidth=2.0, **alone)  # type: ignore[arg-type]
    for label, values, tone in (("training", training, QUIET), ("validation", validation, colour)):
        defined = np.flatnonzero(np.isfinite(values))
        if len(defined):
            last = defined[-1]
            axes.annotate(label, (epoch[last], values[last]), xytext=(5, 0), textcoords="offset points",
                          color=tone, va="center", annotation_clip=False)  # fmt: skip
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    quiet_grid(axes, axis="y")
