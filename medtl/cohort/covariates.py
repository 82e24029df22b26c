"""Covariates of a manifest: the cells of a column in, one value per case out, and what was read as something else.

Ages become years, several words for a sex become F, M or O, markers of a missing value become None, and a column whose
every other cell is a number becomes numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medtl.cohort.case import Covariate
from medtl.cohort.cells import (
    age_of,
    column_numbers,
    is_missing,
    marker_counts,
    plain,
    separators_in_words,
    sexes_of,
)
from medtl.findings import Finding

AGE, SEX, SITE = "age_years", "sex", "site"

USUAL_COVARIATES = (SITE, SEX, AGE)
"""Covariates that are read without being named in the study."""

CATEGORIES = frozenset({SITE, SEX})
"""Names even when they are written as numbers: site 1 and site 2 have no mean."""


def covariate_values(name: str, cells: Sequence[str], *, comma_is_decimal: bool) -> tuple[Covariate, ...]:
    """The values of one column; `comma_is_decimal` where the delimiter is no comma."""
    if name == AGE:
        ages = [None if is_missing(cell) else age_of(cell) for cell in cells]
        return tuple(None if age is None else age.years for age in ages)
    if name == SEX:
        return sexes_of(cells)
    if name not in CATEGORIES:
        numbers = column_numbers(cells, comma_is_decimal=comma_is_decimal)
        if numbers is not None:
            return numbers
    return tuple(None if is_missing(cell) else cell for cell in cells)


def covariate_findings(columns: Mapping[str, Sequence[str]], *, comma_is_decimal: bool) -> tuple[Finding, ...]:
    """What was read as something else than it is written, at most one finding of a kind."""
    found = []
    gone = [f"{name} {counts}" for name, cells in columns.items() if (counts := marker_counts(cells))]
    if gone:
        found.append(Finding("missing markers", f"Missing markers were read as not stated: {'; '.join(gone)}."))
    ages = [age for cell in columns.get(AGE, ()) if not is_missing(cell) and (age := age_of(cell)) is not None]
    if capped := [age.years for age in ages if age.is_capped]:
        lowest = f"{min(capped):g}"
        found.append(
            Finding(
                "capped ages",
                f"{len(capped)} age{'s are' if len(capped) > 1 else ' is'} only known to be at least so many years "
                f"(written as {lowest}+ or >{lowest}): the age written was taken.",
            )
        )
    sexes = columns.get(SEX, ())
    changed = {plain(cell) for cell, sex in zip(sexes, sexes_of(sexes), strict=True) if sex not in (None, cell)}
    if changed:
        written = ", ".join(sorted(changed)[:6])
        found.append(Finding("written sexes", f"sex is written as {written}: read as F, M or O."))
    separators = {
        name: separators_in_words(cells, comma_is_decimal=comma_is_decimal)
        for name, cells in columns.items()
        if name not in (AGE, *CATEGORIES)
    }
    if read := "; ".join(f"{name} {words}" for name, words in separators.items() if words):
        found.append(
            Finding(
                "written numbers", f"Numbers with a comma, blank or apostrophe in them, or with two readings: {read}."
            )
        )
    return tuple(found)
