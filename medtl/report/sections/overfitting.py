"""Does it overfit or cheat: the curves of training, what was selected, and the controls that must fail."""

from __future__ import annotations

from collections.abc import Iterator

from medtl.report.html.blocks import Block, Figure, Prose, SeeSection
from medtl.report.html.section import Section
from medtl.report.results.view import View
from medtl.report.sections.controls import controls_table
from medtl.report.sections.selection import selection_blocks
from medtl.report.sections.training import histories_drawn, training_sentences


def _training(view: View) -> Iterator[Block | None]:
    run = view.run
    yield from (Figure(drawn) for drawn in histories_drawn(run, fold=view.fold))
    yield Prose(training_sentences(run.folds if view.fold is None else [run.fold(view.fold)]))


def _blocks(view: View) -> Iterator[Block | None]:
    yield from _training(view)
    selection = selection_blocks(view.run, view.judged)
    if selection is not None:
        yield selection.table
        yield Prose(selection.sentences)
    yield controls_table(view.run, view.judged)
    yield SeeSection(
        "Every warning that fired stands, with its numbers and what to do, under", "asked", "What a reviewer will ask"
    )


OVERFITTING = Section("overfit", "Does it overfit or cheat", _blocks)
TRAINING_OF_A_FOLD = Section("overfit", "Training", _training)
