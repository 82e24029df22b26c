"""From images to patients: one row per patient, since the patient is the unit.

In: a table of predictions per image. Out: a table of the same kind whose cases are patients.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from medtl.outcomes import PROBABILITY
from medtl.predictions.table import PredictionTable


def per_patient(table: PredictionTable) -> PredictionTable:
    """The mean probability over each patient's images, per model, fold and role.

    `case_id` becomes the patient's id. A patient whose images carry several labels counts once per label, from the
    images with that label, and is called `<patient> [<label>]`; `patient_id` stays the same, so that the two are still
    drawn together when patients are resampled. With repeats a patient has one row per repeat's fold. A covariate
    stays where all images agree and is empty where they differ. Rows are in order of first appearance.
    """
    if not len(table):
        return table
    keys = ["model", "fold", "role", "patient_id", "truth"]
    groups = table.rows.groupby(keys, sort=False)
    means = _means(table, groups.ngroup().to_numpy())
    patients = groups.size().reset_index()[keys]
    for index, name in enumerate(table.classes):
        patients[PROBABILITY + name] = means[:, index]
    for name in table.covariates:
        patients[name] = groups[name].first().where(_agreeing(table.rows, keys, name)).to_numpy()
    several = set(patients_with_several_labels(table))
    patients["case_id"] = [
        f"{patient} [{truth}]" if patient in several else patient
        for patient, truth in zip(patients["patient_id"], patients["truth"], strict=True)
    ]
    return PredictionTable(patients)


def patients_with_several_labels(table: PredictionTable) -> tuple[str, ...]:
    """The patients whose images carry more than one label, in order of appearance; the report notes them."""
    pairs = table.rows[["patient_id", "truth"]].drop_duplicates()
    return tuple(dict.fromkeys(pairs.loc[pairs.duplicated("patient_id"), "patient_id"]))


def _means(table: PredictionTable, group: Int[np.ndarray, " row"]) -> Float[np.ndarray, "group class"]:
    # Summed in the order of case ids, so that the last bit does not depend on the order of rows or on other patients.
    order = np.argsort(table.rows["case_id"].to_numpy(dtype=str), kind="stable")
    probabilities = table.probabilities[order]
    sums = [np.bincount(group[order], weights=probabilities[:, index]) for index in range(probabilities.shape[1])]
    means = np.stack(sums, axis=1) / np.bincount(group)[:, None]
    return np.clip(means, 0.0, 1.0)


def _agreeing(rows: pd.DataFrame, keys: list[str], name: str) -> pd.Series:
    groups = rows.groupby(keys, sort=False)[name]
    return (groups.nunique(dropna=False) == 1) & (groups.count() > 0)
