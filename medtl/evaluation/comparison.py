"""Two models on the same patients.

In: per-patient tables of a model and a reference. Out: their AUROC difference with a paired interval, and over folds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from medtl.audit.multiplicity import holm
from medtl.evaluation.across_folds import compare_over_folds
from medtl.evaluation.clusters import patients_of_a_class
from medtl.evaluation.delong import difference_estimate
from medtl.evaluation.estimate import CONFIDENCE, Estimate, Undefined
from medtl.evaluation.metrics.auroc import auroc
from medtl.evaluation.resampling import why_no_interval
from medtl.evaluation.study_metrics import Comparison
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable


def compare_models(patients: PredictionTable, *, model: str, reference: str, resamples: int, seed: int) -> Comparison:
    """AUROC of the model minus the reference's, on the patients that both were tested on.

    Pooled out of fold with DeLong's paired interval by patient, widened for the training patients that folds share; and
    over the folds, with the wins and the Nadeau-Bengio correction.
    """
    test = patients.of(role="test")
    first, second = in_common(units_of(test.of(model=model)), units_of(test.of(model=reference)))
    differences = [
        auroc_difference(
            *in_common(
                units_of(test.of(model=model, fold=fold)),
                units_of(test.of(model=reference, fold=fold)),
            )
        )
        for fold in test.folds
    ]
    ratio = ratio_of_tested_to_trained(patients)
    shared = (1.0 if ratio is None else ratio) if len(test.folds) > 1 else 0.0
    return Comparison(
        model=model,
        reference=reference,
        difference=paired_difference(first, second, resamples=resamples, seed=seed, test_to_training=shared),
        over_folds=compare_over_folds(
            [None if isinstance(difference, Undefined) else difference for difference in differences],
            test_to_training=ratio,
        ),
    )


def compare_pairs(
    patients: PredictionTable, pairs: Sequence[tuple[str, str]], *, resamples: int, seed: int
) -> tuple[Comparison, ...]:
    """Each pair (model, reference) as `compare_models` does, with p values over folds corrected for their number."""
    found = [
        compare_models(patients, model=model, reference=reference, resamples=resamples, seed=seed)
        for model, reference in pairs
    ]
    adjusted = iter(holm([one.over_folds.p_value for one in found if one.over_folds.p_value is not None]))
    return tuple(
        one if one.over_folds.p_value is None else one.model_copy(update={"adjusted": next(adjusted)}) for one in found
    )


def adjusted_for_number(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The p values after Holm's correction for as many as there are; None stays None and does not count."""
    corrected = iter(holm([value for value in p_values if value is not None]))
    return tuple(None if value is None else next(corrected) for value in p_values)


def paired_difference(
    first: Units, second: Units, *, resamples: int, seed: int, test_to_training: float = 0.0
) -> Estimate:
    """AUROC of the first minus the second, both on the same units.

    The interval is DeLong's paired one by patient, widened where folds share their training patients
    (`difference_estimate`).
    """
    value = auroc_difference(first, second)
    if isinstance(value, Undefined):
        return Estimate(value=None, reason=value.reason, n=first.patient_count)
    reason = why_no_interval(first, resamples=resamples)
    return difference_estimate(first, second, value=value, reason=reason, test_to_training=test_to_training)


def difference_p_value(found: Estimate, units: Units) -> float | None:
    """The two-sided p value of no difference, below 0.05 exactly where the interval of `found` leaves out zero.

    `units` are those of either model. None where there is no interval.
    """
    if found.value is None or found.low is None or found.high is None:
        return None
    degrees = max(min(patients_of_a_class(units)) - 1, 1)
    half = max(found.value - found.low, found.high - found.value)  # one end may be cut at -1 or 1
    error = half / float(student.ppf(0.5 + CONFIDENCE / 2.0, degrees))
    return float(2.0 * student.sf(abs(found.value) / error, degrees))


def auroc_difference(first: Units, second: Units) -> float | Undefined:
    """AUROC of the first minus the second."""
    areas = auroc(first), auroc(second)
    if isinstance(areas[0], Undefined):
        return areas[0]
    return areas[1] if isinstance(areas[1], Undefined) else areas[0] - areas[1]


def in_common(first: Units, second: Units) -> tuple[Units, Units]:
    """The units that both have, in the same order."""
    shared = np.intersect1d(np.array(first.ids, dtype=str), np.array(second.ids, dtype=str))
    return (
        first.among(np.isin(np.array(first.ids, dtype=str), shared)),
        second.among(np.isin(np.array(second.ids, dtype=str), shared)),
    )


def ratio_of_tested_to_trained(patients: PredictionTable) -> float | None:
    """Test patients divided by training patients, the mean over folds, or None when nobody is left to train on.

    The table holds no training rows: in each fold, training patients are those tested in other folds and not used for
    validation here.
    """
    tested = {
        fold: set(patients.of(role="test", fold=fold).rows["patient_id"]) for fold in patients.of(role="test").folds
    }
    everyone = set().union(*tested.values()) if tested else set()
    ratios = []
    for fold, here in tested.items():
        training = everyone - here - set(patients.of(role="validation", fold=fold).rows["patient_id"])
        if not training:
            return None
        ratios.append(len(here) / len(training))
    return float(np.mean(ratios)) if ratios else None
