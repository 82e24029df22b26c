"""How well: curves, the models side by side, against the frozen probe, decisions, folds, ranking of the models."""

from __future__ import annotations

from collections.abc import Iterator

from medtl.report.figures.from_predictions import confusion_drawn, curves_drawn, models_drawn
from medtl.report.html.blocks import Block, Figure, Prose, SideBySide, Subheading, folded
from medtl.report.html.section import Section
from medtl.report.html.theme import look_of
from medtl.report.results.claim import sentence_of
from medtl.report.results.precision_words import precision_sentence
from medtl.report.results.view import View
from medtl.report.sections.clinical_use import decisions_table
from medtl.report.sections.explorer import explorer
from medtl.report.sections.model_tables import folds_table, models_table, threshold_sentences


def curves(view: View) -> Iterator[Block | None]:
    """The ROC and the precision-recall curves."""
    drawn = curves_drawn(view.run, view.judged, fold=view.fold)
    yield SideBySide(drawn) if drawn or view.fold is None else None


def decisions(view: View) -> Iterator[Block | None]:
    """The confusion matrix, and where the threshold came from."""
    drawn = confusion_drawn(view.run, view.judged, fold=view.fold)
    sentences = threshold_sentences(view.run, view.judged, fold=view.fold)
    yield SideBySide((drawn,) if drawn is not None else (), "Decisions", sentences)


def paired_decisions(view: View) -> Iterator[Block | None]:
    """How wide intervals of such a cohort are, and whom each model called rightly."""
    found = view.judged.appraisal
    if found is None:
        return
    precision = precision_sentence(found)
    yield Prose((precision,)) if precision else None
    yield decisions_table(view.run.models, found)


def _blocks(view: View) -> Iterator[Block | None]:
    run, judged = view.run, view.judged
    yield from curves(view)
    yield models_table(run.models, run.chosen_model, run.planned_folds, judged, fold=None)
    yield from decisions(view)
    yield folded("Each model against the frozen probe, each fold, paired decisions", _in_detail(view))
    yield explorer(view)


def _in_detail(view: View) -> Iterator[Block | None]:
    run, judged, several = view.run, view.judged, len(view.run.folds) > 1
    yield Figure(models_drawn(run, judged)) if several or len(run.models) > 1 or view.is_study else None
    if judged.differences:
        yield Subheading("Against the frozen probe")
        yield Prose(
            tuple(f"{look_of(found.model, run.models).name}. {sentence_of(found)}" for found in judged.differences)
        )
    yield folds_table(run, judged) if several or view.is_study else None
    yield from paired_decisions(view)


def _of_a_fold(view: View) -> Iterator[Block | None]:
    yield from curves(view)
    yield models_table(view.run.models, view.run.chosen_model, view.run.planned_folds, view.judged, fold=view.fold)
    yield from decisions(view)


HOW_WELL = Section("well", "How well", _blocks)
HOW_WELL_IN_A_FOLD = Section("well", "How well", _of_a_fold)
