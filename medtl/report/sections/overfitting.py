"""Does it overfit or cheat: the controls that must fail, the curves of training, what was selected, the audit."""

from __future__ import annotations

from collections.abc import Iterator

from medtl.report.html.blocks import Block, Figure, Prose, SeeSection, folded
from medtl.report.html.section import Section
from medtl.report.results.view import View
from medtl.report.sections.audit import audit_shown
from medtl.report.sections.controls import controls_table
from medtl.report.sections.selection import selection_blocks
from medtl.report.sections.training import histories_drawn, other_loss, training_sentences


def _training(view: View) -> Iterator[Block | None]:
    run = view.run
    yield from (Figure(drawn) for drawn in histories_drawn(run.models, run.folds, fold=view.fold))
    sentences = training_sentences(run.folds if view.fold is None else [run.fold(view.fold)])
    yield Prose((*sentences, *other_loss(run.study.small_data)))


def _blocks(view: View) -> Iterator[Block | None]:
    yield controls_table(view.run, view.judged)
    selection = selection_blocks(view.run.folds, view.run.models, view.run.classes, view.judged)
    if selection is not None:
        yield selection.table
        yield Prose(selection.sentences)
    yield folded("How the models were trained", _training(view))
    audit = audit_shown(view.run.folder)
    yield folded(f"Pictures of the audit: {audit.in_words}", (audit,)) if audit.in_words else None
    yield SeeSection(
        "Every warning that fired stands, with its numbers and what to do, under", "asked", "What a reviewer will ask"
    )


OVERFITTING = Section("overfit", "Does it overfit or cheat", _blocks)
TRAINING_OF_A_FOLD = Section("overfit", "Training", _training)
