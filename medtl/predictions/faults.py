"""Faults of predictions, each as one sentence that names the cases.

In: rows in the house's types and the classes. Out: the sentences; none means that the rows may be judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from medtl.outcomes import PROBABILITY
from medtl.predictions.columns import TEXT, covariates_among

SUM_TOLERANCE = 1e-4
"""How far a row's probabilities may sum from 1: float32 softmax over 1,000 classes strays less than 1e-4."""

NAMED_AT_MOST = 8
"""Cases named in one sentence; the rest are counted."""

KEY = ["case_id", "fold", "role", "model"]


def faults_of(rows: pd.DataFrame, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Every fault as a sentence: of names, probabilities, truths, identities, then covariates."""
    faults = [*_names(rows, classes), *_probabilities(rows, classes), *_truths(rows, classes), *_identities(rows)]
    return tuple(faults) + tuple(_infinite_covariates(rows))


def _names(rows: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[str]:
    for column in TEXT:
        cells = rows[column]
        empty = [number for number, cell in enumerate(cells, start=1) if cell is None or not cell.strip()]
        if empty:
            yield f"{column} is empty in row {_listed(empty)}"
        odd = {cell for cell in cells if cell is not None and not cell.isprintable()}
        if odd:
            yield f"{column} has unprintable characters: {_listed(sorted(repr(cell) for cell in odd))}"
    if any(not name.strip() or not name.isprintable() for name in classes):
        yield f"a class has an empty or unprintable name: {', '.join(repr(name) for name in classes)}"
    roles = {cell for cell in rows["role"] if cell not in ("validation", "test", None)}
    if roles:
        yield f"role must be validation or test, got {_listed(sorted(roles))}"


def _probabilities(rows: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[str]:
    probabilities = rows[[PROBABILITY + name for name in classes]].to_numpy(dtype="float64")
    finite = np.isfinite(probabilities).all(axis=1)
    if not finite.all():
        yield f"probabilities that are not finite (NaN or infinity): {_cases(rows[~finite])}"
    outside = finite & ((probabilities < 0.0) | (probabilities > 1.0)).any(axis=1)
    if outside.any():
        yield f"probabilities outside [0, 1]: {_cases(rows[outside])}"
    total = np.where(finite, probabilities.sum(axis=1, where=np.isfinite(probabilities)), 1.0)
    off = finite & ~outside & (np.abs(total - 1.0) > SUM_TOLERANCE)
    if off.any():
        yield (
            f"probabilities that do not sum to 1 over the classes {', '.join(classes)} (every column beginning with "
            f"p_ counts as a class): {_cases(rows[off])}, first sum {total[off][0]:.6g}"
        )


def _truths(rows: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[str]:
    unknown = ~rows["truth"].isin([*classes, None])
    if unknown.any():
        labels = ", ".join(repr(label) for label in dict.fromkeys(rows.loc[unknown, "truth"]))
        yield f"truth {labels} is none of the classes {', '.join(classes)}: {_cases(rows[unknown])}"
    torn = _with_several(rows, "case_id", "truth")
    if torn:
        yield f"cases with two truths: {_listed(torn)}"


def _identities(rows: pd.DataFrame) -> Iterator[str]:
    twice = rows.duplicated(KEY)
    if twice.any():
        yield f"the same case, fold, role and model more than once: {_cases(rows[twice])}"
    moved = _with_several(rows, "case_id", "patient_id")
    if moved:
        yield f"cases that belong to two patients: {_listed(moved)}"
    sides = rows[["patient_id", "fold", "role"]].drop_duplicates()
    both = sides[sides.duplicated(["patient_id", "fold"])]
    if len(both):
        named = [f"{patient} (fold {fold})" for patient, fold in zip(both["patient_id"], both["fold"], strict=True)]
        yield f"patients in both validation and test of one fold: {_listed(named)}"


def _infinite_covariates(rows: pd.DataFrame) -> Iterator[str]:
    for name in covariates_among(rows.columns):
        if rows[name].dtype == np.float64:
            infinite = np.isinf(rows[name].to_numpy())
            if infinite.any():
                yield f"covariate {name} is infinite: {_cases(rows[infinite])}"


def _with_several(rows: pd.DataFrame, owner: str, value: str) -> list[str]:
    pairs = rows[[owner, value]].drop_duplicates()
    return list(dict.fromkeys(pairs.loc[pairs.duplicated(owner), owner]))


def _cases(rows: pd.DataFrame) -> str:
    return "case " + _listed(dict.fromkeys(rows["case_id"]))


def _listed(names: Iterable[object]) -> str:
    all_names = [str(name) for name in names]
    more = len(all_names) - NAMED_AT_MOST
    return ", ".join(all_names[:NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
