"""What a model said of each patient, as arrays that the histogram and the list of errors read.

In: predictions with one row per patient. Out: test rows only; over repeats a patient's probabilities are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from medtl.outcomes import outcome_of
from medtl.predictions import PredictionTable


@dataclass(frozen=True, eq=False)
class Scores:
    """Out-of-fold probabilities of one model. `truth` is the class's place in `classes`, `folds` who judged when."""

    classes: tuple[str, ...]
    names: tuple[str, ...]
    folds: tuple[tuple[int, ...], ...]
    truth: Int[np.ndarray, " patient"]
    probabilities: Float[np.ndarray, "patient class"]

    def called(self, thresholds: Mapping[int, float | None]) -> Int[np.ndarray, " patient"]:
        """What each patient is called at the declared threshold of their fold, by class index.

        Over repeats the mean probability is held against the mean of the folds' thresholds. Where no fold has a
        threshold, the most probable class is called.
        """
        cuts = [[cut for fold in own if (cut := thresholds.get(fold)) is not None] for own in self.folds]
        own = np.array([np.mean(cut) if cut else np.nan for cut in cuts])
        return outcome_of(self.classes).decide(self.probabilities, own)

    def against_rest(self, index: int) -> tuple[Bool[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
        """Truth and score of one class against all others."""
        return self.truth == index, self.probabilities[:, index]


def scores_of(patients: PredictionTable, *, model: str, fold: int | None = None) -> Scores:
    """The test scores of a model: of one fold, or pooled out of fold."""
    rows = patients.of(model=model, role="test", fold=fold).rows
    columns = list(patients.outcome.columns)
    groups = rows.groupby(["case_id", "truth"], sort=False)
    pooled = groups[columns].mean().reset_index()
    return Scores(
        classes=patients.classes,
        names=tuple(pooled["case_id"]),
        folds=tuple(tuple(sorted({int(number) for number in numbers})) for numbers in groups["fold"].agg(list)),
        truth=patients.outcome.targets(pooled["truth"]),
        probabilities=pooled[columns].to_numpy(dtype=float),
    )
