"""Prediction sets that hold the true class as often as declared, in each class (Mondrian split conformal).

In: validation and test predictions of one model, a row per patient. Out: how often the sets were right and how much
they say, with the coverage that so few calibration patients can promise.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from scipy.stats import beta

from medtl.evaluation.decided import share_estimate
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable

PROMISED = (0.05, 0.95)
"""The promise is given as the range that holds the true coverage in 9 of 10 draws of calibration patients."""


class ClassCoverage(BaseModel):
    """One class: how many of its test patients' sets held it, and what its calibration patients allow to promise.

    `promise_low` and `promise_high` bound the true coverage in 90 % of draws of the smallest fold's calibration
    patients; null when there are too few of them and the class is put into every set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    of_class: str
    covered: Estimate
    fewest_calibration: NonNegativeInt
    promise_low: float | None = None
    promise_high: float | None = None


class Conformal(BaseModel):
    """`single`, `several` and `empty` are shares of test patients by the size of their set."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    coverage: float
    classes: tuple[ClassCoverage, ...]
    single: float
    several: float
    empty: float
    patients: NonNegativeInt


def conformal_sets(
    calibration: Units, test: Float[np.ndarray, "unit class"], *, coverage: float
) -> Bool[np.ndarray, "unit class"]:
    """Which classes are in each prediction set.

    Those whose 1 - p is at most the k-th smallest among the calibration patients of this class, k = ceil((n + 1)
    coverage) (Vovk 2012; class-conditional: Sadinle, JASA 2019). A class with k > n is in every set.
    """
    sets = np.ones(test.shape, dtype=bool)
    for index in range(test.shape[1]):
        own = np.sort(1.0 - calibration.probabilities[calibration.truth == index, index])
        k = _rank(len(own), coverage)
        if k <= len(own):
            sets[:, index] = 1.0 - test[:, index] <= own[k - 1]
    return sets


def conformal_of(table: PredictionTable, *, coverage: float) -> Conformal | Undefined:
    """Each fold calibrated on its validation patients and tried on its test patients, pooled."""
    test = table.of(role="test")
    owners: list[str] = []
    held, truths, fewest = [], [], np.full(len(table.classes), np.iinfo("int64").max)
    for fold in test.folds:
        calibration, units = units_of(table.of(role="validation", fold=fold)), units_of(test.of(fold=fold))
        if not len(calibration):
            return Undefined(f"fold {fold} has no validation patients to calibrate on")
        held.append(conformal_sets(calibration, units.probabilities, coverage=coverage))
        truths.append(units.truth)
        owners.extend(units.patients)
        fewest = np.minimum(fewest, calibration.class_counts)
    sets, truth = np.concatenate(held), np.concatenate(truths)
    sizes = sets.sum(axis=1)
    classes = []
    for index, name in enumerate(table.classes):
        own = truth == index
        n, k = int(fewest[index]), _rank(int(fewest[index]), coverage)
        promise = [float(beta.ppf(end, k, n + 1 - k)) for end in PROMISED] if k <= n else [None, None]
        classes.append(
            ClassCoverage(
                of_class=name,
                covered=share_estimate(
                    sets[own, index],
                    tuple(patient for patient, counts in zip(owners, own, strict=True) if counts),
                    nobody=f"no {name} among the tested",
                ),
                fewest_calibration=n,
                promise_low=promise[0],
                promise_high=promise[1],
            )
        )
    return Conformal(
        coverage=coverage,
        classes=tuple(classes),
        single=float((sizes == 1).mean()),
        several=float((sizes > 1).mean()),
        empty=float((sizes == 0).mean()),
        patients=len(truth),
    )


def _rank(n: int, coverage: float) -> int:
    return math.ceil((n + 1) * coverage - 1e-12)
