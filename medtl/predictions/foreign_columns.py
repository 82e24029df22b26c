"""Tables of other tools in the columns that are needed: other capitals, `y_true` and `y_prob`, one column of two.

In: a table as it was read. Out: the same table under the needed names, and a sentence for each thing that was taken for
another. What could mean two things is left as it is, for the message that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from medtl.cohort.cells import class_name, is_missing
from medtl.cohort.delimited import Delimited, DelimitedRow
from medtl.outcomes import PROBABILITY
from medtl.predictions.columns import LEADING

TRUTHS = ("y_true",)
SCORES = ("y_prob", "y_proba", "y_score", "y_pred_proba")
"""How scikit-learn's users call the reference standard and the probability of the positive class."""

YES, NO = "1", "0"


def in_needed_columns(table: Delimited, *, positive: str | None) -> tuple[Delimited, tuple[str, ...]]:
    """The table under the needed names, and what was taken for what; `positive` names the class of a lone score."""
    notes: list[str] = []
    table = replace(table, header=tuple(_renamed(table.header, notes)))
    table = replace(table, header=tuple(_as_truths_are_written(table, notes)))
    table, added = _with_both_classes(table, positive=positive)
    return table, (*notes, *added)


def _renamed(header: Sequence[str], notes: list[str]) -> list[str]:
    """Names that differ from needed ones in capitals, blanks or dashes alone; y_true is the truth."""
    small = ["_".join(name.casefold().replace("-", " ").replace("_", " ").split()) for name in header]
    found = list(header)
    for index, own in enumerate(small):
        wanted = "truth" if own in TRUTHS else own
        is_clear = wanted not in header and [("truth" if one in TRUTHS else one) for one in small].count(wanted) == 1
        if wanted in LEADING and header[index] != wanted and is_clear:
            found[index] = wanted
            notes.append(f"The column {header[index]!r} was read as {wanted}.")
    for index, name in enumerate(header):
        if name.casefold().startswith(PROBABILITY) and not name.startswith(PROBABILITY):
            found[index] = PROBABILITY + name[len(PROBABILITY) :]
            notes.append(f"The column {name!r} was read as {found[index]}.")
    return found


def _as_truths_are_written(table: Delimited, notes: list[str]) -> list[str]:
    """The header with classes in the capitals of the reference standard, where only one fits."""
    header = list(table.header)
    truths = _truths(table, header.index("truth")) if "truth" in header else []
    for index, name in enumerate(header):
        own = name.removeprefix(PROBABILITY)
        fitting = [truth for truth in truths if truth.casefold() == own.casefold()]
        if name.startswith(PROBABILITY) and own not in truths and len(fitting) == 1:
            wanted = PROBABILITY + fitting[0]
            if wanted not in header:
                header[index] = wanted
                notes.append(f"The column {name!r} was read as {wanted}.")
    return header


def _with_both_classes(table: Delimited, *, positive: str | None) -> tuple[Delimited, tuple[str, ...]]:
    """The table with the other class's probability too, where it holds that of one of two classes alone."""
    header = list(table.header)
    own = [index for index, name in enumerate(header) if name.startswith(PROBABILITY)]
    scores = [index for index, name in enumerate(header) if name.casefold() in SCORES]
    if "truth" not in header or len(own) + (not own) * len(scores) != 1:
        return table, ()
    index = own[0] if own else scores[0]
    truths = _truths(table, header.index("truth"))
    held = _class_of_score(header[index], truths, positive=positive, is_named=bool(own))
    others = [name for name in truths if name != held]
    if held is None or len(others) != 1:
        return table, ()
    other = others[0]
    name = header[index]
    header[index] = PROBABILITY + held
    header.insert(index, PROBABILITY + other)
    rows = tuple(_row_with_both(row, index) for row in table.rows)
    words = f"The column {name!r} was read as the probability of {held}; that of {other} is 1 - {name}."
    return replace(table, header=tuple(header), rows=rows), (words,)


def _truths(table: Delimited, index: int) -> list[str]:
    """The classes that the reference standard names, each once, numbers in one spelling."""
    cells = [row.cells[index] for row in table.rows if len(row.cells) > index]
    return list(dict.fromkeys(class_name(cell) for cell in cells if not is_missing(cell)))


def _class_of_score(name: str, truths: Sequence[str], *, positive: str | None, is_named: bool) -> str | None:
    """The class whose probability a lone column holds; None where that is not clear."""
    if is_named:
        own = name.removeprefix(PROBABILITY)
        return own if own in truths else None
    if positive is not None:
        return positive if positive in truths else None
    return YES if set(truths) == {YES, NO} else None


def _row_with_both(row: DelimitedRow, index: int) -> DelimitedRow:
    if len(row.cells) <= index:
        return row
    return DelimitedRow(row.line, (*row.cells[:index], _rest_of_one(row.cells[index]), *row.cells[index:]))


def _rest_of_one(text: str) -> str:
    """One minus a number, with as many digits; anything else as it is, for the message that names it."""
    try:
        rest = 1 - Decimal(text.replace(",", "."))
    except InvalidOperation:
        return text
    return format(rest, "f") if rest.is_finite() else text


def open_score(header: Sequence[str]) -> str:
    """What to do about a lone score whose class is not clear, empty where there is none."""
    scores = [name for name in header if name.casefold() in SCORES]
    if len(scores) != 1:
        return ""
    return f"; {scores[0]} is the probability of the positive class: say which class that is with --positive"
