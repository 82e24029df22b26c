"""Training and validation curves by epoch, the gap between them shaded: the picture of overfitting.

In: the histories of the folds for one model. Out: inline SVG; the losses on the left, the gap itself on the right.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medtl.report.html.drawing import Drawing, draw, quiet_grid
from medtl.report.html.theme import FOLD_OPACITY, QUIET

TRAINING_INCHES = (9.4, 3.0)
"""A figure alone in the column, a little lower than the others since there is one per model."""

LABEL_SHARE = 0.075
"""Height of a label as a share of the axis."""


def history_figure(histories: Sequence[pd.DataFrame], *, colour: str, name: str, finding: str) -> Drawing:
    """Thin lines are folds, thick lines their mean; training is dashed, validation solid."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _paint_losses(left, histories, colour=colour)
        _paint_gap(right, histories, colour=colour)
        left.set(title="Loss", ylabel="Cross-entropy")
        left.set_ylim(bottom=0)
        right.set(title="Gap: validation minus training loss", ylabel="Difference")
        for axes in (left, right):
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            quiet_grid(axes, axis="y")

    return draw(paint, name=name, finding=finding, inches=TRAINING_INCHES)


def _paint_losses(axes: Axes, histories: Sequence[pd.DataFrame], *, colour: str) -> None:
    tones = {"training": QUIET, "validation": colour}
    if len(histories) > 1:
        for position, history in enumerate(histories, start=1):
            for role, tone in tones.items():
                axes.plot(history["epoch"], history[f"{role}_loss"], color=tone, alpha=FOLD_OPACITY, linewidth=0.6,
                          label=f"{role}, curve {position}")  # fmt: skip
    means = pd.concat(histories).groupby("epoch")[["training_loss", "validation_loss"]].mean()
    epoch = means.index.to_numpy(dtype=float)
    losses = {role: means[f"{role}_loss"].to_numpy(dtype=float) for role in tones}
    axes.fill_between(epoch, losses["training"], losses["validation"], color=colour, alpha=0.12, linewidth=0)
    marker = "o" if len(epoch) == 1 else ""
    axes.plot(epoch, losses["training"], color=QUIET, linestyle=(0, (4, 2)), linewidth=1.6, marker=marker,
              label="training, mean")  # fmt: skip
    axes.plot(epoch, losses["validation"], color=colour, linewidth=2.0, marker=marker, label="validation, mean")
    for (role, tone), height in zip(
        tones.items(), _spread_out(axes, [values[-1] for values in losses.values()]), strict=True
    ):
        axes.annotate(role, (epoch[-1], height), xytext=(5, 0), textcoords="offset points",
                      color=tone, va="center", annotation_clip=False)  # fmt: skip


def _spread_out(axes: Axes, heights: Sequence[float]) -> tuple[float, float]:
    """Where two labels stand so that they do not overlap: moved apart evenly when their lines end close together."""
    low, high = sorted((float(heights[0]), float(heights[1])))
    least = LABEL_SHARE * (axes.get_ylim()[1] - min(0.0, axes.get_ylim()[0]))
    push = max(0.0, (least - (high - low)) / 2)
    first_is_low = heights[0] <= heights[1]
    return (low - push, high + push) if first_is_low else (high + push, low - push)


def _paint_gap(axes: Axes, histories: Sequence[pd.DataFrame], *, colour: str) -> None:
    gaps = [history.assign(gap=history["validation_loss"] - history["training_loss"]) for history in histories]
    if len(gaps) > 1:
        for position, gap in enumerate(gaps, start=1):
            axes.plot(gap["epoch"], gap["gap"], color=colour, alpha=FOLD_OPACITY, linewidth=0.7,
                      label=f"gap, curve {position}")  # fmt: skip
    mean = pd.concat(gaps).groupby("epoch")["gap"].mean()
    epoch, values = mean.index.to_numpy(dtype=float), mean.to_numpy(dtype=float)
    axes.axhline(0, color=QUIET, linewidth=0.6, dashes=(2, 3))
    axes.fill_between(epoch, 0, values, color=colour, alpha=0.12, linewidth=0)
    axes.plot(epoch, values, color=colour, linewidth=2.0, marker="o" if len(epoch) == 1 else "", label="gap, mean")
