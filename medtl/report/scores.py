"""What each model said of each patient, as arrays that figures and galleries read.

In: the table of predictions. Out: one row per patient (and label, for a patient with two), test rows only. Over
repeats a patient's probabilities are averaged first, so that nobody counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from medtl.predictions import PredictionTable, per_patient


@dataclass(frozen=True)
class Scores:
    """Out-of-fold probabilities of one model, a row per patient. `truth` is the class's place in `classes`."""

    classes: tuple[str, ...]
    patient_ids: tuple[str, ...]
    truth: Int[np.ndarray, " patient"]
    probabilities: Float[np.ndarray, "patient class"]

    @property
    def is_binary(self) -> bool:
        """Whether one class is the positive class."""
        return len(self.classes) == 2

    def against_rest(self, place: int) -> tuple[Bool[np.ndarray, " patient"], Float[np.ndarray, " patient"]]:
        """Truth and score of one class against all others."""
        return self.truth == place, self.probabilities[:, place]


def scores_of(table: PredictionTable, *, model: str, fold: int | None = None) -> Scores:
    """The test scores of a model: of one fold, or pooled out of fold."""
    rows = per_patient(table.of(model=model, role="test", fold=fold)).rows
    columns = [f"p_{name}" for name in table.classes]
    pooled = rows.groupby(["case_id", "patient_id", "truth"], sort=False)[columns].mean().reset_index()
    return Scores(
        classes=table.classes,
        patient_ids=tuple(pooled["patient_id"]),
        truth=np.array([table.classes.index(label) for label in pooled["truth"]], dtype=np.int64),
        probabilities=pooled[columns].to_numpy(dtype=float),
    )
