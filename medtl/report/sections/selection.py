"""What each fold's validation patients chose, and what picking the best by the test would have claimed.

In: a run whose study selects. Out: a table and sentences, or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from medtl.predictions import selection
from medtl.record.fold import FoldRecord
from medtl.report.html.numbers import count, joined, plain
from medtl.report.html.page import Cell, Row, Table
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged, metric_name


@dataclass(frozen=True)
class SelectionBlocks:
    """The table of candidates by fold, and what to make of it."""

    table: Table
    sentences: tuple[str, ...]


def selection_blocks(
    folds: tuple[FoldRecord, ...], models: tuple[str, ...], classes: tuple[str, ...], judged: Judged
) -> SelectionBlocks | None:
    """What was selected; None where the study selects nothing."""
    made = [(record.fold, record.selection) for record in folds if record.selection is not None]
    if not made:
        return None
    candidates = [candidate.model for candidate in made[0][1].candidates]
    reported, models = models, tuple(dict.fromkeys((*models, *candidates)))
    losses = {fold: {one.model: one.log_loss for one in choice.candidates} for fold, choice in made}
    rows = tuple(
        Row(
            look_of(model, models).name,
            tuple(
                Cell(plain(losses[fold].get(model)), beside="chosen" if choice.chosen == model else "")
                for fold, choice in made
            ),
            colour=look_of(model, models).colour,
        )
        for model in candidates
    )
    note = (
        "Mean log loss per validation patient, in nats; the least is chosen. Validation patients have no part in the "
        "test of their fold, so the number of the selected model is not flattered by the choice."
    )
    heads = ("Candidate", *(f"Fold {fold}" for fold, _ in made))
    table = Table("What the validation patients chose", heads, rows, (note,), name="selection")
    return SelectionBlocks(
        table,
        (
            _agreement(folds, models, len(candidates), min(choice.patients for _, choice in made)),
            *_flattery(classes, models, judged, [one for one in candidates if one in reported]),
        ),
    )


def _agreement(folds: tuple[FoldRecord, ...], models: tuple[str, ...], looked_at: int, patients: int) -> str:
    chosen = [record.selection.chosen for record in folds if record.selection is not None]
    counts = [
        f"{look_of(model, models).name} in {count(chosen.count(model), 'fold')}" for model in dict.fromkeys(chosen)
    ]
    return (
        f"In each fold {count(looked_at, 'candidate')} were looked at, on {count(patients, 'validation patient')} or "
        f"more. Chosen: {joined(counts)}."
    )


def _flattery(
    classes: tuple[str, ...], models: tuple[str, ...], judged: Judged, candidates: list[str]
) -> tuple[str, ...]:
    """What the best candidate by its test patients reaches; nothing where it is not above the selected model."""
    found = {model: judged.of(model, fold=None).auroc.value for model in (*candidates, selection.SELECTED)}
    defined = {model: value for model, value in found.items() if value is not None}
    own = defined.pop(selection.SELECTED, None)
    if own is None or not defined:
        return ()
    best = max(defined, key=lambda model: defined[model])
    if defined[best] <= own:
        return ()
    return (
        f"Picking the best by its test patients would have claimed {look_of(best, models).phrase} with "
        f"{metric_name(classes)} {plain(defined[best])} instead of {plain(own)}: that number is flattered by the "
        "choice, and is not the result.",
    )
