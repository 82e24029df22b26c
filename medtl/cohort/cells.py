"""The meaning of a cell in a table: nothing known, a number, an age, a sex, the name of a class.

In: a cell as text. Out: its value in one form, or None. These rules hold for manifests, labels files, BIDS participants
and tables of predictions alike, so that a value that one of them takes is never refused by the next.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from medtl.cohort import words

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A finite decimal number as a CSV holds it; `nan`, `inf` and `1_000`, which Python would take, are text."""

OLDEST_YEARS = 130.0
"""No human has lived longer (record: 122 years), so a larger age is a date or a typing mistake."""

MISSING_MARKERS = frozenset(words.MISSING.split("|"))
"""What stands for "nothing is known" in tables of R, pandas, Excel, SAS, Stata, SQL, BIDS and of people, in small
letters. A class that is really called so has to be named in `classes` of the study."""

ONLY_PUNCTUATION = re.compile(r"[\s.?*_‐-―−-]*")
"""Cells of nothing but dots, question marks, asterisks and dashes are markers too: `.` (SAS, Stata), `-`, `?`, `--`."""

STATA_MISSING = re.compile(r"\.[a-z]")

CAPPED_AGE = re.compile(r"(?:(?:>|≥|>=|over|older than|über)\s*(\d{1,3})|(\d{1,3})\s*(?:\+|or older|or over|and over))")
"""An age that is only known to be at least so many years, as privacy rules write the oldest: `89+`, `>89`."""

AGE_WITH_UNIT = re.compile(r"(\d{1,3}(?:[.,]\d+)?)\s*([^\W\d_]+)\.?(?:\s+(?:old|alt))?")
YEARS_IN = {
    **dict.fromkeys(words.YEARS.split(), 1.0),
    **dict.fromkeys(words.MONTHS.split(), 1 / 12),
    **dict.fromkeys(words.WEEKS.split(), 7 / 365.25),
    **dict.fromkeys(words.DAYS.split(), 1 / 365.25),
}
"""Years in a unit of age; Y, M, W, D are those of DICOM's age string (PS3.5 6.2, VR AS)."""

SEXES = {
    **dict.fromkeys(words.FEMALE.split(), "F"),
    **dict.fromkeys(words.MALE.split(), "M"),
    **dict.fromkeys(words.OTHER_SEX.split(), "O"),
}
"""Words for a sex and how DICOM writes it (M, F, O). Numbers are not among them: 1 is male in one table, female in the
next."""


@dataclass(frozen=True)
class Age:
    """An age in years; `is_capped` when the cell only states that it is at least so much."""

    years: float
    is_capped: bool = False


def plain(cell: str) -> str:
    """The cell in composed Unicode (NFC), blanks of any kind as one blank, none at its ends."""
    return " ".join(unicodedata.normalize("NFC", cell).split())


def is_missing(cell: str) -> bool:
    """Whether the cell holds no value: empty, or one of the markers in any capitals."""
    text = plain(cell)
    small = text.casefold()
    return bool(small in MISSING_MARKERS or ONLY_PUNCTUATION.fullmatch(text) or STATA_MISSING.fullmatch(small))


def stated(cell: str) -> str:
    """The cell, or nothing where it is a missing marker."""
    return "" if is_missing(cell) else cell


def as_number(cell: str) -> float | None:
    """The number that a cell holds, or None when it is text."""
    value = float(cell) if NUMBER.fullmatch(cell) else math.nan
    return value if math.isfinite(value) else None


def age_of(cell: str) -> Age | None:
    """The age in years that a cell means, None when it is not understood or no human is so old.

    Understood are 63, 63.5, 63,5, DICOM's 045Y, 018M, 006W, 010D, words such as `18 months`, and `89+` or `>89` as 89.
    Rounded to a hundredth of a year where days, weeks or months are written.
    """
    text = plain(cell).casefold()
    if capped := CAPPED_AGE.fullmatch(text):
        return _possible(Age(float(capped[1] or capped[2]), is_capped=True))
    if (years := as_number(text)) is not None or (years := as_number(text.replace(",", ".", 1))) is not None:
        return _possible(Age(years))
    if (written := AGE_WITH_UNIT.fullmatch(text)) and written[2] in YEARS_IN:
        return _possible(Age(round(float(written[1].replace(",", ".")) * YEARS_IN[written[2]], 2)))
    return None


def _possible(age: Age) -> Age | None:
    return age if 0 <= age.years <= OLDEST_YEARS else None


def sex_of(cell: str) -> str | None:
    """`F`, `M` or `O`, None when the cell is none of the words for them."""
    return SEXES.get(plain(cell).casefold().rstrip("."))


def sexes_of(cells: Sequence[str]) -> tuple[str | None, ...]:
    """A column of sexes: as written, None where missing; F, M and O where two words of it mean the same (F, female)."""
    words = {plain(cell) for cell in cells if not is_missing(cell)}
    known = Counter(sex for word in words if (sex := sex_of(word)) is not None)
    is_mixed = any(count > 1 for count in known.values())
    return tuple(None if is_missing(cell) else (sex_of(cell) if is_mixed else None) or cell for cell in cells)


def class_name(label: str) -> str:
    """A label in the form in which whole numbers are one class: `1`, `1.0`, `1.00` and `1,0` are all `1`.

    `01` stays `01`: a code with zeros in front may be another code, so beside `1` it is refused as a near twin.
    """
    return re.sub(r"^([+-]?\d+)[.,]0+$", r"\1", label)


def declared_class(cell: str, declared: Sequence[str]) -> str | None:
    """The declared class that a cell names, in its declared spelling, also where it is a missing marker; else None."""
    if cell in declared:
        return cell
    return next((name for name in declared if class_name(name) == class_name(cell)), None)


def marker_counts(cells: Iterable[str]) -> str:
    """The missing markers among cells with their counts, such as `'NA' (10), '?' (2)`; empty cells are not counted."""
    counts = Counter(plain(cell) for cell in cells if plain(cell) and is_missing(cell))
    shown = ", ".join(f"{marker!r} ({count})" for marker, count in counts.most_common(6))
    return shown if len(counts) <= 6 else f"{shown} and {len(counts) - 6} more"


COMMA_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.\s'’]\d{3})+)(?:,\d+)?", re.ASCII)
"""A number whose comma stands before the decimals; thousands may be parted by points, blanks or apostrophes."""

POINT_DECIMAL = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[,\s'’]\d{3})+)(?:\.\d+)?", re.ASCII)


def column_numbers(cells: Sequence[str], *, comma_is_decimal: bool) -> tuple[float | None, ...] | None:
    """A column as numbers, None for cells without a value; None altogether when a cell with a value is no number.

    A column is read in one way: as plain numbers; else with a decimal comma, where `comma_is_decimal` (the delimiter is
    no comma) or a cell leaves no other reading (`1.234,5`, `0,25`); else with thousands in groups (`1,234`).
    """
    held = [plain(cell) for cell in cells if not is_missing(cell)]
    separators: dict[str, str] = {}
    if all(as_number(cell) is not None for cell in held):
        pass
    elif all(COMMA_DECIMAL.fullmatch(cell) for cell in held) and (
        comma_is_decimal or not all(POINT_DECIMAL.fullmatch(cell) for cell in held)
    ):
        separators = {",": ".", ".": ""}
    elif all(POINT_DECIMAL.fullmatch(cell) for cell in held):
        separators = {",": ""}
    else:
        return None
    table = str.maketrans({**separators, " ": "", "'": "", "’": ""}) if separators else {}
    return tuple(None if is_missing(cell) else as_number(plain(cell).translate(table)) for cell in cells)


TWO_READINGS = re.compile(r"[+-]?\d{1,3}[.,]\d{3}", re.ASCII)
"""`1.234` and `1,234`: a decimal in one country, a thousand in another."""


def separators_in_words(cells: Sequence[str], *, comma_is_decimal: bool) -> str:
    """How the first number with a comma, blank or a second reading was read (`'1,234' as 1234`); empty without one."""
    numbers = column_numbers(cells, comma_is_decimal=comma_is_decimal)
    if numbers is None:
        return ""
    has_two_readings = comma_is_decimal and all(TWO_READINGS.fullmatch(plain(cell)) for cell in cells if "." in cell)
    for cell, number in zip(cells, numbers, strict=True):
        if number is not None and (as_number(plain(cell)) is None or (has_two_readings and "." in cell)):
            return f"{plain(cell)!r} as {number:.10g}"
    return ""
