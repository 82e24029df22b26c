"""Probabilities recalibrated on validation patients: what Platt scaling or a temperature would make of them.

In: the predictions of one model with validation rows. Out: the same test units with recalibrated probabilities. Each
fold's scaling is fitted on that fold's validation rows alone; the primary probabilities stay as they were.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from medtl.evaluation.calibration_line import fit_line, logits
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.units import Units, units_of
from medtl.outcomes.log_loss import SMALLEST_PROBABILITY
from medtl.predictions import PredictionTable

WIDEST_TEMPERATURE = 20.0
"""Temperatures tried lie between 1/20 and 20."""


def recalibrated(table: PredictionTable, *, method: Literal["platt", "temperature"]) -> Units | Undefined:
    """Test units of all folds, each fold recalibrated by its own validation rows; repeats are averaged afterwards.

    Platt scaling (Platt 1999) fits intercept and slope of the logit, for two classes; with more, and by choice, one
    temperature divides the logits (Guo, ICML 2017).
    """
    rows = []
    test = table.of(role="test")
    for fold in test.folds:
        validation = units_of(table.of(role="validation", fold=fold))
        if absent := validation.absent_classes:
            return Undefined(f"fold {fold}: no {' and no '.join(absent)} among its validation patients")
        part = test.of(fold=fold)
        if method == "platt" and method in validation.outcome.recalibrations:
            probabilities = _platt(validation, part.probabilities)
        else:
            probabilities = _tempered(validation, part.probabilities)
        if probabilities is None:
            return Undefined(f"fold {fold}: its validation patients are separated completely, so no scaling fits best")
        rescaled = part.rows.copy()
        rescaled[list(table.outcome.columns)] = probabilities
        rows.append(rescaled)
    return units_of(PredictionTable(pd.concat(rows, ignore_index=True)))


def _platt(validation: Units, probabilities: Float[np.ndarray, "row class"]) -> Float[np.ndarray, "row class"] | None:
    positive, score = validation.against_the_rest(1)
    line = fit_line(logits(score), positive.astype("float64"), np.ones((1, len(score))))[0]
    if np.isnan(line).any():
        return None
    risk = 0.5 * (1.0 + np.tanh(0.5 * (line[0] + line[1] * logits(probabilities[:, 1]))))
    return np.stack([1.0 - risk, risk], axis=1)


def _tempered(
    validation: Units, probabilities: Float[np.ndarray, "row class"]
) -> Float[np.ndarray, "row class"] | None:
    own, rows = _log(validation.probabilities), np.arange(len(validation))

    def loss(log_temperature: float) -> float:
        scaled = own / np.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[rows, validation.truth]).mean())

    bound = float(np.log(WIDEST_TEMPERATURE))
    best = float(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-9}).x)
    if abs(best) > 0.99 * bound:
        return None
    scaled = _log(probabilities) / np.exp(best)
    return np.exp(scaled - np.logaddexp.reduce(scaled, axis=1)[:, None])


def _log(probabilities: Float[np.ndarray, "row class"]) -> Float[np.ndarray, "row class"]:
    return np.log(np.clip(probabilities, SMALLEST_PROBABILITY, 1.0))
