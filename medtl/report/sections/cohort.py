"""Who was studied, in counts: the flow from files to patients, and patients by class and covariate.

In: a run folder. Out: frozen rows for the tables. A patient with two labels counts once per label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.html.numbers import percent

COVARIATE_NAMES = {"site": "Site", "sex": "Sex", "age_years": "Age (years)"}
"""The covariates of the manifest's contract; further ones keep their column's name."""

MOST_LEVELS = 8
"""A text covariate with more levels is no group; the rest are counted as others."""

MOST_COVARIATES = 6
MOST_REASONS = 8


@dataclass(frozen=True)
class Reason:
    """How many cases were left out for a reason, and one example's words."""

    reason: str
    cases: int
    example: str


@dataclass(frozen=True)
class Flow:
    """From files to patients. `by_class` are (class, patients, cases)."""

    files: int
    reasons: tuple[Reason, ...]
    excluded: int
    cases: int
    patients: int
    by_class: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class CohortRow:
    """A row of the table: `cells` has one text per class, then one for all. `level` is 0 for a heading."""

    name: str
    cells: tuple[str, ...]
    level: int


def flow_of(run: Run) -> Flow:
    """The flow of cases into the study."""
    groups = run.exclusions.groupby("reason", sort=False) if len(run.exclusions) else ()
    reasons = [Reason(str(reason).replace("_", " "), len(rows), _first_text(rows["detail"])) for reason, rows in groups]
    reasons.sort(key=lambda reason: (-reason.cases, reason.reason))
    cases = run.locked_cases
    return Flow(
        files=run.cohort.files,
        reasons=tuple(reasons[:MOST_REASONS]),
        excluded=len(run.exclusions),
        cases=len(cases),
        patients=int(cases["patient_id"].nunique()),
        by_class=tuple(
            (label, int(of_class["patient_id"].nunique()), len(of_class))
            for label in run.classes
            for of_class in [cases[cases["label"] == label]]
        ),
    )


def cohort_rows(locked_cases: pd.DataFrame, classes: tuple[str, ...], cohort: StudiedCohort) -> tuple[CohortRow, ...]:
    """Patients and cases by class, then each covariate by class."""
    cases = locked_cases
    groups = [cases[cases["label"] == label] for label in classes]
    groups.append(cases)
    patients = [group.drop_duplicates("patient_id") for group in groups]
    rows = [
        CohortRow("Patients", tuple(f"{len(group):,}" for group in patients), 0),
        CohortRow("Cases (images)", tuple(f"{len(group):,}" for group in groups), 0),
    ]
    known = [name for name in cohort.covariates if name in cases.columns]
    for name in known[:MOST_COVARIATES]:
        column = cases[name]
        title = COVARIATE_NAMES.get(name, name)
        if pd.api.types.is_numeric_dtype(column) and column.notna().any():
            rows.append(CohortRow(f"{title}, median (quartiles)", tuple(_quartiles(g[name]) for g in patients), 0))
        else:
            rows.extend(_levels(name, title, patients))
        missing = [int(_is_missing(group[name]).sum()) for group in patients]
        if missing[-1]:
            rows.append(CohortRow("not stated", tuple(f"{number:,}" for number in missing), 1))
    return tuple(rows)


def _levels(name: str, title: str, patients: Sequence[pd.DataFrame]) -> list[CohortRow]:
    counts = patients[-1][name].value_counts()
    levels = sorted(counts.index[:MOST_LEVELS], key=lambda level: (-int(counts[level]), str(level)))
    rows = [CohortRow(title, tuple("" for _ in patients), 0)]
    for level in levels:
        rows.append(CohortRow(str(level), tuple(_share(g[name] == level, g[name]) for g in patients), 1))
    if len(counts) > MOST_LEVELS:
        others = [~group[name].isin(levels) & ~_is_missing(group[name]) for group in patients]
        cells = tuple(_share(other, group[name]) for other, group in zip(others, patients, strict=True))
        rows.append(CohortRow(f"{len(counts) - MOST_LEVELS} others", cells, 1))
    return rows


def _share(is_level: pd.Series, column: pd.Series) -> str:
    stated = int((~_is_missing(column)).sum())
    part = int(is_level.fillna(value=False).sum())
    return f"{part:,} ({percent(part, stated)})"


def _quartiles(column: pd.Series) -> str:
    stated = column.dropna()
    if stated.empty:
        return "–"
    low, middle, high = stated.quantile([0.25, 0.5, 0.75])
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def _is_missing(column: pd.Series) -> pd.Series:
    return column.isna() | (column.astype(str) == "")


def _first_text(column: pd.Series) -> str:
    texts = [str(text) for text in column if isinstance(text, str) and text]
    return texts[0] if texts else ""
