"""Tables of predictions made from a seed, small and awkward enough to test with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from medtl.evaluation.units import Units
from medtl.predictions import PredictionTable


def study_table(
    *,
    patients: int = 60,
    images: tuple[int, int] = (1, 3),
    folds: int = 5,
    repeats: int = 1,
    models: tuple[str, ...] = ("probe", "lp_ft"),
    classes: tuple[str, ...] = ("no", "yes"),
    seed: int = 0,
) -> PredictionTable:
    """A cross-validated study: each patient tested once per repeat and in validation of the next fold."""
    chance = np.random.default_rng(seed)
    label = np.arange(patients) % len(classes)
    counts = chance.integers(images[0], images[1] + 1, size=patients)
    lines = []
    for repeat in range(repeats):
        fold_of = chance.permutation(patients) % folds
        for strength, model in enumerate(models, start=1):
            for patient in range(patients):
                for image in range(counts[patient]):
                    for role, fold in (("test", fold_of[patient]), ("validation", (fold_of[patient] + 1) % folds)):
                        raw = chance.normal(size=len(classes))
                        raw[label[patient]] += 0.7 * strength
                        said = np.exp(raw) / np.exp(raw).sum()
                        names = (f"c{patient}-{image}", f"p{patient}", repeat * folds + fold, role, model)
                        lines.append((*names, classes[label[patient]], *said))
    columns = ["case_id", "patient_id", "fold", "role", "model", "truth", *(f"p_{name}" for name in classes)]
    return PredictionTable(pd.DataFrame(lines, columns=columns))


def units_from(
    truth: list[int] | np.ndarray, score: list[float] | np.ndarray, *, patients: list[str] | None = None
) -> Units:
    """Binary units from truths and positive probabilities, one patient each unless told."""
    positive = np.asarray(score, dtype="float64")
    ids = tuple(f"u{index}" for index in range(len(positive)))
    return Units(
        ids=ids,
        patients=ids if patients is None else tuple(patients),
        truth=np.asarray(truth, dtype="int64"),
        probabilities=np.stack([1.0 - positive, positive], axis=1),
        classes=("no", "yes"),
    )


@pytest.fixture(scope="session")
def make_table() -> Callable[..., PredictionTable]:
    return study_table


@pytest.fixture(scope="session")
def make_units() -> Callable[..., Units]:
    return units_from
