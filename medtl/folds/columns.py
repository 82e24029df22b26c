"""Folds that somebody else made: a column of the manifest in, the role of each case out."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.cohort import Case
from medtl.errors import DataRefused
from medtl.folds.table import TEST, TRAINING, VALIDATION

OFFICIAL_NAMES = {
    "train": TRAINING,
    "training": TRAINING,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""How published data sets name the sides of their split, in any case."""

LINES_SHOWN = 10

MOST_FOLDS = 100
"""More different values than this are patients or dates, not folds."""


def official_roles(cases: Sequence[Case], *, column: str) -> list[str]:
    """The role of each case under an official split.

    Raises:
        DataRefused: a cell is empty or names no side, or nobody is to train or to test.
    """
    _refuse_empty(cases, column=column)
    odd = {case.split: case.line for case in reversed(cases) if str(case.split).casefold() not in OFFICIAL_NAMES}
    if odd:
        named = ", ".join(f"{value!r} (line {line})" for value, line in list(odd.items())[:LINES_SHOWN])
        raise DataRefused(
            f"The column {column!r} holds {named}; expected train, validation (or val) and test, in any case. "
            "For folds by number use folds: {from_column: …}.",
            values=tuple(str(value) for value in odd),
        )
    roles = [OFFICIAL_NAMES[str(case.split).casefold()] for case in cases]
    for needed in (TRAINING, TEST):
        if needed not in roles:
            raise DataRefused(f"The official split in column {column!r} has no case for {needed}; expected both sides.")
    return roles


def column_tests(cases: Sequence[Case], *, column: str) -> list[list[bool]]:
    """For each value of the column, in natural order, whether each case is tested in that fold.

    Raises:
        DataRefused: a cell is empty, or there are fewer than two or more than `MOST_FOLDS` values.
    """
    _refuse_empty(cases, column=column)
    values = sorted({str(case.split) for case in cases}, key=_natural)
    if not 2 <= len(values) <= MOST_FOLDS:
        raise DataRefused(
            f"The column {column!r} holds {len(values)} different value{'s' if len(values) != 1 else ''}; each value "
            f"is one test fold, so expected 2 to {MOST_FOLDS}.",
            values=len(values),
        )
    return [[str(case.split) == value for case in cases] for value in values]


def _refuse_empty(cases: Sequence[Case], *, column: str) -> None:
    lines = [case.line for case in cases if not case.split]
    if lines:
        shown = ", ".join(map(str, lines[:LINES_SHOWN])) + (", …" if len(lines) > LINES_SHOWN else "")
        raise DataRefused(
            f"The column {column!r} is empty in {len(lines)} of {len(cases)} lines (line {shown}). Every case needs a "
            "fold: fill the cells, or take those lines out.",
            lines=tuple(lines),
        )


def _natural(value: str) -> tuple[bool, int, str]:
    number = value.isascii() and value.isdigit()
    return (not number, int(value) if number else 0, value)
