"""The control that sees no scan: how well properties of case and file alone predict the label.

In: properties as numbers, labels, patients. Out: an AUROC with the patient bootstrap of every other model. It has to be
near 0.5; where it is not, whatever a model of the scans reaches up to this number needs no disease. Where a class has
too few patients for an interval, labels permuted between patients of a fold say whether it is more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from medtl.cohort import Cohort
from medtl.controls.permuted_labels import Side, permuted_in
from medtl.evaluation import Estimate, evaluate_fold
from medtl.findings import Finding, reassurance
from medtl.predictions import PredictionTable
from medtl.record.controls import BlindAuroc

FOLDS = 5
RESAMPLES = 500
"""Each tail of 2.5 % then rests on 12 draws: enough to distinguish 0.5 from not 0.5."""

DRAWS = 500
"""Permutations of the labels where there is no interval; 12 of them may reach the observed AUROC at the level below."""

MODEL = "metadata_only"


def blind_auroc(
    features: Float[np.ndarray, "case column"],
    cohort: Cohort,
    *,
    names: tuple[str, ...],
    groups: Sequence[str],
    seed: int,
    resamples: int = RESAMPLES,
) -> BlindAuroc:
    """Logistic regression on standardised features, in folds by group, judged as every model is.

    Args:
        features: (case, column), in cohort order.
        cohort: the cases.
        names: of the properties that became the columns.
        groups: the fold group of each case; no group stands on both sides.
        seed: of the folds and the bootstrap.
        resamples: draws of patients with replacement.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = cohort.outcome.targets(case.label for case in cohort.cases)
    fewest = min(
        len({g for g, own in zip(groups, labels, strict=True) if own == k}) for k in range(cohort.outcome.head_width)
    )
    reason = None
    if not features.size:
        reason = "every property is the same in all cases"
    elif fewest < FOLDS:
        reason = f"the smallest class has {fewest} patients, fewer than {FOLDS} folds"
    if reason is not None:
        patients = len({case.patient_id for case in cohort.cases})
        return BlindAuroc(properties=names, auroc=Estimate(value=None, reason=reason, n=patients))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    folds = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed % 2**32)
    scores = cross_val_predict(model, features, labels, groups=groups, cv=folds, method="predict_proba")
    predictions = PredictionTable.of_cases(
        cohort.cases, scores, classes=cohort.classes, fold=0, role="test", model=MODEL
    )
    (judged,) = evaluate_fold(predictions, 0, resamples=resamples, seed=seed).models
    found = judged.patient.metrics.primary
    if found.value is None or found.low is not None:
        return BlindAuroc(properties=names, auroc=found)
    # scores of the five models depend on each other: a rank test of them alone is too sure (7 % at a level of 2.5 %)
    sides = [Side(training, test) for training, test in folds.split(features, labels, groups)]
    null = permuted_in(sides, features, cohort, groups=groups, draws=DRAWS, seed=seed)
    return BlindAuroc(properties=names, auroc=found, p_value=None if isinstance(null, str) else null.p_value)


def blind_findings(blind: BlindAuroc) -> tuple[Finding, ...]:
    """What the control found; where it is suspicious, the study page asks about it beside the AUROC with the scans."""
    kind = "metadata only"
    if not blind.properties:
        same = "Covariates, image size, file type and spacing are the same in all cases: they cannot give the label."
        return (reassurance(kind, same),)
    found, what = blind.auroc, ", ".join(blind.properties)
    if found.value is None:
        return (
            _not_known(
                f"How well the label can be predicted without looking at the scans is not known: {found.reason}."
            ),
        )
    interval = f" (95 % CI {found.low:.3f}-{found.high:.3f})" if found.low is not None else ""
    if not interval:
        tested = "" if blind.p_value is None else f"; p = {blind.p_value:.3f} by permuted labels"
        interval = f" ({found.reason}{tested})"
    number = f"AUROC {found.value:.3f}{interval}"
    if blind.is_suspicious:
        return (
            Finding(
                kind,
                f"The label can be predicted without looking at the scans: {number}, out of fold, from {what} alone. "
                "A model of the scans has to exceed this clearly before it says anything about the disease.",
                advice="",
                question="",
            ),
        )
    if found.low is None:
        return (
            _not_known(
                f"From {what} alone: {number}, out of fold. These are too few patients to say more: whether the label "
                "can be predicted without looking at the scans is not known."
            ),
        )
    return (reassurance(kind, f"From {what} alone the label can hardly be predicted: {number}, out of fold."),)


def _not_known(title: str) -> Finding:
    return Finding(
        "metadata only",
        title,
        question="Was a model without the scans tried?",
        advice="Add patients, so that this control can be judged.",
    )
