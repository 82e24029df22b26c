"""What a unit is worth when patients, and not images, were drawn.

In: a number per unit and the patient whom each belongs to. Out: variances and effective numbers of units; and whether
there are patients enough for an interval at all.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from medtl.evaluation.units import Units

FEWEST_OF_A_CLASS = 10
"""Patients a class needs for an interval of anything that both classes enter; with fewer no method that was tried
covers what it promises in every case (docs/coverage.md)."""

FEWEST_FOR_THE_MIX = 60
"""Patients needed for the interval of average precision, Brier score and log loss, which depend on the mix of classes
and on the sizes of the probabilities."""


def patients_of_a_class(units: Units) -> tuple[int, ...]:
    """Patients with a unit of each class, in class order; one with units of two classes counts in both."""
    pairs = set(zip(units.truth.tolist(), units.patients, strict=True))
    counts = np.bincount([truth for truth, _ in pairs], minlength=len(units.classes))
    return tuple(int(count) for count in counts)


def too_few(units: Units, *, for_the_mix: bool = False) -> str | None:
    """Why there is no interval, or None where there are patients enough."""
    counts = patients_of_a_class(units)
    fewest = int(np.argmin(counts))
    if counts[fewest] < FEWEST_OF_A_CLASS:
        return (
            f"no interval: {_patients(counts[fewest])} of {units.classes[fewest]}, and with fewer than "
            f"{FEWEST_OF_A_CLASS} patients in a class none is reliable"
        )
    if for_the_mix and units.patient_count < FEWEST_FOR_THE_MIX:
        return (
            f"no interval: {_patients(units.patient_count)}, and with fewer than {FEWEST_FOR_THE_MIX} none is reliable"
        )
    return None


def summed_by_patient(values: Float[np.ndarray, " unit"], patients: tuple[str, ...]) -> Float[np.ndarray, " patient"]:
    """The sum over each patient's units."""
    owner = np.unique(np.array(patients, dtype=str), return_inverse=True)[1]
    return np.bincount(owner, weights=values)


def variance_of_mean(values: Float[np.ndarray, " unit"], patients: tuple[str, ...]) -> float:
    """The variance of the mean over units when patients were drawn (a ratio of sums; Cochran 1977, 6.4)."""
    sums = summed_by_patient(values - values.mean(), patients)
    count = len(sums)
    return float((sums**2).sum()) / len(values) ** 2 * count / (count - 1) if count > 1 else 0.0


def effective_trials(right: Bool[np.ndarray, " unit"], patients: tuple[str, ...]) -> float:
    """How many independent units a share over these is worth.

    All of them where each patient has one, else between the number of patients and that of units (Korn and Graubard,
    Survey Methodology 1998;24:193).
    """
    units, owners = len(right), len(set(patients))
    share = float(right.mean())
    if owners == units or not 0.0 < share < 1.0:
        return float(owners)
    variance = variance_of_mean(right.astype("float64"), patients)
    return float(np.clip(share * (1.0 - share) / variance, 1.0, units)) if variance > 0.0 else float(owners)


def _patients(count: int) -> str:
    return f"{count} patient{'' if count == 1 else 's'}"
