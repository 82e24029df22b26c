"""Whether the probabilities can be used: reliability, calibration, net benefit, operating points, prediction sets."""

from __future__ import annotations

from collections.abc import Iterator

from medtl.report.figures.from_predictions import reliability_drawn
from medtl.report.html.blocks import Block, SideBySide, folded
from medtl.report.html.section import Section
from medtl.report.results.view import View
from medtl.report.sections.calibration import calibration_sentences
from medtl.report.sections.clinical_use import use_blocks

TITLE = "Can the probabilities be used"
IN_DETAIL = "Calibration of each model, net benefit, decisions and prediction sets"


def _blocks(view: View) -> Iterator[Block | None]:
    sentences = calibration_sentences(view.run.chosen_model, view.run.outcome, view.run.models, view.judged)
    yield SideBySide(reliability_drawn(view.run, view.judged), "Reading it", sentences)
    yield folded(IN_DETAIL, use_blocks(view.run, view.judged))


def _without_words(view: View) -> Iterator[Block | None]:
    yield SideBySide(reliability_drawn(view.run, view.judged))
    yield folded(IN_DETAIL, use_blocks(view.run, view.judged))


PROBABILITIES = Section("probabilities", TITLE, _blocks)
PROBABILITIES_OF_SEVERAL = Section("probabilities", TITLE, _without_words)
