"""ROC and precision-recall curves: thin per fold, thick pooled, with a band; other models as quiet lines.

In: scores. Out: inline SVG. With more than two classes there is one curve per class against the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from medtl.report.curve_band import curve_band
from medtl.report.drawing import draw, unit_square
from medtl.report.scores import Scores
from medtl.report.theme import FOLD_OPACITY, PAIR_INCHES, QUIET, class_colour, look_of, short_label

Kind = Literal["roc", "precision_recall"]

MOST_CLASSES_LABELLED = 8
"""More direct labels than these do not fit beside the curve."""

CLASS_DASHES = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (7, 1.5, 1.2, 1.5)))


@dataclass(frozen=True)
class CurveSet:
    """What one figure shows: the pooled scores of all models, and the chosen model's scores per fold.

    `labels` are the numbers written beside each model's (or class's) name, already in words.
    """

    pooled: Mapping[str, Scores]
    folds: Sequence[Scores]
    chosen: str
    labels: Mapping[str, str]
    seed: int


def curve_figure(curves: CurveSet, *, kind: Kind, name: str, finding: str) -> Markup:
    """The ROC or the precision-recall curve."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        unit_square(axes)
        if kind == "roc":
            axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.6, dashes=(2, 3))
            axes.set(xlabel="1 - specificity", ylabel="Sensitivity", title="ROC")
        else:
            axes.set(xlabel="Recall (sensitivity)", ylabel="Precision (PPV)", title="Precision and recall")
        if curves.pooled[curves.chosen].is_binary:
            _paint_models(axes, curves, kind=kind)
        else:
            _paint_classes(axes, curves.pooled[curves.chosen], labels=curves.labels, kind=kind)

    return draw(paint, name=name, finding=finding, inches=PAIR_INCHES)


def _paint_models(axes: Axes, curves: CurveSet, *, kind: Kind) -> None:
    models = list(curves.pooled)
    chosen, look = curves.pooled[curves.chosen], look_of(curves.chosen, models)
    truth, score = chosen.against_rest(1)
    if kind == "precision_recall":
        axes.axhline(float(truth.mean()), color=QUIET, linewidth=0.6, dashes=(2, 3))
    band = curve_band(truth, score, patients=chosen.patient_ids, kind=kind, seed=curves.seed)
    if band is not None:
        axes.fill_between(band.x, band.low, band.high, color=look.colour, alpha=0.13, linewidth=0)
    for fold in curves.folds:
        _line(axes, fold, 1, kind=kind, color=look.colour, alpha=FOLD_OPACITY, linewidth=0.7)
    for model in [*(name for name in models if name != curves.chosen), curves.chosen]:
        other = look_of(model, models)
        width = 2.0 if model == curves.chosen else 1.1
        _line(axes, curves.pooled[model], 1, kind=kind, color=other.colour, linestyle=other.dash, linewidth=width)
    order = [curves.chosen, *(name for name in models if name != curves.chosen)]
    entries = [(look_of(m, models).colour, look_of(m, models).dash, short_label(look_of(m, models).name),
                curves.labels.get(m, "")) for m in order]  # fmt: skip
    _direct_labels(axes, entries)


def _paint_classes(axes: Axes, scores: Scores, *, labels: Mapping[str, str], kind: Kind) -> None:
    entries = []
    for place, label in enumerate(scores.classes):
        dash = CLASS_DASHES[place % len(CLASS_DASHES)]
        _line(axes, scores, place, kind=kind, color=class_colour(place), linestyle=dash, linewidth=1.6)
        entries.append((class_colour(place), dash, short_label(label), labels.get(label, "")))
    _direct_labels(axes, entries[:MOST_CLASSES_LABELLED])


def _line(axes: Axes, scores: Scores, place: int, *, kind: Kind, **style: object) -> None:
    x, y = _points(scores, place, kind=kind)
    if len(x):
        axes.plot(x, y, **style)  # type: ignore[arg-type]


def _points(
    scores: Scores, place: int, *, kind: Kind
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    truth, score = scores.against_rest(place)
    if truth.all() or not truth.any():
        return np.empty(0), np.empty(0)
    if kind == "roc":
        false_positive_rate, true_positive_rate, _ = roc_curve(truth, score)
        return false_positive_rate, true_positive_rate
    precision, recall, _ = precision_recall_curve(truth, score)
    return recall, precision


def _direct_labels(axes: Axes, entries: Sequence[tuple[str, object, str, str]]) -> None:
    """Names and numbers right of the square, each after a piece of its line: no legend to look up."""
    for row, (colour, dash, label, number) in enumerate(entries):
        height = 0.97 - 0.135 * row
        axes.plot([1.05, 1.12], [height, height], color=colour, linestyle=dash, linewidth=1.8,
                  transform=axes.transAxes, clip_on=False)  # fmt: skip
        axes.text(1.15, height, label, transform=axes.transAxes, va="center")
        if number:
            axes.text(1.15, height - 0.055, number, transform=axes.transAxes, va="center", color=QUIET, fontsize=8)
