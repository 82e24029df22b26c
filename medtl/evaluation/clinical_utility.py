"""What goes beyond the metrics: calibration, use, comparison of decisions, subgroups.

In: patients' predictions and the declared settings. Out: an appraisal; each number is made from predictions.csv alone.
Recalibration, thresholds and conformal sets learn from each fold's validation rows only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from medtl.evaluation.appraisal import (
    Appraisal,
    ClassCalibration,
    DecisionComparison,
    ExpectedHalfWidth,
    ModelAppraisal,
)
from medtl.evaluation.brier_parts import brier_parts
from medtl.evaluation.calibration_line import calibration_line
from medtl.evaluation.conformal import conformal_of
from medtl.evaluation.delong import half_width
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.fold_decisions import DecidedFold, pooled_decisions
from medtl.evaluation.net_benefit import decision_curve
from medtl.evaluation.operating_points import PredictiveValues, Proportions, predictive_values, proportions, readings
from medtl.evaluation.paired_decisions import PairedDecisions, paired_decisions
from medtl.evaluation.recalibration import recalibrated
from medtl.evaluation.resampling import Resampling, resample_patients
from medtl.evaluation.settings import EvaluationSettings
from medtl.evaluation.smooth_calibration import smooth_error
from medtl.evaluation.subgroups import subgroups
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable

Whole = TypeVar("Whole")

TYPICAL_AUROCS = (0.7, 0.8, 0.9)
"""For which AUROCs the half-width that this number of patients can give is stated."""


def clinical_utility(
    patients: PredictionTable,
    decided: Mapping[str, Sequence[DecidedFold]],
    settings: EvaluationSettings,
    *,
    pairs: Sequence[tuple[str, str]],
    resamples: int,
    seed: int,
) -> Appraisal:
    """Calibration, use and subgroups of every model of a per-patient table, and the decisions of each pair.

    Args:
        patients: predictions with a row per patient.
        decided: each model's folds, decided by the settings' threshold rule.
        settings: what the study declares.
        pairs: (model, reference) whose decisions are compared.
        resamples: bootstrap resamples; 0 leaves out every interval.
        seed: the study's seed.
    """
    models = tuple(
        _of_model(patients.of(model=name), decided[name], settings, resamples=resamples, seed=seed)
        for name in patients.models
    )
    units = units_of(patients.of(model=patients.models[0], role="test"))
    counts = units.class_counts
    return Appraisal(
        settings=settings,
        models=models,
        decisions=tuple(
            DecisionComparison(
                model=name,
                reference=reference,
                decisions=compare_decisions(decided[name], decided[reference]),
            )
            for name, reference in pairs
        ),
        precision=tuple(
            ExpectedHalfWidth(
                auroc=value,
                half_width=half_width(value, positives=counts[1], negatives=counts[0]),
                positives=counts[1],
                negatives=counts[0],
            )
            for value in TYPICAL_AUROCS
            if units.outcome.positive_class is not None and min(counts) > 0
        ),
    )


def compare_decisions(first: Sequence[DecidedFold], second: Sequence[DecidedFold]) -> PairedDecisions:
    """Whom each of two models called rightly, on the patients both decided, each by its own folds' thresholds."""
    own, reference = _called_rightly(first), _called_rightly(second)
    if isinstance(own, Undefined):
        return PairedDecisions(patients=0, reason=own.reason)
    if isinstance(reference, Undefined):
        return PairedDecisions(patients=0, reason=reference.reason)
    shared = sorted(own.keys() & reference.keys())
    if not shared:
        return PairedDecisions(patients=0, reason="no patient was decided by both")
    return paired_decisions(
        np.array([own[name] for name in shared], dtype=bool), np.array([reference[name] for name in shared], dtype=bool)
    )


def _called_rightly(folds: Sequence[DecidedFold]) -> dict[str, bool] | Undefined:
    found: dict[str, bool] = {}
    for one in folds:
        if isinstance(one.decisions, Undefined):
            return Undefined(f"fold {one.fold}: {one.decisions.reason}")
        if found.keys() & set(one.units.ids):
            return Undefined("patients were decided more than once (repeats), and McNemar's test counts each once")
        right = (one.decisions.truth == one.decisions.called).tolist()
        found |= dict(zip(one.units.ids, right, strict=True))
    return found


def _of_model(
    table: PredictionTable,
    decided: Sequence[DecidedFold],
    settings: EvaluationSettings,
    *,
    resamples: int,
    seed: int,
) -> ModelAppraisal:
    test = table.of(role="test")
    units = units_of(test)
    resampling = resample_patients(units, resamples=resamples, seed=seed, scope="patient|pooled")
    decisions = pooled_decisions(decided)
    has_positive = units.outcome.positive_class is not None
    rescaled = recalibrated(table, method=settings.recalibration)
    rates = (
        proportions(decisions, reason=resampling.not_requested) if has_positive else Undefined("more than two classes")
    )
    sets = conformal_of(table, coverage=settings.coverage)
    reasons = {
        name: found.reason
        for name, found in (("mended", rescaled), ("proportions", rates), ("conformal", sets))
        if isinstance(found, Undefined)
    }
    if not has_positive:
        reasons["decision_curve"] = "more than two classes"
    return ModelAppraisal(
        model=table.models[0],
        calibration=_calibrations(units, reason=resampling.reason, seed=seed),
        recalibrated=None
        if isinstance(rescaled, Undefined)
        else _calibrations(rescaled, reason=resampling.reason, seed=seed),
        proportions=_whole(rates),
        predictive_values=_predictive(rates, resampling, settings) if has_positive else (),
        readings=readings(units, resampling, at_least=settings.fixed) if has_positive else (),
        decision_curve=decision_curve(units, resampling) if has_positive else None,
        conformal=_whole(sets),
        subgroups=subgroups(test, covariates=settings.subgroups, resamples=resamples, seed=seed),
        reasons=reasons,
    )


def _calibrations(units: Units, *, reason: str | None, seed: int) -> tuple[ClassCalibration, ...]:
    found = []
    for index in units.outcome.judged:
        positive, score = units.against_the_rest(index)
        whole = bool(positive.any()) and not bool(positive.all())
        found.append(
            ClassCalibration(
                of_class=units.classes[index],
                line=calibration_line(positive, score, units.patients, reason=reason),
                brier=brier_parts(positive, score) if whole else None,
                smooth=smooth_error(positive, score, seed=seed, scope=units.classes[index]) if whole else None,
            )
        )
    return tuple(found)


def _predictive(
    found: Proportions | Undefined, resampling: Resampling, settings: EvaluationSettings
) -> tuple[PredictiveValues, ...]:
    values: Sequence[PredictiveValues | Undefined] = [
        predictive_values(found, resampling, prevalence=share) for share in settings.prevalence
    ]
    return tuple(value for value in values if not isinstance(value, Undefined))


def _whole(found: Whole | Undefined) -> Whole | None:
    return None if isinstance(found, Undefined) else found
