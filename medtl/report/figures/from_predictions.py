"""The figures of a page with their captions: what is drawn, what it found, and which file holds its numbers.

In: a run and its numbers. Out: drawings. Every alternative text states the finding, not the kind of picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from medtl import evaluation
from medtl.evaluation.metrics import known
from medtl.record import run_folder as names
from medtl.record.fold import FoldRecord
from medtl.record.run import Run
from medtl.report.figures.calibration import reliability_figure
from medtl.report.figures.confusion import confusion_figure
from medtl.report.figures.discrimination import CurveSet, curve_figure
from medtl.report.figures.folds import MOST_FOLDS, fold_counts, folds_figure
from medtl.report.figures.models import ModelPoint, models_figure
from medtl.report.html.numbers import DIGITS, count, in_table, joined, plain, with_interval
from medtl.report.html.page import Drawn, Link
from medtl.report.html.theme import look_of, short_label
from medtl.report.results.judged import Judged, metric_name
from medtl.report.results.scores import scores_of

MOST_RELIABILITY_CURVES = 3
"""Reliability curves drawn with several classes; the Brier score judges all of them."""


def predictions_behind(folds: tuple[FoldRecord, ...], folder: Path, *, fold: int | None) -> tuple[Link, ...]:
    """The file behind a figure, seen from its page; an unfinished run has one per finished fold."""
    if fold is not None or (folder / names.PREDICTIONS).is_file():
        return (Link(names.PREDICTIONS, names.PREDICTIONS),)
    return tuple(Link(f"fold {one.fold}", f"fold_{one.fold}/predictions.csv") for one in folds)


def curves_drawn(run: Run, judged: Judged, *, fold: int | None) -> tuple[Drawn, Drawn]:
    """ROC and precision-recall, pooled over folds or of one fold."""
    return _curve(run, judged, kind="roc", fold=fold), _curve(run, judged, kind="precision_recall", fold=fold)


def _curve(run: Run, judged: Judged, *, kind: Literal["roc", "precision_recall"], fold: int | None) -> Drawn:
    of_curve = known.PRIMARY if kind == "roc" else known.metric_named("average_precision")
    metric = metric_name(run.classes) if kind == "roc" else of_curve.in_words
    estimates = {model: judged.of(model, fold=fold).estimates[of_curve.name] for model in run.models}
    found, look = estimates[run.chosen_model], look_of(run.chosen_model, run.models)
    sentence = f"{metric} {with_interval(found.value, found.low, found.high)}"
    if found.value is None:
        sentence = f"{metric} not defined: {found.reason}"
    thin = tuple(record.fold for record in run.folds) if fold is None and len(run.folds) > 1 else ()
    curves = CurveSet(
        patients=judged.patients.of(role="test", fold=fold),
        chosen=run.chosen_model,
        thin=thin,
        numbers={model: in_table(one.value, one.low, one.high, digits=DIGITS) for model, one in estimates.items()},
        seed=run.provenance.seed,
    )
    name = "roc" if kind == "roc" else "pr"
    drawing = curve_figure(curves, kind=kind, name=name, finding=f"{look.name}: {sentence}.")
    if run.outcome.positive_class is None:
        return Drawn(
            drawing,
            f"{look.name}, one curve per class against the others; points are patients.",
            predictions_behind(run.folds, run.folder, fold=fold),
        )
    lines = "thin lines are its folds, " if thin else ""
    chance = "the dotted diagonal is chance" if kind == "roc" else "the dotted level is the share of the positive class"
    band = "with its pointwise 95 % band; " if kind == "roc" else ""
    caption = f"{look.name} thick{', ' if band else '; '}{band}{lines}{chance}."
    return Drawn(drawing, caption, predictions_behind(run.folds, run.folder, fold=fold))


def confusion_drawn(run: Run, judged: Judged, *, fold: int | None) -> Drawn | None:
    """The confusion matrix of the chosen model, or None when a threshold could not be chosen."""
    found = judged.of(run.chosen_model, fold=fold)
    if found.confusion is None:
        return None
    look = look_of(run.chosen_model, run.models)
    right, total = int(np.trace(found.confusion)), int(found.confusion.sum())
    rule = "each fold's own threshold" if fold is None else "this fold's threshold"
    declared = run.study.evaluation.threshold
    rule = f"the given threshold of {declared.at:g}" if declared.at is not None else rule
    rule = run.outcome.decision_rule(rule)
    finding = (
        f"{look.name}: {right} of {count(total, found.counted)} agree with the reference standard, deciding by {rule}."
    )
    drawing = confusion_figure(found.confusion, run.classes, title=look.name, name="confusion", finding=finding)
    counted = f"{found.counted.capitalize()}s by reference standard and decision"
    return Drawn(
        drawing, f"{counted} ({rule}); shares are of each row.", predictions_behind(run.folds, run.folder, fold=fold)
    )


def reliability_drawn(run: Run, judged: Judged) -> tuple[Drawn, ...]:
    """A reliability curve for the positive class, or for each of the first classes with more than two."""
    look = look_of(run.chosen_model, run.models)
    table = judged.patients.of(model=run.chosen_model, role="test")
    scores = scores_of(judged.patients, model=run.chosen_model)
    brier = judged.of(run.chosen_model, fold=None).estimates["brier"]
    labels = (short_label(look.name), "Brier score", in_table(brier.value, brier.low, brier.high))
    drawn = []
    for label in [run.classes[index] for index in run.outcome.judged[:MOST_RELIABILITY_CURVES]]:
        position = run.classes.index(label)
        curve = evaluation.curves.reliability_curve(table, of_class=label)
        off = float(np.abs(curve.observed - curve.mean_probability).max(initial=0.0))
        finding = f"{look.name}: observed and predicted frequency of {label} differ by at most {plain(off, digits=2)}."
        truth, score = scores.against_rest(position)
        drawing = reliability_figure(
            curve, score, truth, colour=look.colour, labels=labels, name=f"reliability-{position}", finding=finding
        )
        caption = (
            f"{look.name}, bins of equally many patients with 95 % Wilson intervals; below, patients with {label} "
            "upward and all others downward."
        )
        drawn.append(Drawn(drawing, caption, predictions_behind(run.folds, run.folder, fold=None)))
    return tuple(drawn)


def folds_drawn(run: Run) -> Drawn:
    """Class balance per fold."""
    counts = fold_counts(run.fold_table)
    tested = counts[counts["role"] == "test"]
    sentence = []
    for label in run.classes:
        of_class = tested[tested["label"] == label].set_index("fold")["patients"]
        numbers = of_class.reindex(run.planned_folds, fill_value=0)
        low, high = int(numbers.min()), int(numbers.max())
        sentence.append(f"{low} {label}" if low == high else f"{low} to {high} {label}")
    each = "Each test part holds" if len(run.planned_folds) > 1 else "The test part holds"
    finding = f"{each} {joined(sentence)} patients."
    more = f" Only the first {MOST_FOLDS} folds are drawn." if len(run.planned_folds) > MOST_FOLDS else ""
    drawing = folds_figure(run.fold_table, run.classes, name="folds", finding=finding)
    source = names.FOLDS if (run.folder / names.FOLDS).is_file() else names.PREDICTIONS
    return Drawn(drawing, f"Patients by class in each fold. {finding}{more}", (Link(source, source),))


def models_drawn(run: Run, judged: Judged) -> Drawn:
    """All models as points with intervals."""
    points = []
    for model in run.models:
        found = judged.of(model, fold=None).auroc
        folds = [here.auroc.value for here in judged.by_fold[model].values()]
        points.append(ModelPoint(model, found.value, found.low, found.high, tuple(v for v in folds if v is not None)))
    sentence = [
        f"{look_of(p.model, run.models).name} {in_table(p.value, p.low, p.high, digits=DIGITS)}" for p in points
    ]
    metric = metric_name(run.classes)
    metric = metric[0].upper() + metric[1:]
    drawing = models_figure(points, metric=metric, name="models", finding=f"{metric}: {joined(sentence)}.")
    caption = "Pooled out of fold with 95 % intervals; the ticks below are single folds, the dotted line is chance."
    return Drawn(drawing, caption, predictions_behind(run.folds, run.folder, fold=None))
