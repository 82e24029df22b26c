"""All pairs of candidates on the same patients, with p values corrected for the number of pairs.

In: the predictions of every candidate. Out: differences in AUROC, the better one first. All pairs are corrected for,
not only those with the best, since which one is the best was found on the same patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from medtl.evaluation.comparison import adjusted_for_number, compare_models, difference_p_value
from medtl.evaluation.units import units_of
from medtl.predictions import PredictionTable, per_patient
from medtl.record.sources import SourcePair

RESAMPLES = 100
"""The interval is DeLong's and rests on none; zero would leave it out."""


def compare_sources(table: PredictionTable, names: Sequence[str], *, seed: int) -> tuple[SourcePair, ...]:
    """Every pair of these models; Holm's correction is over all pairs that have an interval."""
    patients = per_patient(table)
    pairs = [_pair(patients, one, other, seed=seed) for one, other in combinations(names, 2)]
    adjusted = adjusted_for_number([pair.p_value for pair in pairs])
    return tuple(pair.model_copy(update={"adjusted": value}) for pair, value in zip(pairs, adjusted, strict=True))


def _pair(patients: PredictionTable, one: str, other: str, *, seed: int) -> SourcePair:
    found = compare_models(patients, model=one, reference=other, resamples=RESAMPLES, seed=seed)
    if found.difference.value is not None and found.difference.value < 0.0:
        found = compare_models(patients, model=other, reference=one, resamples=RESAMPLES, seed=seed)
    units = units_of(patients.of(model=found.model, role="test"))
    return SourcePair(
        model=found.model,
        reference=found.reference,
        value=found.difference.value,
        low=found.difference.low,
        high=found.difference.high,
        reason=found.difference.reason,
        p_value=difference_p_value(found.difference, units),
        adjusted=None,
        wins=found.over_folds.wins,
        folds=found.over_folds.folds,
    )
