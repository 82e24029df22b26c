"""The columns of predictions.csv: which there must be, what each holds, and how covariates keep their type.

In: a table from anywhere. Out: the same table in the house's types (text, whole numbers, floats), unchanged by a
second pass and by the way through a CSV.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from medtl.errors import IntegrityFailure
from medtl.files import read_csv
from medtl.outcomes import PROBABILITY

LEADING = ("case_id", "patient_id", "fold", "role", "model", "truth")
"""The columns before the probabilities, in file order."""

TEXT = ("case_id", "patient_id", "role", "model", "truth")
"""Leading columns that are text even when they look like numbers."""


def classes_among(columns: Iterable[str]) -> tuple[str, ...]:
    """The classes, in the order of their probability columns."""
    return tuple(name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY))


def covariates_among(columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that are neither leading nor probabilities, in table order."""
    return tuple(name for name in columns if name not in LEADING and not name.startswith(PROBABILITY))


def in_house_types(rows: pd.DataFrame) -> pd.DataFrame:
    """The table in file order with text as text, probabilities as float64 and covariates as float64 or text.

    A covariate is numeric when every cell that holds something is written as a float writes itself ("7.0", "0.35",
    never "7" or "007"); anything else is text. An empty cell is None in text and NaN in numbers. Control characters
    in covariate text (line breaks of a free-text field) become spaces.

    Raises:
        IntegrityFailure: columns are missing or named twice, there are fewer than two classes, or a fold or
            probability is not a number.
    """
    names = [str(name) for name in rows.columns]
    missing = [name for name in LEADING if name not in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    classes = classes_among(names)
    faults = []
    if missing:
        faults.append(f"missing columns: {', '.join(missing)}")
    if twice:
        faults.append(f"columns named twice: {', '.join(twice)}")
    if len(classes) < 2:
        faults.append(f"probability columns (p_<class>) for {len(classes)} classes, at least 2 are needed")
    if faults:
        raise IntegrityFailure(
            "The predictions are not a table of predictions: " + "; ".join(faults) + ". Expected "
            f"{', '.join(LEADING)}, then p_<class> for each class, then covariates; got {', '.join(names) or 'none'}.",
            faults=faults,
        )
    plain = rows.set_axis(names, axis="columns").reset_index(drop=True)
    typed: dict[str, pd.Series] = {name: _text(plain[name]) for name in TEXT}
    typed["fold"] = _whole_numbers(plain["fold"])
    for name in (PROBABILITY + label for label in classes):
        typed[name] = _numbers(plain[name])
    for name in covariates_among(names):
        typed[name] = _covariate(plain[name])
    order = [*LEADING, *(PROBABILITY + label for label in classes), *covariates_among(names)]
    return pd.DataFrame({name: typed[name] for name in order})


def read_untyped(path: Path) -> pd.DataFrame:
    """The CSV's cells as text but for fold and probabilities, ready for `in_house_types`.

    Raises:
        ConfigurationError: the file is missing.
    """
    header: list[str] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as stream:
            header = next(csv.reader(stream), [])
    as_text = tuple(name for name in header if name != "fold" and not name.startswith(PROBABILITY))
    return read_csv(path, text_columns=as_text)


def _text(column: pd.Series) -> pd.Series:
    return pd.Series([None if _is_missing(cell) else str(cell) for cell in column], dtype=object)


def _numbers(column: pd.Series) -> pd.Series:
    try:
        return column.astype("float64")
    except (TypeError, ValueError) as error:
        raise IntegrityFailure(
            f"Column {column.name} must hold numbers, but not every cell is one ({error}). "
            "Write the probability as a decimal with a point.",
            column=column.name,
        ) from error


def _whole_numbers(column: pd.Series) -> pd.Series:
    numbers = _numbers(column)
    wrong = [str(cell) for cell, number in zip(column, numbers, strict=True) if not _is_fold(float(number))]
    if wrong:
        raise IntegrityFailure(
            f"Column fold must hold whole numbers from 0 on, got {', '.join(dict.fromkeys(wrong))}. "
            "Number the folds 0, 1, 2, and on over repeats.",
            column="fold",
        )
    return numbers.astype("int64")


def _is_fold(number: float) -> bool:
    return math.isfinite(number) and number >= 0 and number == int(number)


def _covariate(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64")
    cells = [None if _is_missing(cell) or cell == "" else _cell(cell) for cell in column]
    if all(cell is None or isinstance(cell, float) or _is_written_float(cell) for cell in cells):
        return pd.Series([float("nan") if cell is None else float(cell) for cell in cells], dtype="float64")
    return pd.Series([None if cell is None else str(cell) for cell in cells], dtype=object)


def _cell(cell: object) -> str | float:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell)
    return "".join(character if character.isprintable() else " " for character in str(cell))


def _is_written_float(cell: str) -> bool:
    try:
        number = float(cell)
    except ValueError:
        return False
    return math.isfinite(number) and repr(number) == cell


def _is_missing(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))
