"""What was wrong: the patients whom the model judged most wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from medtl.report.html.blocks import Block, folded
from medtl.report.html.numbers import count
from medtl.report.html.section import Section
from medtl.report.results.scores import scores_of
from medtl.report.results.view import View
from medtl.report.results.worst_errors import Error, worst_errors


@dataclass(frozen=True)
class WorstErrors:
    """At most ten patients, the worst first."""

    macro: ClassVar[str] = "worst"
    errors: tuple[Error, ...]


def _blocks(view: View) -> Iterator[Block | None]:
    model = view.run.chosen_model
    scores = scores_of(view.judged.patients, model=model, fold=view.fold)
    errors = worst_errors(scores, thresholds=view.judged.thresholds(model))
    block = WorstErrors(errors)
    yield (
        folded(f"The largest errors ({count(len(errors), 'patient')})", (block,)) if errors and view.is_study else block
    )


WRONG = Section("wrong", "What was wrong", _blocks)
