"""The tables of numbers: models by metrics, folds by models, and the words about the threshold.

In: judged models. Out: tables whose every number stands in metrics.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from medtl.report.judged import Estimate, Judged
from medtl.report.numbers import count, in_table, percent, plain
from medtl.report.page import Cell, Row, Table, reasons_below
from medtl.report.run_folder import RunFolder
from medtl.report.theme import look_of


@dataclass(frozen=True)
class Metric:
    """A metric as tables name it; `many` is its name with more than two classes, None when it is not told then."""

    key: str
    two: str
    many: str | None


METRICS = (
    Metric("auroc", "AUROC", "AUROC, macro"),
    Metric("average_precision", "Average precision", "Average precision, macro"),
    Metric("balanced_accuracy", "Balanced accuracy", "Balanced accuracy"),
    Metric("mcc", "MCC", "MCC"),
    Metric("sensitivity", "Sensitivity", None),
    Metric("specificity", "Specificity", None),
    Metric("brier", "Brier score", "Brier score"),
    Metric("log_loss", "Log loss", "Log loss"),
)


def metrics_shown(class_count: int) -> tuple[tuple[str, str], ...]:
    """(key, name) of the metrics that are told for this number of classes."""
    if class_count == 2:
        return tuple((metric.key, metric.two) for metric in METRICS)
    return tuple((metric.key, metric.many) for metric in METRICS if metric.many is not None)


def models_table(run: RunFolder, judged: Judged) -> Table:
    """All models on the same patients, pooled out of fold, with intervals."""
    found = {model: judged.models[model].pooled for model in run.models}
    patients = count(judged.patients, "patient")
    return _models(
        run,
        found,
        title=f"All models on the same {patients}, out of fold",
        note="95 % intervals by bootstrap of patients. AUROC and average precision rank patients; the others judge "
        "decisions at the threshold (balanced accuracy, MCC, sensitivity, specificity) or probabilities (Brier score "
        "and log loss, lower is better).",
    )


def fold_models_table(run: RunFolder, judged: Judged, *, fold: int) -> Table:
    """All models on the test patients of one fold."""
    found = {model: judged.models[model].by_fold[fold] for model in run.models}
    patients = count(max(values["auroc"].n for values in found.values()), "test patient")
    return _models(
        run,
        found,
        title=f"All models on the {patients} of fold {fold}",
        note="One fold is few patients: read these numbers as part of the study, not alone.",
    )


def _models(run: RunFolder, found: Mapping[str, Mapping[str, Estimate]], *, title: str, note: str) -> Table:
    shown = metrics_shown(len(run.classes))
    rows = []
    reasons: dict[str, str | None] = {}
    for model, values in found.items():
        look = look_of(model, run.models)
        estimates = [values[key] for key, _ in shown]
        cells = tuple(Cell(in_table(found.value, found.low, found.high)) for found in estimates)
        kind = "chosen" if model == run.chosen_model else ""
        rows.append(Row(name=look.name, cells=cells, kind=kind, colour=look.colour))
        for (_, name), estimate in zip(shown, estimates, strict=True):
            if estimate.value is None:
                reasons.setdefault(name, estimate.reason)
    return Table(title, ("Model", *(name for _, name in shown)), tuple(rows), (note, *reasons_below(reasons)))


def folds_table(run: RunFolder, judged: Judged) -> Table:
    """The AUROC of each model in each fold, with the threshold of the chosen model."""
    names = [look_of(model, run.models).name for model in run.models]
    rows, reasons = [], {}
    thresholds = judged.models[run.chosen_model].thresholds
    for record in run.folds:
        estimates = [judged.models[model].by_fold[record.fold]["auroc"] for model in run.models]
        cells = [Cell(f"{max((found.n for found in estimates), default=0):,}")]
        cells += [Cell(plain(found.value)) for found in estimates]
        if len(run.classes) == 2:
            cells.append(Cell(plain(thresholds.get(record.fold))))
        if record.probe is not None:
            cells.append(Cell(f"{record.probe.penalty_inverse:g}"))
        elif _has_probe(run):
            cells.append(Cell("–"))
        rows.append(Row(name=f"Fold {record.fold}", cells=tuple(cells)))
        reasons.update({f"fold {record.fold}": found.reason for found in estimates if found.value is None})
    heads = ["Fold", "Test patients", *names]
    if len(run.classes) == 2:
        heads.append(f"Threshold ({look_of(run.chosen_model, run.models).name})")
    if _has_probe(run):
        heads.append("Probe's C")
    notes = (
        "Folds share training patients, so their spread is no confidence interval.",
        *reasons_below(reasons),
    )
    return Table("AUROC by fold", tuple(heads), tuple(rows), notes)


def _has_probe(run: RunFolder) -> bool:
    return any(record.probe is not None for record in run.folds)


def threshold_sentences(
    classes: tuple[str, ...],
    counts: Int[np.ndarray, "truth decision"],
    estimates: Mapping[str, Estimate],
    thresholds: Mapping[int, float | None],
    *,
    name: str,
) -> tuple[str, ...]:
    """Where the threshold came from, and what it does to patients, in counts."""
    total = int(counts.sum())
    if len(classes) > 2:
        right = int(np.trace(counts))
        return (
            f"{name}: the decision is the most probable class; no threshold is chosen.",
            f"{right} of {count(total, 'patient')} were given the class of the reference standard "
            f"({percent(right, total)}). With shares of {_shares(classes, counts)} in the cohort, always naming the most "
            f"frequent class would reach {percent(float(counts.sum(axis=1).max()), total)}.",
        )
    negative, positive = classes
    (right_negative, false_positive), (false_negative, right_positive) = counts.tolist()
    values = [value for value in thresholds.values() if value is not None]
    return (
        _where_from(values, name=name, positive=positive),
        f"Of {count(false_negative + right_positive, 'patient')} with {positive}, {right_positive} were called so: "
        f"sensitivity {_estimate(estimates['sensitivity'])}.",
        f"Of {count(right_negative + false_positive, 'patient')} with {negative}, {right_negative} were called so: "
        f"specificity {_estimate(estimates['specificity'])}.",
        f"The cohort's share of {positive} is {percent(false_negative + right_positive, total)}; predictive values "
        "hold for this share only.",
    )


def _where_from(values: list[float], *, name: str, positive: str) -> str:
    if not values:
        return f"{name}: no threshold could be chosen on the validation patients."
    told = plain(values[0]) if len(values) == 1 else f"{plain(min(values))} to {plain(max(values))}"
    fold = "in this fold" if len(values) == 1 else "in each fold"
    return (
        f"{name}: a patient is called {positive} from a probability of {told} on. The threshold was chosen {fold} on "
        "the validation patients (Youden index); test patients had no part in it."
    )


def _estimate(found: Estimate) -> str:
    return in_table(found.value, found.low, found.high) if found.value is not None else f"not defined ({found.reason})"


def _shares(classes: tuple[str, ...], counts: Int[np.ndarray, "truth decision"]) -> str:
    total = float(counts.sum())
    return ", ".join(f"{label} {percent(float(row.sum()), total)}" for label, row in zip(classes, counts, strict=True))
