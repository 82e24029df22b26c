"""ROC and precision-recall curves: thin per fold, thick pooled, with a band; other models as quiet lines.

In: predictions with one row per patient. Out: inline SVG. With more than two classes there is one curve per class
against the rest, of the chosen model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtl import evaluation
from medtl.predictions import PredictionTable
from medtl.report.html.drawing import Drawing, draw, square_axes
from medtl.report.html.theme import FOLD_OPACITY, QUIET, class_colour, look_of, short_label

Kind = Literal["roc", "precision_recall"]

CURVE_INCHES = (4.6, 3.32)
"""A pair's width, and no higher than the square needs."""

STEPS: dict[Kind, Literal["default", "steps-pre"]] = {"roc": "default", "precision_recall": "steps-pre"}
"""Precision holds back to the recall before, as average precision counts it; straight lines would promise more."""

BAND_RESAMPLES = 500
"""Enough for a band that is looked at; the numbers in the tables have their own, larger bootstrap."""

MOST_LABELS = 8
"""More direct labels than these do not fit beside the curve."""

LABEL_LENGTH = 19
"""Letters that fit beside the square."""

CLASS_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (7, 1.5, 1.2, 1.5)))


@dataclass(frozen=True, eq=False)
class CurveSet:
    """What one figure shows. `patients` holds the test rows of all models, one per patient and fold.

    `numbers` are written below the models' names, already in words; `thin` are folds of the chosen model.
    """

    patients: PredictionTable
    chosen: str
    thin: tuple[int, ...]
    numbers: Mapping[str, str]
    seed: int


def curve_figure(curves: CurveSet, *, kind: Kind, name: str, finding: str) -> Drawing:
    """The ROC or the precision-recall curve."""

    def paint(figure: Figure) -> None:
        axes = square_axes(figure)
        if kind == "roc":
            axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.6, dashes=(2, 3))
            axes.set(xlabel="1 - specificity", ylabel="Sensitivity", title="ROC")
        else:
            axes.set(xlabel="Recall (sensitivity)", ylabel="Precision (PPV)", title="Precision and recall")
        if curves.patients.positive_class is not None:
            _paint_models(axes, curves, kind=kind)
        else:
            _paint_classes(axes, curves, kind=kind)

    return draw(paint, name=name, finding=finding, inches=CURVE_INCHES)


def _paint_models(axes: Axes, curves: CurveSet, *, kind: Kind) -> None:
    models = list(curves.patients.models)
    others = [name for name in models if name != curves.chosen]
    chosen = curves.patients.of(model=curves.chosen)
    look = look_of(curves.chosen, models)
    thick = _line_of(chosen, kind=kind, resamples=BAND_RESAMPLES, seed=curves.seed)
    if kind == "roc":
        axes.fill_between(thick.grid, thick.low, thick.high, color=look.colour, alpha=0.13, linewidth=0,
                          label=f"{look.name}, 95 % band")  # fmt: skip
    if thick.chance is not None:
        axes.axhline(thick.chance, color=QUIET, linewidth=0.6, dashes=(2, 3))
    for fold in curves.thin:
        thin = _line_of(chosen.of(fold=fold), kind=kind)
        axes.plot(thin.x, thin.y, drawstyle=STEPS[kind], color=look.colour, alpha=FOLD_OPACITY, linewidth=0.7,
                  label=f"{look.name}, fold {fold}")  # fmt: skip
    for model in others:
        other, line = look_of(model, models), _line_of(curves.patients.of(model=model), kind=kind)
        axes.plot(line.x, line.y, drawstyle=STEPS[kind], color=other.colour, linestyle=other.dash, linewidth=1.1,
                  label=other.name)  # fmt: skip
    axes.plot(thick.x, thick.y, drawstyle=STEPS[kind], color=look.colour, linewidth=2.0, label=look.name)
    looks = [(model, look_of(model, models)) for model in (curves.chosen, *others)]
    dashes = {model: "-" if model == curves.chosen else own.dash for model, own in looks}
    _direct_labels(axes, [(own.colour, dashes[model], own.name, curves.numbers.get(model, "")) for model, own in looks])


def _paint_classes(axes: Axes, curves: CurveSet, *, kind: Kind) -> None:
    entries = []
    for index, label in enumerate(curves.patients.classes):
        dash = CLASS_DASHES[index % len(CLASS_DASHES)]
        line = _line_of(curves.patients.of(model=curves.chosen), kind=kind, of_class=label)
        axes.plot(line.x, line.y, drawstyle=STEPS[kind], color=class_colour(index), linestyle=dash, linewidth=1.6,
                  label=label)  # fmt: skip
        entries.append((class_colour(index), dash, label, ""))
    _direct_labels(axes, entries)


@dataclass(frozen=True, eq=False)
class _Line:
    """A curve with its band; all empty when it is not defined."""

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    grid: Float[np.ndarray, " place"]
    low: Float[np.ndarray, " place"]
    high: Float[np.ndarray, " place"]
    chance: float | None


def _line_of(
    table: PredictionTable, *, kind: Kind, of_class: str | None = None, resamples: int = 0, seed: int = 0
) -> _Line:
    if kind == "roc":
        roc = evaluation.curves.roc_curve(table, of_class=of_class, resamples=resamples, seed=seed)
        band = roc.band
        return _Line(roc.false_positive_rate, roc.true_positive_rate, band.grid, band.low, band.high, None)
    curve, nothing = evaluation.curves.precision_recall_curve(table, of_class=of_class), np.empty(0)
    return _Line(curve.recall, curve.precision, nothing, nothing, nothing, curve.prevalence)


def _direct_labels(axes: Axes, entries: Sequence[tuple[str, object, str, str]]) -> None:
    """Names and numbers right of the square, each after a piece of its line: no legend to look up."""
    for row, (colour, dash, label, number) in enumerate(entries[:MOST_LABELS]):
        height, index = 0.97 - 0.125 * row, axes.transAxes
        axes.plot(
            [1.04, 1.125], [height] * 2, color=colour, linestyle=dash, linewidth=1.8, transform=index, clip_on=False
        )
        axes.text(1.155, height, short_label(label, length=LABEL_LENGTH), transform=index, va="center", fontsize=8.5)
        axes.text(1.155, height - 0.055, number, transform=index, va="center", color=QUIET, fontsize=8)
