"""Numbers and sums as other tools write them: decimal commas, and probabilities rounded to few decimals.

In: the cells of a table as text. Out: numbers, and rows divided by their sum where rounding alone moved it from 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from medtl.predictions.faults import SUM_TOLERANCE

DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)

PER_CENT = 100.0


def number_in(text: str, *, whole: bool, comma_is_decimal: bool = False) -> float | int | None:
    """The number that a cell holds, None when it holds none; `comma_is_decimal` where the delimiter is no comma."""
    written = text.replace(",", ".") if comma_is_decimal and DECIMAL_COMMA.fullmatch(text) else text
    try:
        number = float(written)
    except ValueError:
        return None
    if not whole:
        return number
    return int(number) if math.isfinite(number) and number >= 0 and number == int(number) else None


@dataclass(frozen=True)
class Rounded:
    """Columns of probabilities whose rows sum to 1, and how many rows were divided by their sum."""

    columns: Mapping[str, list[object]]
    decimals: int
    rows: int
    least: float
    most: float


def without_rounding(columns: Mapping[str, list[object]], texts: Mapping[str, Sequence[str]]) -> Rounded | None:
    """The rows divided by their sum where it is off by no more than rounding explains; None where none is off so.

    Each of k numbers written with d decimals is off by at most half of its last digit, so a row sums to 1 within
    k / 2 / 10^d. d is the most that any number of the table is written with: a table of full precision gets no slack.
    """
    decimals = max((_decimals(text) for cells in texts.values() for text in cells), default=0)
    allowed = len(columns) * 0.5 * 10.0**-decimals
    if decimals < 1 or allowed <= SUM_TOLERANCE:
        return None
    divided = {name: list(cells) for name, cells in columns.items()}
    sums = []
    for index, row in enumerate(zip(*columns.values(), strict=True)):
        numbers = [float(str(cell)) for cell in row]
        total = math.fsum(numbers)
        if not all(0 <= number <= 1 for number in numbers) or not SUM_TOLERANCE < abs(total - 1) <= allowed + 1e-9:
            continue
        sums.append(total)
        for name, number in zip(columns, numbers, strict=True):
            divided[name][index] = number / total
    return Rounded(divided, decimals, len(sums), min(sums), max(sums)) if sums else None


def are_per_cent(columns: Mapping[str, list[object]]) -> bool:
    """Whether the rows sum to 100 instead of 1."""
    sums = [math.fsum(float(str(cell)) for cell in row) for row in zip(*columns.values(), strict=True)]
    return bool(sums) and all(abs(total - PER_CENT) <= 1 for total in sums)


def _decimals(text: str) -> int:
    try:
        exponent = Decimal(text.replace(",", ".")).as_tuple().exponent
    except InvalidOperation:
        return 0
    return max(0, -exponent) if isinstance(exponent, int) else 0
