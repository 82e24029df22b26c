"""The section of the learning curve's page on networks that were fine-tuned on a few draws.

In: a learning curve as the record keeps it. Out: sentences and a table, nothing where nothing was fine-tuned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from medtl.record.learning_curve import LearningCurve
from medtl.report.html.blocks import Block, Prose
from medtl.report.html.numbers import interval, plain
from medtl.report.html.page import Bounds, Cell, Row, Table
from medtl.report.html.theme import look_of
from medtl.report.results.fine_tuned_words import differences_of, fine_tuned_sentences


def fine_tuned_blocks(curve: LearningCurve) -> Iterator[Block | None]:
    """What fine-tuning added on the draws that it saw."""
    found = curve.fine_tuned
    if found is None:
        return
    yield Prose(fine_tuned_sentences(curve))
    names = [found.model, *(one.model for one in curve.models)]
    rows = [
        Row(
            found.label, tuple(_cell(point.values) for point in found.points), colour=look_of(found.model, names).colour
        )
    ]
    rows += [
        Row(
            one.label,
            tuple(_cell(point.others[one.model]) for point in found.points),
            colour=look_of(one.model, names).colour,
        )
        for one in curve.models
    ]
    first = curve.models[0]
    rows.append(
        Row(
            f"{found.label} − {first.label}",
            tuple(_cell(differences_of(point, first.model)) for point in found.points),
        )
    )
    heads = ("Model", *(f"{point.patients} a class" for point in found.points))
    draws = len(found.points[0].values)
    notes = (
        f"The median of {draws} draws, and the smallest to the largest; every model learns from the same draws and "
        "predicts the same test patients, whom no draw contains. Each value is pooled over the folds, by patient. The "
        "last row is of the differences draw by draw.",
        f"{found.label} starts from the probe of its own draw and runs through the recipe of the study ({found.epochs} "
        "epochs) to its end; no patient beyond the draw chooses an epoch. A small draw gives few steps: with more "
        "epochs the network may gain.",
        f"{draws} draws show how far the choice of patients moves a network. They do not show which model is better: "
        "the tested patients are the same in all, and medtl run compares models on all patients with an interval.",
    )
    yield Table("Fine-tuned on a few draws", heads, tuple(rows), notes, name="fine_tuned")


def _cell(values: Sequence[float]) -> Cell:
    low, high = min(values), max(values)
    middle = median(values)
    return Cell(plain(middle), beside=interval(low, high), bounds=Bounds(middle, low, high))
