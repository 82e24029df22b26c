"""Dates of DICOM headers (VR DA), without those that software or de-identification fills in."""

from __future__ import annotations

from datetime import date

PLACEHOLDER_DATES = frozenset(("19000101", "19010101", "18000101", "17530101", "00010101", "19700101", "99991231"))
"""1970 and 1753 are where computers begin to count; 1900 is what most de-identification writes."""

EARLIEST_YEAR, LATEST_YEAR = 1850, 2099
"""Nobody who was imaged digitally was born before."""


def known_date(text: str) -> str:
    """A date as YYYYMMDD; empty when it is none, or one that is filled in.

    Old headers write 2020.02.01 (ACR-NEMA), other software 2020-02-01.
    """
    digits = text.replace(".", "").replace("-", "").strip()[:8]
    if len(digits) != 8 or not digits.isascii() or not digits.isdigit() or digits in PLACEHOLDER_DATES:
        return ""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    try:
        date(year, month, day)
    except ValueError:
        return ""
    return digits if EARLIEST_YEAR <= year <= LATEST_YEAR else ""
