"""A control evaluated as the probe is: fitted on each fold's training cases, tested on its test cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from medtl.cohort import Cohort
from medtl.evaluation import Estimate, evaluate
from medtl.folds import FoldTable
from medtl.predictions import PredictionTable, concatenate

RESAMPLES = 500
"""Each tail of 2.5 % then rests on 12 draws: enough to distinguish 0.5 from not 0.5."""

Features = Float[np.ndarray, "case feature"]
Labels = Int[np.ndarray, "case"]
Fit = Callable[[Features, Labels, tuple[int, ...], Features], Float[np.ndarray, "test class"]]
"""Fit and predict: training features, their labels, their indices in the cohort, test features -> probabilities."""


def first_repeat(folds: FoldTable) -> tuple[int, ...]:
    """The folds of the first repeat: every case is tested at most once in them."""
    rows = folds.rows
    return tuple(sorted({int(fold) for fold in rows.loc[rows["repeat"] == 0, "fold"]}))


def predict_in_folds(features: Features, cohort: Cohort, folds: FoldTable, *, fit: Fit, model: str) -> PredictionTable:
    """Predict every test case of the first repeat with a control that is fitted fold by fold.

    Args:
        features: in cohort order.
        cohort: the cases.
        folds: the study's folds.
        fit: fits the control on training features and returns probabilities of test features.
        model: name of the control in the predictions.
    """
    indices = {case.case_id: index for index, case in enumerate(cohort.cases)}
    labels = cohort.outcome.targets(case.label for case in cohort.cases)
    tables = []
    for fold in first_repeat(folds):
        split = folds.split(fold)
        training, test = ([indices[case] for case in side] for side in (split.training, split.test))
        values = fit(features[training], labels[training], tuple(training), features[test])
        cases = [cohort.cases[index] for index in test]
        tables.append(
            PredictionTable.of_cases(cases, values, classes=cohort.classes, fold=fold, role="test", model=model)
        )
    return concatenate(tables)


def auroc_of(predictions: PredictionTable, *, seed: int) -> Estimate:
    """The out-of-fold AUROC by patient with the interval that every model has."""
    (judged,) = evaluate(predictions, resamples=RESAMPLES, seed=seed).models
    return judged.patient.pooled.metrics.primary


def plain_logistic(
    features: Features, labels: Labels, _indices: tuple[int, ...], test_features: Features
) -> np.ndarray:
    """Logistic regression on standardised features at scikit-learn's strength: enough for some grey values."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return np.asarray(model.fit(features, labels).predict_proba(test_features))
