"""The flow of cases and patients into the study, their characteristics, and the lock of the manifest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from medtl.cohort.case import Case, Cohort
from medtl.errors import IntegrityFailure

if TYPE_CHECKING:
    import pandas as pd

AGE_BAND_YEARS = 10
"""Width of an age band; tens of years are what a table of patients usually shows."""

UNKNOWN = "not known"


class ScanProperties(Protocol):
    """The properties of an opened scan that its lock needs; imaging's facts have them."""

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        ...

    @property
    def pixel_sha256(self) -> str:
        """Of the decoded pixels."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels or voxels along the axes."""
        ...

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        ...

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Of the voxels; None where it is not stated."""
        ...

    @property
    def reader(self) -> str:
        """What read it, such as nifti."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How the scan was read, in words."""
        ...


@dataclass(frozen=True)
class ReasonCount:
    """The number of cases that were left out for one reason."""

    reason: str
    cases: int


@dataclass(frozen=True)
class CohortFlow:
    """From the manifest's lines to the studied patients; `files` counts studied and excluded cases together."""

    files: int
    cases: int
    patients: int
    exclusions: tuple[ReasonCount, ...]


@dataclass(frozen=True)
class ClassCount:
    """Cases and patients of one class."""

    label: str
    cases: int
    patients: int


@dataclass(frozen=True)
class CharacteristicRow:
    """One line of the table of patients: a value of a variable (class, site, sex, age band, split) and its counts."""

    variable: str
    value: str
    cases: int
    patients: int
    by_class: tuple[ClassCount, ...]


def flow_of(cohort: Cohort) -> CohortFlow:
    """The counts of a CONSORT-like flow diagram, the reasons by falling count."""
    reasons = Counter(exclusion.reason for exclusion in cohort.exclusions)
    return CohortFlow(
        files=len(cohort.cases) + len(cohort.exclusions),
        cases=len(cohort.cases),
        patients=len(cohort.patients),
        exclusions=tuple(
            ReasonCount(reason, count)
            for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def characteristics(cohort: Cohort) -> tuple[CharacteristicRow, ...]:
    """The studied cases by class, then by site, sex and age band where the cohort has them, then by split."""
    rows = [
        _row("class", label, [case for case in cohort.cases if case.label == label], cohort) for label in cohort.classes
    ]
    for name in ("site", "sex"):
        if name in cohort.covariates:
            rows += _rows_of(name, {case.case_id: _written(case.covariates.get(name)) for case in cohort.cases}, cohort)
    if "age_years" in cohort.covariates:
        bands = {case.case_id: age_band(case.covariates.get("age_years")) for case in cohort.cases}
        rows += _rows_of("age", bands, cohort)
    if any(case.split for case in cohort.cases):
        rows += _rows_of("split", {case.case_id: _written(case.split) for case in cohort.cases}, cohort)
    return tuple(rows)


def age_band(age_years: object) -> str:
    """The ten years that an age falls in, as `60-69`."""
    if not isinstance(age_years, float):
        return UNKNOWN
    start = int(age_years // AGE_BAND_YEARS) * AGE_BAND_YEARS
    return f"{start}-{start + AGE_BAND_YEARS - 1}"


def manifest_lock(cohort: Cohort, facts: Mapping[str, ScanProperties]) -> pd.DataFrame:
    """The table that locks the manifest: a row per studied case with hashes, geometry and covariates, in cohort order.

    Raises:
        IntegrityFailure: a case has no facts.
    """
    import pandas as pd

    if absent := [case for case in cohort.cases if case.case_id not in facts]:
        raise IntegrityFailure(
            f"{len(absent)} of {len(cohort.cases)} studied cases were never opened, first {absent[0]}; "
            "a manifest is locked after every scan was read or excluded.",
            cases=tuple(case.case_id for case in absent),
        )
    rows = []
    for case in cohort.cases:
        fact = facts[case.case_id]
        rows.append(
            {
                "case_id": case.case_id,
                "patient_id": case.patient_id,
                "label": case.label,
                "sha256": fact.sha256,
                "pixel_sha256": fact.pixel_sha256,
                "shape": "x".join(map(str, fact.shape)),
                "channels": fact.channels,
                "spacing_mm": "x".join(f"{mm:g}" for mm in fact.spacing_mm) if fact.spacing_mm else None,
                "reader": fact.reader,
                "notes": "; ".join(fact.notes),
                **{name: case.covariates.get(name) for name in cohort.covariates},
            }
        )
    return pd.DataFrame(rows)


def _rows_of(variable: str, values: Mapping[str, str], cohort: Cohort) -> list[CharacteristicRow]:
    members: dict[str, list[Case]] = defaultdict(list)
    for case in cohort.cases:
        members[values[case.case_id]].append(case)
    ordered = sorted(members, key=lambda value: (value == UNKNOWN, len(value) if variable == "age" else 0, value))
    return [_row(variable, value, members[value], cohort) for value in ordered]


def _row(variable: str, value: str, cases: Iterable[Case], cohort: Cohort) -> CharacteristicRow:
    found = list(cases)
    by_class = tuple(
        ClassCount(label, len(own), len({case.patient_id for case in own}))
        for label in cohort.classes
        for own in [[case for case in found if case.label == label]]
    )
    return CharacteristicRow(variable, value, len(found), len({case.patient_id for case in found}), by_class)


def _written(value: object) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:g}" if isinstance(value, float) else str(value)
