"""A table of predictions as the rooms of the pages want it: a run of which nothing is known but what it said.

In: predictions of any tool and how they are to be judged. Out: a `Run` without encoder, settings or histories.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pandas as pd

from medtl import environment
from medtl.evaluation import EvaluationSettings
from medtl.predictions import PredictionTable
from medtl.record.fold import FoldRecord
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.record.study import DeclaredStudy


def as_run(
    table: PredictionTable,
    *,
    folder: Path,
    name: str,
    settings: EvaluationSettings,
    resamples: int,
    seed: int,
    fingerprint: str,
) -> Run:
    """The table as a finished run; `folder` is where its pages will lie."""
    test = table.of(role="test")
    cases = _cases(test)
    return Run(
        folder=folder,
        study=DeclaredStudy(
            name=name,
            resamples=resamples,
            evaluation=settings,
            folds=None,
            preparation=None,
            encoder=None,
            adaptation=None,
            recipe=None,
            explanation=None,
            saliency=None,
        ),
        cohort=StudiedCohort(
            files=len(cases),
            cases=len(cases),
            patients=int(cases["patient_id"].nunique()),
            classes=table.classes,
            positive_class=table.positive_class,
            covariates=table.covariates,
        ),
        provenance=Provenance(
            fingerprint=fingerprint, seed=seed, versions=environment.versions(), **environment.machine()
        ),
        locked_cases=cases,
        fold_table=_fold_table(table),
        exclusions=pd.DataFrame(columns=["case_id", "reason", "detail"]),
        predictions=table,
        folds=tuple(FoldRecord(fold=fold, history=None, probe=None, saliency=()) for fold in test.folds),
        planned_folds=test.folds,
    )


def patients_over_folds(table: PredictionTable) -> tuple[str, ...]:
    """Patients with a case tested in a fold in which another case of theirs was not: somebody learned from that one.

    With repeats a case is tested once in each, so what counts is that the folds differ among a patient's cases.
    """
    test = table.of(role="test")
    found: dict[str, None] = {}
    for model in test.models:
        rows = test.of(model=model).rows[["patient_id", "case_id", "fold"]]
        folds_of: dict[tuple[str, str], set[int]] = defaultdict(set)
        for patient, case, fold in rows.itertuples(index=False):
            folds_of[patient, case].add(fold)
        of_patient: dict[str, set[frozenset[int]]] = defaultdict(set)
        for (patient, _), folds in folds_of.items():
            of_patient[patient].add(frozenset(folds))
        found |= dict.fromkeys(patient for patient, folds in of_patient.items() if len(folds) > 1)
    return tuple(found)


def _cases(test: PredictionTable) -> pd.DataFrame:
    once = test.rows.drop_duplicates("case_id").rename(columns={"truth": "label"})
    return once[["case_id", "patient_id", "label", *test.covariates]].reset_index(drop=True)


def _fold_table(table: PredictionTable) -> pd.DataFrame:
    rows = table.rows.drop_duplicates(["case_id", "fold", "role"]).rename(columns={"truth": "label"})
    return rows[["case_id", "patient_id", "label", "fold", "role"]].reset_index(drop=True)
