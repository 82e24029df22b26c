"""What the folds say together: their mean and spread, and two models compared over them.

In: one number per fold. Out: a spread, never called a confidence interval, since folds share their training patients;
and a comparison that corrects for this sharing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, NonNegativeInt
from scipy.stats import t as student

from medtl.evaluation.estimate import CONFIDENCE


class Spread(BaseModel):
    """Mean, standard deviation (n-1) and range over the folds where the metric is defined.

    `sd` describes the folds and is not an interval; it is null with one fold. `reason` is given when no
    fold is defined.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    folds: NonNegativeInt
    undefined: NonNegativeInt
    reason: str | None = None


class FoldComparison(BaseModel):
    """Two models over the same folds: mean difference, its corrected 95 % interval and two-sided p value.

    `wins` counts the folds in which the model is strictly better, `folds` those in which both are defined. `low`,
    `high` and `p_value` are null for the `reason` given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    wins: NonNegativeInt
    folds: NonNegativeInt
    mean_difference: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    reason: str | None = None


def spread_of(values: Sequence[float | None]) -> Spread:
    """Describe the folds' values; None marks a fold where the metric is undefined."""
    defined = np.array([value for value in values if value is not None], dtype="float64")
    undefined = len(values) - len(defined)
    if not len(defined):
        why = f"undefined in all {len(values)} folds" if values else "no folds"
        return Spread(mean=None, sd=None, minimum=None, maximum=None, folds=0, undefined=undefined, reason=why)
    return Spread(
        mean=float(defined.mean()),
        sd=float(defined.std(ddof=1)) if len(defined) > 1 else None,
        minimum=float(defined.min()),
        maximum=float(defined.max()),
        folds=len(defined),
        undefined=undefined,
    )


def compare_over_folds(differences: Sequence[float | None], *, test_to_training: float | None) -> FoldComparison:
    """Corrected resampled t-test (Nadeau and Bengio, Machine Learning 2003;52:239).

    The variance of the mean difference over J folds is (1/J + n_test/n_training) times the folds' variance, with J-1
    degrees of freedom.

    Args:
        differences: the model's metric minus the reference's, per fold; None where either is undefined.
        test_to_training: test patients divided by training patients, the mean over folds; None when unknown.
    """
    defined = np.array([value for value in differences if value is not None], dtype="float64")
    count, wins = len(defined), int((defined > 0.0).sum())
    mean = float(defined.mean()) if count else None
    spread = float(defined.std(ddof=1)) if count > 1 else 0.0
    why = None
    if count < 2:
        why = f"{count} fold{'' if count == 1 else 's'} with both models defined, at least 2 needed"
    elif test_to_training is None:
        why = "the number of training patients cannot be read from the predictions"
    elif spread == 0.0:
        why = "the difference is the same in every fold"
    if why is not None or mean is None or test_to_training is None:
        return FoldComparison(wins=wins, folds=count, mean_difference=mean, reason=why)
    error = spread * np.sqrt(1.0 / count + test_to_training)
    half = float(student.ppf(0.5 + CONFIDENCE / 2.0, count - 1) * error)
    p_value = float(2.0 * student.sf(abs(mean) / error, count - 1))
    return FoldComparison(
        wins=wins, folds=count, mean_difference=mean, low=mean - half, high=mean + half, p_value=p_value
    )
