"""Is the disagreement of two sources counted rightly, and are the patients shown those on whom they differ most?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from medtl.predictions import PredictionTable
from medtl.sources.disagreement import disagreement_of


def table_of(scores: dict[str, np.ndarray], truth: np.ndarray) -> PredictionTable:
    parts = [
        pd.DataFrame(
            {
                "case_id": [f"c{number}" for number in range(len(truth))],
                "patient_id": [f"p{number}" for number in range(len(truth))],
                "fold": 0, "role": "test", "model": name, "truth": np.where(truth == 1, "ill", "well"),
                "p_well": 1 - score, "p_ill": score,
            }
        )
        for name, score in scores.items()
    ]  # fmt: skip
    return PredictionTable(pd.concat(parts, ignore_index=True))


def drawn(patients: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(patients) % 2
    one, other = (1 / (1 + np.exp(-(1.2 * truth - 0.6 + rng.normal(size=patients)))) for _ in range(2))
    return truth, one, other


def test_a_source_agrees_with_itself_and_independent_errors_are_as_many_as_foretold() -> None:
    truth, one, other = drawn(4000, seed=1)
    same = disagreement_of(table_of({"a": one, "b": one}, truth), "a", "b")
    assert (same.patients, same.different) == (4000, 0)
    found = disagreement_of(table_of({"a": one, "b": other}, truth), "a", "b")
    assert abs(found.different - found.independent) < 0.05 * found.independent
    cuts = [np.sort(score)[::-1][truth.sum() - 1] for score in (one, other)]
    assert found.different == int(((one >= cuts[0]) != (other >= cuts[1])).sum())


def test_planted_patients_are_shown_with_the_side_that_is_right() -> None:
    truth, one, _ = drawn(60, seed=2)
    other = one.copy()
    other[1], other[2] = 0.001, 0.999
    one[1], one[2] = 0.999, 0.001
    found = disagreement_of(table_of({"a": one, "b": other}, truth), "a", "b")
    assert {patient.patient_id for patient in found.disputed[:2]} == {"p1", "p2"}
    for patient in found.disputed[:2]:
        assert (patient.first_share, patient.second_share) == (1.0, 0.0)
        assert patient.case_id == patient.patient_id.replace("p", "c")
    assert len({patient.patient_id for patient in found.disputed}) == len(found.disputed)
