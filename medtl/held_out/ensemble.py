"""Predictions of a finished run for held-out cases: the mean over the networks of its folds, and their evaluation.

In: each fold's predictions of the held-out cases, and the out-of-fold predictions of the study. Out: one table with a
single fold, whose test rows are the held-out cases and whose validation rows are the study's own out-of-fold
predictions: thresholds, recalibration and prediction sets are chosen there, never on the held-out cases.
"""

from __future__ import annotations

import pandas as pd

from medtl.predictions import PredictionTable, concatenate

FOLD = 0
"""The one fold of a table of held-out cases."""

KEYS = ["model", "case_id"]


def averaged(members: PredictionTable) -> PredictionTable:
    """The mean probability over the folds (and repeats) of each case by each model, as test rows of one fold."""
    return _averaged(members, role="test")


def joined_with_development(ensemble: PredictionTable, *, out_of_fold: PredictionTable) -> PredictionTable:
    """The held-out cases to be judged, and the study's out-of-fold predictions to choose thresholds on.

    Covariates that one of the two lacks are left away, since a table has the same for all.
    """
    development = _averaged(out_of_fold.of(role="test"), role="validation")
    shared = [name for name in ensemble.covariates if name in development.covariates]
    return concatenate([_with_covariates(table, shared) for table in (ensemble, development)])


def _averaged(table: PredictionTable, *, role: str) -> PredictionTable:
    probabilities = list(table.outcome.columns)
    groups = table.rows.groupby(KEYS, sort=False)
    first = groups.first(skipna=False) if len(table) else groups.first()
    first[probabilities] = groups[probabilities].mean()
    rows = first.reset_index().assign(fold=FOLD, role=role)
    # a mean of rows that each sum to one may miss it in the last bit
    rows[probabilities] = rows[probabilities].div(rows[probabilities].sum(axis=1), axis=0)
    return PredictionTable(rows[list(table.rows.columns)])


def _with_covariates(table: PredictionTable, shared: list[str]) -> PredictionTable:
    columns = [name for name in table.rows.columns if name not in table.covariates]
    return PredictionTable(pd.DataFrame(table.rows[[*columns, *shared]]))
