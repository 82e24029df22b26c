"""Choose the out-of-fold cases to show: the most confident right and wrong ones, by a fixed rule.

In: a fold's predictions on the test part. Out: cases with the class whose evidence is to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medtl.predictions import PredictionTable


@dataclass(frozen=True)
class CaseToExplain:
    """A case to explain: `kind` is right or wrong with the called class, `target` is that class's index.

    `kind` is empty for a case that is mapped but not shown.
    """

    case_id: str
    kind: str
    target: int
    probability: float


def choose(
    predictions: PredictionTable, *, of_each_kind: int, threshold: float | None = None
) -> tuple[CaseToExplain, ...]:
    """The most confident right and wrong cases for each called class, at most one image a patient and kind.

    `predictions` holds one model and one fold's test part; `threshold` is the fold's declared one with two classes.
    Deterministic: ties go by case id.
    """
    rows, values = predictions.rows, predictions.probabilities
    predicted = predictions.outcome.decide(values, threshold)
    confidence = predictions.outcome.certainty(values, threshold)
    own = values[np.arange(len(rows)), predicted]
    chosen: list[CaseToExplain] = []
    for target, label in reversed(list(enumerate(predictions.classes))):
        for verdict in ("right", "wrong"):
            is_right = (rows["truth"] == label).to_numpy()
            kept = np.flatnonzero((predicted == target) & (is_right if verdict == "right" else ~is_right))
            ranked = sorted(kept, key=lambda row: (-confidence[row], rows["case_id"].iloc[row]))
            seen: set[str] = set()
            for row in ranked:
                patient = str(rows["patient_id"].iloc[row])
                if patient not in seen and len(seen) < of_each_kind:
                    seen.add(patient)
                    chosen.append(CaseToExplain(str(rows["case_id"].iloc[row]), f"{verdict} {label}", target, own[row]))
    return tuple(chosen)


def others(
    predictions: PredictionTable, *, shown: Sequence[CaseToExplain], threshold: float | None = None
) -> tuple[CaseToExplain, ...]:
    """All further cases, each with the class it is called, in the order of their ids."""
    values, ids = predictions.probabilities, predictions.rows["case_id"].astype(str)
    named = {pick.case_id for pick in shown}
    predicted = predictions.outcome.decide(values, threshold)
    return tuple(
        CaseToExplain(ids.iloc[row], "", int(predicted[row]), float(values[row, predicted[row]]))
        for row in np.argsort(ids.to_numpy(), kind="stable")
        if ids.iloc[row] not in named
    )
