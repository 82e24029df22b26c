"""The figures of a page with their captions: what is drawn, what it found, and which file holds its numbers.

In: a run and its numbers. Out: drawings. Every alternative text states the finding, not the kind of picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from medtl.report.figure_calibration import ReliabilityPoint, reliability_figure
from medtl.report.figure_confusion import confusion_figure
from medtl.report.figure_discrimination import CurveSet, curve_figure
from medtl.report.figure_folds import MOST_FOLDS, fold_counts, folds_figure
from medtl.report.figure_models import ModelPoint, models_figure
from medtl.report.figure_training import history_figure
from medtl.report.judged import Estimate, Judged
from medtl.report.numbers import count, in_table, joined, plain, with_interval
from medtl.report.page import Drawn
from medtl.report.run_folder import RunFolder
from medtl.report.scores import Scores, scores_of
from medtl.report.theme import look_of
from medtl.report.verdict import metric_name

TRAINED = ("lp_ft", "full", "scratch")
"""Models that are trained by epochs, in the order of their figures."""


def curves_drawn(run: RunFolder, judged: Judged, *, fold: int | None) -> tuple[Drawn, Drawn]:
    """ROC and precision-recall, pooled over folds or of one fold."""
    pooled = {model: scores_of(run.predictions, model=model, fold=fold) for model in run.models}
    numbers = {
        model: (judged.models[model].pooled if fold is None else judged.models[model].by_fold[fold]) for model in pooled
    }
    folds = [scores_of(run.predictions, model=run.chosen_model, fold=record.fold) for record in run.folds]
    folds = folds if fold is None and run.study.repeats * len(folds) > 1 else []
    return (
        _curve(run, pooled, folds, numbers, kind="roc", fold=fold),
        _curve(run, pooled, folds, numbers, kind="precision_recall", fold=fold),
    )


def _curve(
    run: RunFolder,
    pooled: Mapping[str, Scores],
    folds: Sequence[Scores],
    numbers: Mapping[str, Mapping[str, Estimate]],
    *,
    kind: Literal["roc", "precision_recall"],
    fold: int | None,
) -> Drawn:
    key = "auroc" if kind == "roc" else "average_precision"
    metric = metric_name(run.classes) if kind == "roc" else "average precision"
    binary = len(run.classes) == 2
    labels = {model: in_table(n[key].value, n[key].low, n[key].high) for model, n in numbers.items()} if binary else {}
    found = numbers[run.chosen_model][key]
    look = look_of(run.chosen_model, run.models)
    value = with_interval(found.value, found.low, found.high)
    told = f"{metric} {value}" if found.value is not None else f"{metric} not defined: {found.reason}"
    curves = CurveSet(pooled, folds, run.chosen_model, labels, seed=run.provenance.seed)
    name = "roc" if kind == "roc" else "pr"
    drawing = curve_figure(curves, kind=kind, name=name, finding=f"{look.name}: {told}.")
    return Drawn(drawing, _curve_caption(kind, look.name, folds, binary=binary), ("predictions.csv",))


def _curve_caption(kind: str, name: str, folds: Sequence[Scores], *, binary: bool) -> str:
    if not binary:
        return f"{name}, one curve per class against the others, a patient being one point."
    thin = "thin lines are its folds, " if folds else ""
    chance = "the dashed diagonal is chance" if kind == "roc" else "the dashed line is the share of the positive class"
    return f"{name} thick; {thin}the band holds 95 % of bootstrap resamples of patients; {chance}."


def confusion_drawn(run: RunFolder, judged: Judged, *, fold: int | None) -> Drawn:
    """The confusion matrix of the chosen model."""
    model = judged.models[run.chosen_model]
    counts = model.confusion if fold is None else model.confusion_by_fold[fold]
    look = look_of(run.chosen_model, run.models)
    right, total = int(np.trace(counts)), int(counts.sum())
    rule = "each fold's own threshold" if fold is None else "this fold's threshold"
    rule = rule if len(run.classes) == 2 else "the most probable class"
    drawing = confusion_figure(
        counts,
        run.classes,
        title=look.name,
        name="confusion",
        finding=f"{look.name}: {right} of {count(total, 'patient')} decided as the reference standard says, by {rule}.",
    )
    return Drawn(drawing, f"Patients by reference standard and decision ({rule}); shares are of each row.", ("predictions.csv",))


def reliability_drawn(run: RunFolder, points: Mapping[int, Sequence[ReliabilityPoint]]) -> tuple[Drawn, ...]:
    """A reliability curve for the positive class, or for each class with more than two."""
    scores = scores_of(run.predictions, model=run.chosen_model)
    look = look_of(run.chosen_model, run.models)
    drawn = []
    for place, bins in points.items():
        truth, score = scores.against_rest(place)
        off = max((abs(point.observed - point.predicted) for point in bins), default=0.0)
        label = scores.classes[place]
        finding = f"{look.name}: observed and predicted frequency of {label} differ by at most {plain(off, digits=2)}."
        drawing = reliability_figure(
            bins, score, truth, colour=look.colour, positive=label, name=f"reliability-{place}", finding=finding
        )
        drawn.append(
            Drawn(
                drawing,
                f"{look.name}: points are bins of equally many patients with 95 % Wilson intervals; below, patients "
                f"with {label} upward and without downward.",
                ("predictions.csv",),
            )
        )
    return tuple(drawn)


def histories_drawn(run: RunFolder, *, folds: Sequence[int], prefix: str) -> tuple[Drawn, ...]:
    """Training and validation curves of each trained model; `prefix` leads from the page to the folds' folders."""
    drawn = []
    for model in [*TRAINED, *(name for name in run.models if name not in TRAINED)]:
        own: list[tuple[int, pd.DataFrame]] = []
        for record in run.folds:
            if record.fold in folds and record.history is not None:
                rows = record.history[record.history["model"] == model]
                if len(rows):
                    own.append((record.fold, rows.sort_values("epoch")))
        if own:
            drawn.append(_history(run, model, own, prefix=prefix))
    return tuple(drawn)


def _history(run: RunFolder, model: str, own: Sequence[tuple[int, pd.DataFrame]], *, prefix: str) -> Drawn:
    look = look_of(model, run.models)
    last = [rows.iloc[-1] for _, rows in own]
    training = _mean([float(row["training_auroc"]) for row in last])
    validation = _mean([float(row["validation_auroc"]) for row in last])
    gap = None if training is None or validation is None else training - validation
    finding = (
        f"{look.name}: in the last epoch the AUROC is {plain(training)} on training and {plain(validation)} on "
        f"validation patients, a gap of {plain(gap)}."
    )
    drawing = history_figure([rows for _, rows in own], colour=look.colour, name=f"history-{model_id(run, model)}", finding=finding)
    lines = "thin lines are folds, thick lines their mean; " if len(own) > 1 else ""
    sources = tuple(f"{prefix.format(fold=fold)}history.csv" for fold, _ in own)
    return Drawn(drawing, f"{finding} In the figure {lines}the shaded gap lies between training and validation.", sources)


def model_id(run: RunFolder, model: str) -> str:
    """A model's place in the study, for ids inside the page: another tool's name may hold anything."""
    return str([*run.models, model].index(model))


def _mean(values: Sequence[float]) -> float | None:
    defined = [value for value in values if np.isfinite(value)]
    return sum(defined) / len(defined) if defined else None


def folds_drawn(run: RunFolder) -> Drawn:
    """Class balance per fold."""
    counts = fold_counts(run.fold_table)
    tested = counts[counts["role"] == "test"]
    told = []
    for label in run.classes:
        numbers = tested[tested["label"] == label].set_index("fold")["patients"].reindex(run.planned_folds, fill_value=0)
        low, high = int(numbers.min()), int(numbers.max())
        told.append(f"{low} {label}" if low == high else f"{low} to {high} {label}")
    finding = f"Test parts hold {joined(told)} patients each."
    more = f" Only the first {MOST_FOLDS} folds are drawn." if len(run.planned_folds) > MOST_FOLDS else ""
    drawing = folds_figure(run.fold_table, run.classes, name="folds", finding=finding)
    return Drawn(drawing, f"Patients by class in each fold. {finding}{more}", ("folds.csv",))


def models_drawn(run: RunFolder, judged: Judged) -> Drawn:
    """All models as points with intervals."""
    points = []
    for model in run.models:
        found = judged.models[model].pooled["auroc"]
        folds = [values["auroc"].value for values in judged.models[model].by_fold.values()]
        points.append(ModelPoint(model, found.value, found.low, found.high, tuple(v for v in folds if v is not None)))
    told = [f"{look_of(p.model, run.models).name} {in_table(p.value, p.low, p.high)}" for p in points]
    metric = metric_name(run.classes)
    metric = metric[0].upper() + metric[1:]
    drawing = models_figure(points, metric=metric, name="models", finding=f"{metric}: {joined(told)}.")
    return Drawn(
        drawing,
        "Pooled out of fold with 95 % intervals; the ticks below each line are single folds, the dashed line is chance.",
        ("predictions.csv",),
    )
