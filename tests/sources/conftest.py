"""A cohort of numbers: features with a planted linear signal, patients with two images each, and folds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medtl.cohort import Case
from medtl.sources.curve_data import CurveData, CurveFold


def new_data(
    *, patients: int = 120, images: int = 1, features: int = 32, signal: float = 1.5, folds: int = 3, seed: int = 1
) -> CurveData:
    rng = np.random.default_rng(seed)
    of_patient = np.arange(patients) % 2
    labels = np.repeat(of_patient, images)
    values = np.repeat(rng.normal(size=(patients, features)), images, axis=0)
    values += 0.3 * rng.normal(size=values.shape)
    values[:, :4] += signal / 2 * (2 * labels[:, None] - 1)
    names = [f"p{index:03d}" for index in np.repeat(np.arange(patients), images)]
    cases = tuple(
        Case(f"c{index:04d}", name, Path("x.png"), ("well", "ill")[label], index + 2)
        for index, (name, label) in enumerate(zip(names, labels, strict=True))
    )
    fold_of = np.repeat((np.arange(patients) // 2) % folds, images)
    parts = tuple(
        CurveFold(number, np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number))
        for number in range(folds)
    )
    table = values.astype(np.float32)
    return CurveData(cases, ("well", "ill"), table, table, labels, tuple(names), parts, {"last": features}, seed)


@pytest.fixture(scope="session")
def make_data() -> Callable[..., CurveData]:
    return new_data
