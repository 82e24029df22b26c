"""How the training went: curves of training and validation with their gap, and the probe's choice, in words.

In: finished folds. Out: drawings and sentences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from medtl.policies.small_data import CHANGE_THE_LOSS, SmallDataOptions
from medtl.record.fold import FoldRecord
from medtl.record.probe import READ_FROM, ProbeChoice
from medtl.report.figures.training import history_figure
from medtl.report.html.numbers import count, joined, plain
from medtl.report.html.page import Drawn, Link
from medtl.report.html.theme import look_of

MEANING = (
    "The training loss is the running one of each epoch, with augmentation and dropout; the validation loss is that of "
    "the averaged weights, with neither, so early epochs may show any gap."
)
"""Why the two losses are not the same thing measured twice; see the docstring of the training history."""


OTHER_LOSS = (
    "The training loss is the one that was minimised, which options for small data ({}) make another one than the "
    "validation loss, so the gap is no measure of overfitting here."
)


def histories_drawn(models: tuple[str, ...], folds: tuple[FoldRecord, ...], *, fold: int | None) -> tuple[Drawn, ...]:
    """Training and validation curves of each model that was trained by epochs, of one fold or of all."""
    drawn = []
    for index, model in enumerate(models):
        own = [
            (record.fold, rows.sort_values("epoch"))
            for record in folds
            if record.history is not None and fold in (None, record.fold)
            for rows in [record.history[record.history["model"] == model]]
            if len(rows)
        ]
        if own:
            drawn.append(
                _history(models, model, own, name=f"history-{index}", prefix="fold_{}/" if fold is None else "")
            )
    return tuple(drawn)


def _history(
    models: tuple[str, ...], model: str, own: Sequence[tuple[int, pd.DataFrame]], *, name: str, prefix: str
) -> Drawn:
    look = look_of(model, models)
    last = pd.DataFrame([rows.iloc[-1] for _, rows in own])
    training, validation = _mean(last["training_loss"]), _mean(last["validation_loss"])
    gap = None if training is None or validation is None else validation - training
    finding = (
        f"{look.name}: in the last epoch the loss is {plain(training)} on training and {plain(validation)} on "
        f"validation patients, a gap of {plain(gap)}."
    )
    drawing = history_figure([rows for _, rows in own], colour=look.colour, name=name, finding=finding)
    lines = " Thin lines are folds, thick lines their mean;" if len(own) > 1 else ""
    caption = f"{finding}{lines} {'the' if lines else 'The'} gap is shaded. {MEANING}"
    files = [f"{prefix.format(fold)}history.csv" for fold, _ in own]
    names = [f"fold {fold}" for fold, _ in own] if prefix else ["history.csv"]
    return Drawn(drawing, caption, tuple(Link(clauses, file) for clauses, file in zip(names, files, strict=True)))


def other_loss(options: SmallDataOptions | None) -> tuple[str, ...]:
    """What the options for small data do to the comparison of the two losses; empty where they do nothing."""
    named = [] if options is None else [name.replace("_", " ") for name in options.named if name in CHANGE_THE_LOSS]
    return (OTHER_LOSS.format(", ".join(named)),) if named else ()


def _mean(column: pd.Series) -> float | None:
    values = column.to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def training_sentences(folds: Sequence[FoldRecord]) -> tuple[str, ...]:
    """Sentences on absent curves and on the probe's choice of C."""
    sentences = []
    if not any(record.history is not None for record in folds):
        sentences.append("No network was trained by epochs, so there are no training curves.")
    probes = [(record.fold, record.probe) for record in folds if record.probe is not None]
    if probes:
        first = probes[0][1]
        tried = ""
        if first.tried:
            least, most = min(first.tried), max(first.tried)
            tried = f" from {count(len(first.tried), 'value')} between {least:g} and {most:g}"
        inner = f" by log loss in {count(first.inner_folds, 'inner fold')} of training patients"
        by_value: dict[float, list[str]] = {}
        for fold, probe in probes:
            by_value.setdefault(probe.penalty_inverse, []).append(str(fold))
        chosen = joined([f"{value:g} in {_folds(numbers)}" for value, numbers in sorted(by_value.items())])
        sentences.append(f"The frozen probe's C was chosen{tried}{inner if first.inner_folds else ''}: {chosen}.")
        sentences += readout_sentences([(fold, probe) for fold, probe in probes])
        stuck = [str(fold) for fold, probe in probes if not probe.converged]
        sentences.append(f"It did not converge in {_folds(stuck)}." if stuck else "It converged.")
    return tuple(sentences)


def readout_sentences(probes: Sequence[tuple[int, ProbeChoice]]) -> list[str]:
    """Which stages the frozen probe reads; nothing where it reads the last one and had no choice."""
    by_readout: dict[str, list[str]] = {}
    for fold, probe in probes:
        by_readout.setdefault(probe.readout, []).append(str(fold))
    if any(probe.was_offered_readouts for _, probe in probes):
        chosen = [f"{READ_FROM[name]} in {_folds(by_readout[name])}" for name in READ_FROM if name in by_readout]
        return [f"The features that it reads were chosen by the same log loss: {'; '.join(chosen)}."]
    return [f"It reads {READ_FROM[name]}." for name in by_readout if name != "last"]


def _folds(numbers: Sequence[str]) -> str:
    return f"{'fold' if len(numbers) == 1 else 'folds'} {joined(list(numbers))}"
