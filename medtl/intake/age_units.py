"""The unit of the ages in a BIDS data set, which participants.json states beside participants.tsv; and ages in years.

BIDS 1.9, tabular files: a column's entry may have `Units`; without them an age is in years. Where there are none, the
entry's `Description` is looked at for "in months" and the like. A unit that is not understood is never taken for years.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort.cells import AGE_WITH_UNIT, CAPPED_AGE, YEARS_IN, as_number, is_missing, plain

SIDECAR = "participants.json"
LARGEST_BYTES = 4 * 2**20
SHORTEST_WORD = 3
"""Letters of a unit's word within a sentence, where single letters mean other things."""

IN_WORDS = re.compile(r"\b(?:in|unit|units)\b[\s:]+(?:completed\s+|full\s+|whole\s+)?([^\W\d_]{3,})")
UNIT_NAMES = {1 / 12: "months", 7 / 365.25: "weeks", 1 / 365.25: "days"}
NOT_KNOWN = (
    "so no age was taken: expected years, months, weeks or days. Correct it, or give --labels with a column age_years."
)


@dataclass(frozen=True)
class AgeUnit:
    """Years in one unit of the column, None when the unit is not known; and a note on it."""

    years: float | None = 1.0
    note: str = ""


def age_unit(file: Path, ages: Iterable[str] = ()) -> AgeUnit:
    """The unit that the file states for the column age; years where there is no file or it states none.

    A cap such as 89+ among `ages` is one of years, for privacy: beside another unit it makes the unit not known.
    """
    unit = _stated(file)
    if unit.years in UNIT_NAMES and any(CAPPED_AGE.fullmatch(plain(age).casefold()) for age in ages):
        return AgeUnit(
            None,
            f"{SIDECAR} states ages in {UNIT_NAMES[unit.years]}, but some are written as only years are (89+), "
            f"{NOT_KNOWN}",
        )
    return unit


def _stated(file: Path) -> AgeUnit:
    if not file.is_file():
        return AgeUnit()
    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig")) if file.stat().st_size <= LARGEST_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        return AgeUnit(
            None, f"{SIDECAR} cannot be read as JSON ({type(error).__name__}) and may state a unit, {NOT_KNOWN}"
        )
    entry = _entry(content, "age")
    units, described = _entry(entry, "units") or _entry(entry, "unit"), _entry(entry, "description")
    if units is None or (isinstance(units, str) and is_missing(units)):
        found = {YEARS_IN[word] for word in IN_WORDS.findall(_small(described)) if word in YEARS_IN}
        return _unit_of_years(found, where="its description") if found else AgeUnit()
    return _unit_of_years(_years_of(units), where="Units")


def in_years(cell: str, unit: AgeUnit) -> str:
    """The cell with its age in years; one that states a unit itself (017M, 18 months) is kept for the manifest's rules.

    Rounded to a hundredth of a year. Empty where the unit is not known.
    """
    if unit.years == 1.0 or is_missing(cell):
        return cell
    text = plain(cell).casefold()
    if (own := AGE_WITH_UNIT.fullmatch(text)) and own[2] in YEARS_IN:
        return cell
    if unit.years is None:
        return ""
    number = as_number(text.replace(",", ".", 1))
    return cell if number is None else f"{round(number * unit.years, 2):g}"


def _unit_of_years(found: set[float], *, where: str) -> AgeUnit:
    if len(found) != 1:
        return AgeUnit(None, f"{SIDECAR} gives the column age in a unit that is not known ({where}), {NOT_KNOWN}")
    (years,) = found
    if years == 1.0:
        return AgeUnit()
    return AgeUnit(
        years,
        f"The ages of participants.tsv are in {UNIT_NAMES[years]}, as {SIDECAR} states ({where}): they were converted "
        "to years. If they are years, correct it there, or give --labels with a column age_years.",
    )


def _years_of(units: object) -> set[float]:
    """Years in the unit that is named; several, or none, where it is not clear."""
    text = _small(units).replace("(s)", "s").strip(" .")
    if text in YEARS_IN:
        return {YEARS_IN[text]}
    words = re.findall(r"[^\W\d_]+", text)
    return {YEARS_IN[word] for word in words if len(word) >= SHORTEST_WORD and word in YEARS_IN}


def _small(value: object) -> str:
    return plain(value).casefold() if isinstance(value, str) else ""


def _entry(content: object, name: str) -> object:
    """The value of a mapping under a name, in any capitals."""
    if not isinstance(content, dict):
        return None
    return next((value for key, value in content.items() if str(key).strip().casefold() == name), None)
