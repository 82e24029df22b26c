"""The AUROC's variance without resampling, by patient.

In: units. Out: areas with DeLong's covariance (DeLong, DeLong and Clarke-Pearson, Biometrics 1988;44:837; by ranks as
Sun and Xu, IEEE SPL 2014;21:1389), with the units of a patient taken together (Obuchowski, Biometrics 1997;53:567).
The AUROC's own interval is made of it in metrics/auroc.py; that of a difference here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm, rankdata

from medtl.evaluation.clusters import patients_of_a_class, summed_by_patient
from medtl.evaluation.estimate import CONFIDENCE, Estimate, Undefined
from medtl.evaluation.intervals import t_interval
from medtl.evaluation.units import Units

FEWEST_OF_A_CLASS = 2
"""A variance needs two."""


@dataclass(frozen=True)
class Areas:
    """AUROCs of several scores on the same units, with their covariance."""

    values: Float[np.ndarray, " score"]
    covariance: Float[np.ndarray, "score score"]


def delong(positive: Bool[np.ndarray, " unit"], scores: Float[np.ndarray, "score unit"]) -> Areas | Undefined:
    """Areas and covariance of scores on the same units; undefined with fewer than 2 units of a class."""
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < FEWEST_OF_A_CLASS:
        return Undefined(f"{m} positive and {n} negative, at least {FEWEST_OF_A_CLASS} of each needed for a variance")
    of_positive, of_negative = _ranked_rightly(positive, scores)
    covariance = np.atleast_2d(np.cov(of_positive)) / m + np.atleast_2d(np.cov(of_negative)) / n
    return Areas(of_positive.mean(axis=1), covariance)


def delong_of(units: Units) -> Areas | Undefined:
    """The area of two-class units whose patients each count once."""
    why = _why_not(units)
    if why is not None:
        return Undefined(why)
    positive, score = units.against_the_rest(1)
    return delong(positive, score[None])


def difference_estimate(
    first: Units, second: Units, *, value: float, reason: str | None, test_to_training: float = 0.0
) -> Estimate:
    """The difference of two AUROCs on the same units, in the same order, with a paired t interval by patient.

    `test_to_training` is the number of test patients of a fold divided by that of its training patients, 0 where no
    fold's model learnt from patients of another's test. The variance counts one and that share times: patients who are
    tested in one fold are learnt from in the others, so that their numbers vary together (docs/coverage.md).
    """
    patients = first.patient_count
    variance = (
        0.0
        if reason is not None
        else variance_by_patient(influence_on_auroc(first) - influence_on_auroc(second), first)
    )
    variance *= 1.0 + test_to_training
    if reason is None and variance <= 0.0:
        reason = "no interval: both rank all patients alike"
    if reason is not None:
        return Estimate(value=value, reason=reason, n=patients)
    low, high = t_interval(value, variance**0.5, degrees=min(patients_of_a_class(first)) - 1)
    return Estimate(value=value, low=max(low, -1.0), high=min(high, 1.0), n=patients)


def half_width(auroc: float, *, positives: int, negatives: int) -> float:
    """Half the 95 % interval that so many patients can give (Hanley and McNeil, Radiology 1982;143:29)."""
    one, two = auroc / (2.0 - auroc), 2.0 * auroc**2 / (1.0 + auroc)
    variance = auroc * (1.0 - auroc) + (positives - 1) * (one - auroc**2) + (negatives - 1) * (two - auroc**2)
    return float(norm.ppf(0.5 + CONFIDENCE / 2.0)) * float(np.sqrt(variance / (positives * negatives)))


def _ranked_rightly(
    positive: Bool[np.ndarray, " unit"], scores: Float[np.ndarray, "score unit"]
) -> tuple[Float[np.ndarray, "score positive"], Float[np.ndarray, "score negative"]]:
    """The share of negatives below each positive, and of positives above each negative."""
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores, axis=1)
    return (
        (ranks[:, positive] - rankdata(scores[:, positive], axis=1)) / n,
        1.0 - (ranks[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m,
    )


def influence_on_auroc(units: Units) -> Float[np.ndarray, " unit"]:
    """How much each unit moves the AUROC; its squares, summed by patient, add up to DeLong's variance."""
    patients, total = np.array(units.patients, dtype=str), np.zeros(len(units))
    judged = units.outcome.judged
    for index in judged:
        positive, score = units.against_the_rest(index)
        for members, rightly in zip((positive, ~positive), _ranked_rightly(positive, score[None]), strict=True):
            owners = len(np.unique(patients[members]))
            spread = np.sqrt(owners / (owners - 1)) if owners > 1 else 1.0
            total[members] += spread * (rightly[0] - rightly[0].mean()) / int(members.sum())
    return total / len(judged)


def variance_by_patient(influence: Float[np.ndarray, " unit"], units: Units) -> float:
    """DeLong's variance of the AUROC, with the units of a patient taken together; 0 where only rounding is left."""
    variance = float((summed_by_patient(influence, units.patients) ** 2).sum())
    return variance if variance > np.finfo("float64").eps ** 2 else 0.0


def _why_not(units: Units) -> str | None:
    if units.outcome.positive_class is None:
        return "more than two classes"
    if units.patient_count < len(units):
        return "a patient counts more than once, so the units are not independent"
    return None
