"""Models of several tables on the cases that all of them were tested on.

In: one model's rows from each table. Out: a single table with the cases in common, and what was left out for it.
Folds keep their numbers where all tables share them; else each table gets numbers of its own, so that no fold of one
is taken for a fold of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from medtl.errors import DataRefused
from medtl.outcomes import PROBABILITY
from medtl.predictions.faults import NAMED_AT_MOST
from medtl.predictions.table import PredictionTable

OWN_FOLDS = 10_000
"""Distance between the fold numbers of tables that were split differently; a run has far fewer folds."""


@dataclass(frozen=True)
class CommonCases:
    """`table` holds every model by its new name. `left_out` counts, model by model, the test cases that not all have.

    `is_same_split` says whether each case in common was tested in the same folds everywhere.
    """

    table: PredictionTable
    cases: int
    patients: int
    left_out: tuple[int, ...]
    is_same_split: bool


def on_common_cases(models: Sequence[tuple[str, PredictionTable]]) -> CommonCases:
    """Put (name, rows of one model) together; class order and covariates' values are those of the first.

    Raises:
        DataRefused: classes differ, no test case is in common, or a case has another truth or another patient.
    """
    first = models[0][1]
    _must_agree(models)
    tested = [set(table.of(role="test").rows["case_id"]) for _, table in models]
    shared = set.intersection(*tested)
    if not shared:
        counts = ", ".join(f"{name} {len(own):,}" for (name, _), own in zip(models, tested, strict=True))
        raise DataRefused(
            f"Models can be compared on the same cases only, and no case_id was tested by all: {counts} test cases. "
            "Compare runs of one cohort whose manifests call the cases alike."
        )
    splits = [_folds_of(table, shared) for _, table in models]
    is_same = all(split == splits[0] for split in splits)
    covariates = [name for name in first.covariates if all(name in table.covariates for _, table in models)]
    columns = ["case_id", "patient_id", "fold", "role", "model", "truth"]
    columns += [PROBABILITY + name for name in first.classes] + covariates
    parts = []
    for index, (name, table) in enumerate(models):
        rows = table.rows[(table.rows["role"] == "validation") | table.rows["case_id"].isin(shared)]
        fold = rows["fold"] if is_same else rows["fold"] + OWN_FOLDS * index
        parts.append(rows.assign(model=name, fold=fold)[columns].astype(object))
    together = PredictionTable(pd.concat(parts, ignore_index=True))
    return CommonCases(
        table=together,
        cases=len(shared),
        patients=together.of(role="test").rows["patient_id"].nunique(),
        left_out=tuple(len(own) - len(shared) for own in tested),
        is_same_split=is_same,
    )


def _folds_of(table: PredictionTable, cases: set[str]) -> dict[str, frozenset[int]]:
    rows = table.of(role="test").rows[["case_id", "fold"]]
    kept = rows[rows["case_id"].isin(cases)]
    return {str(case): frozenset(found) for case, found in kept.groupby("case_id")["fold"]}


def _must_agree(models: Sequence[tuple[str, PredictionTable]]) -> None:
    (first_name, first), faults = models[0], []
    known = _identities(first)
    for name, table in models[1:]:
        if set(table.classes) != set(first.classes):
            faults.append(
                f"{name} has the classes {', '.join(table.classes)}, {first_name} has {', '.join(first.classes)}"
            )
            continue
        for what, index in (("truth", 1), ("patient_id", 0)):
            own = _identities(table)
            other = sorted(case for case in known.keys() & own.keys() if known[case][index] != own[case][index])
            if other:
                named = ", ".join(other[:NAMED_AT_MOST])
                more = f" and {len(other) - NAMED_AT_MOST} more" if len(other) > NAMED_AT_MOST else ""
                faults.append(f"{name} gives another {what} than {first_name} to case {named}{more}")
    if faults:
        raise DataRefused(
            "These predictions are not about the same question:\n"
            + "\n".join(f"  - {fault}" for fault in faults)
            + "\nCompare models of the same cases with the same reference standard; nothing was written.",
            faults=tuple(faults),
        )


def _identities(table: PredictionTable) -> dict[str, tuple[str, str]]:
    once = table.of(role="test").rows.drop_duplicates("case_id")
    return {
        str(case): (str(patient), str(truth))
        for case, patient, truth in once[["case_id", "patient_id", "truth"]].itertuples(index=False)
    }
