"""The tables of numbers: models by metrics, folds by models, and the words about the threshold.

In: judged models. Out: tables whose every number stands in metrics.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from medtl.evaluation import Estimate
from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.metric import Metric, Needs
from medtl.record.fold import FoldRecord
from medtl.record.run import Run
from medtl.report.html.numbers import DIGITS, count, in_table, joined, percent, plain
from medtl.report.html.page import Cell, Row, Table, estimated, no_interval_below, reasons_below
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged, Judgement

JUDGED: Mapping[Needs, str] = {
    "ranking": "the ranking",
    "decisions": "the decisions at the threshold",
    "probabilities": "the probabilities",
}


def models_table(
    models: tuple[str, ...],
    chosen_model: str,
    planned_folds: tuple[int, ...],
    judged: Judged,
    *,
    fold: int | None,
    metrics: tuple[Metric, ...] | None = None,
) -> Table:
    """All models on the same patients, pooled out of fold or of one fold, with intervals; None: every metric."""
    metrics = known.METRICS if metrics is None else metrics
    found = {model: judged.of(model, fold=fold) for model in models}
    rows = []
    reasons: dict[str, str | None] = {}
    without: dict[str, str | None] = {}
    for model, one in found.items():
        look = look_of(model, models)
        cells = tuple(estimated(one.estimates[metric.name], digits=metric.digits) for metric in metrics)
        kind = "chosen" if model == chosen_model else ""
        rows.append(Row(name=look.name, cells=cells, kind=kind, colour=look.colour))
        for metric in metrics:
            estimate = one.estimates[metric.name]
            if estimate.value is None:
                reasons.setdefault(metric.label, estimate.reason)
            elif estimate.low is None:
                without.setdefault(metric.label, estimate.reason)
    patients = max(one.patients for one in found.values())
    title = f"All models on the same {count(patients, 'patient')}{', out of fold' if len(planned_folds) > 1 else ''}"
    note = _intervals()
    if fold is not None:
        title = f"All models on the {count(patients, 'test patient')} of fold {fold}"
        note = f"One fold is few patients: read these numbers as part of the study, not alone. {_intervals()}"
    notes = (note, *judged.notes, *reasons_below(reasons), *no_interval_below(without))
    heads = ("Model", *(metric.label for metric in metrics))
    return Table(title, heads, tuple(rows), notes, kind="models", name="models")


def _intervals() -> str:
    """How the intervals are meant, and what each metric judges."""
    clauses: list[str] = []
    for needs, words in JUDGED.items():
        found = [metric for metric in known.METRICS if metric.needs == needs]
        lower = [metric.in_words for metric in found if metric.better == "lower"]
        of = "" if len(lower) == len(found) else f" for {joined(lower)}"
        remark = f" (lower is better{of})" if lower else ""
        if found:
            clauses.append(
                f"{joined([metric.in_words for metric in found])}{'' if clauses else ' judge'} {words}{remark}"
            )
    text = "; ".join(clauses)
    return f"95 % intervals by patient, the models taken as they are. {text[:1].upper()}{text[1:]}."


def folds_table(run: Run, judged: Judged) -> Table:
    """The AUROC of each model in each fold with its interval, the threshold of the chosen model and the probe's C."""
    rows, positive = [], run.outcome.positive_class
    reasons: dict[str, str | None] = {}
    without: dict[str, str | None] = {}
    for record in run.folds:
        found = {model: judged.of(model, fold=record.fold) for model in run.models}
        largest = max(found.values(), key=lambda one: one.patients)
        cells = [Cell(f"{largest.patients:,}")]
        if positive is not None:
            cells.append(Cell(f"{largest.by_class[run.classes.index(positive)]:,}"))
        cells += [estimated(one.auroc, digits=DIGITS) for one in found.values()]
        if run.outcome.has_threshold:
            cells.append(Cell(plain(found[run.chosen_model].threshold)))
        if _has_probe(run.folds):
            cells.append(Cell("–" if record.probe is None else f"{record.probe.penalty_inverse:g}"))
        rows.append(Row(name=run.named(record.fold), cells=tuple(cells)))
        for one in found.values():
            if one.auroc.low is None:
                (reasons if one.auroc.value is None else without).setdefault(f"fold {record.fold}", one.auroc.reason)
    heads = ["Fold", "Test patients", *(() if positive is None else (f"Of {positive}",))]
    heads += [look_of(model, run.models).name for model in run.models]
    if run.outcome.has_threshold:
        heads.append("Threshold")
    if _has_probe(run.folds):
        heads.append("Probe's C")
    chosen = look_of(run.chosen_model, run.models).name
    threshold = f" The threshold is that of {chosen}." if run.outcome.has_threshold else ""
    note = f"Folds share training patients, so their spread is no confidence interval.{threshold}"
    notes = (note, *reasons_below(reasons), *no_interval_below(without))
    return Table("AUROC by fold", tuple(heads), tuple(rows), notes, kind="models", name="folds")


def _has_probe(folds: tuple[FoldRecord, ...]) -> bool:
    return any(record.probe is not None for record in folds)


def threshold_sentences(run: Run, judged: Judged, *, fold: int | None) -> tuple[str, ...]:
    """Where the threshold came from, and what it does to patients, in counts."""
    name = look_of(run.chosen_model, run.models).name
    found = judged.of(run.chosen_model, fold=fold)
    folds = [record.fold for record in run.folds] if fold is None else [fold]
    if found.confusion is None:
        reason = found.estimates["sensitivity"].reason
        return (f"{name}: no decisions, because {reason}.",)
    if not run.outcome.has_threshold:
        return _of_several(run.classes, found, found.confusion, name=name)
    thresholds = [judged.of(run.chosen_model, fold=number).threshold for number in folds]
    return _of_two(
        run.classes,
        found,
        found.confusion,
        [one for one in thresholds if one is not None],
        name=name,
        origin=run.study.evaluation.threshold.origin,
    )


def _of_two(
    classes: tuple[str, ...],
    found: Judgement,
    confusion: Int[np.ndarray, "truth called"],
    thresholds: Sequence[float],
    *,
    name: str,
    origin: str,
) -> tuple[str, ...]:
    negative, positive = classes
    (right_negative, false_positive), (false_negative, right_positive) = confusion.tolist()
    have, have_not = false_negative + right_positive, right_negative + false_positive
    return (
        _where_from(thresholds, name=name, positive=positive, origin=origin),
        f"Of {count(have, found.counted)} whose reference standard is {positive}, {right_positive:,} were called so: "
        f"sensitivity {_estimate(found.estimates['sensitivity'])}.",
        f"Of {count(have_not, found.counted)} whose reference standard is {negative}, {right_negative:,} were called "
        f"so: specificity {_estimate(found.estimates['specificity'])}.",
        f"The share of {positive} is {percent(have, have + have_not)}; predictive values hold for this share only.",
    )


def _of_several(
    classes: tuple[str, ...], found: Judgement, confusion: Int[np.ndarray, "truth called"], *, name: str
) -> tuple[str, ...]:
    total, right = int(confusion.sum()), int(np.trace(confusion))
    shares = [f"{label} {percent(float(row.sum()), total)}" for label, row in zip(classes, confusion, strict=True)]
    most = percent(float(confusion.sum(axis=1).max()), total)
    return (
        f"{name}: the decision is the most probable class; no threshold is chosen.",
        f"{right} of {count(total, found.counted)} agree with the reference standard ({percent(right, total)}).",
        f"The shares are {joined(shares)}: always naming the most frequent class would agree in {most}.",
    )


def _where_from(thresholds: Sequence[float], *, name: str, positive: str, origin: str) -> str:
    low, high = plain(min(thresholds)), plain(max(thresholds))
    sentence = f"{low} on" if low == high else f"{low} to {high} on, depending on the fold"
    return f"{name}: a patient is called {positive} from a probability of {sentence}. The threshold {origin}."


def _estimate(found: Estimate) -> str:
    return in_table(found.value, found.low, found.high) if found.value is not None else f"not defined ({found.reason})"
