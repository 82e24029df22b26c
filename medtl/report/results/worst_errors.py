"""The patients that were judged most wrongly, and how wrongly.

In: pooled scores and the folds' thresholds. Out: of the patients who are called wrongly, the ten to whose true
class the model gave the least probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medtl.report.html.numbers import plain
from medtl.report.results.scores import Scores

SHOWN_AT_MOST = 10


@dataclass(frozen=True)
class Error:
    """A patient who is called another class than the reference standard's."""

    patient: str
    fold: str
    truth: str
    called: str
    probability_of_called: float
    probability_of_truth: float

    @property
    def called_text(self) -> str:
        """The probability of the called class."""
        return plain(self.probability_of_called, digits=2)

    @property
    def truth_text(self) -> str:
        """The probability of the reference standard's class."""
        return plain(self.probability_of_truth, digits=2)


def worst_errors(scores: Scores, *, thresholds: Mapping[int, float | None]) -> tuple[Error, ...]:
    """At most ten, the worst first; ties in the order of the table. `thresholds` are the declared ones by fold."""
    called = scores.called(thresholds)
    of_truth = scores.probabilities[np.arange(len(scores.truth)), scores.truth]
    order = [index for index in np.argsort(of_truth, kind="stable") if called[index] != scores.truth[index]]
    return tuple(
        Error(
            patient=scores.names[index],
            fold=", ".join(str(fold) for fold in scores.folds[index]),
            truth=scores.classes[scores.truth[index]],
            called=scores.classes[called[index]],
            probability_of_called=float(scores.probabilities[index, called[index]]),
            probability_of_truth=float(of_truth[index]),
        )
        for index in order[:SHOWN_AT_MOST]
    )
