"""A table of predictions from any tool: the least that it must hold, and every fault of it in one letter.

In: a CSV with `case_id`, `patient_id`, `fold`, `truth` (the reference standard) and `p_<class>` for each class. `role`
and `model` may be left out; further columns are covariates. Out: the frozen table, and what was taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.cohort.delimited import Delimited, Row, read_delimited
from medtl.errors import ConfigurationError, DataRefused
from medtl.files import rearmed
from medtl.predictions.columns import LEADING, PROBABILITY, classes_among, covariates_among
from medtl.predictions.faults import NAMED_AT_MOST, faults_of
from medtl.predictions.table import PredictionTable

NEEDED = ("case_id", "patient_id", "fold", "truth")
"""The columns that nothing can stand in for."""

MODEL = "model"
"""What the one model of a table without a column `model` is called."""

OTHER_NAMES = {
    "case_id": ("id", "case", "image_id", "image", "study_id", "filename"),
    "patient_id": ("patient", "subject", "subject_id", "pid"),
    "fold": ("cv_fold", "split"),
    "truth": ("label", "target", "y_true", "y", "class", "reference_standard", "ground_truth", "gt"),
}
"""How other tools call the needed columns; a letter names them, and nothing is renamed by itself."""

NAMES_OF_GROUPS = ("site", "sex", "manufacturer", "model_name", "scanner", "modality")
"""Covariates that are names, even where the names are numbers."""


@dataclass(frozen=True)
class ForeignTable:
    """The table, and sentences on what was taken for granted where a column was left out."""

    table: PredictionTable
    taken: tuple[str, ...]


def read_foreign(path: Path, *, positive: str | None = None) -> ForeignTable:
    """Read predictions that any tool wrote; `positive` puts this one of two classes last, where the positive class is.

    Raises:
        ConfigurationError: there is no such file, or `positive` is none of two classes.
        DataRefused: the file is no table, or it has faults; one letter tells them all, by line and by case.
    """
    if path.is_dir():
        raise ConfigurationError(
            f"{path.name} is a folder; a table of predictions is a file, of a run {path.name}/predictions.csv."
        )
    found = read_delimited(path, expected_columns=LEADING, what="table of predictions")
    header = tuple(str(rearmed(name)) for name in found.header)
    classes = classes_among(header)
    faults = [*_in_header(header, classes), *_without_rows(found)]
    whole = [row for row in found.rows if len(row.cells) == len(header)]
    cells = {name: [str(rearmed(row.cells[place])) for row in whole] for place, name in enumerate(header)}
    wrong = {row.line: f"{len(row.cells)}" for row in found.rows if len(row.cells) != len(header)}
    if wrong:
        faults.append(f"the header has {len(header)} cells, and there are others in {_lines(wrong)}")
    typed, lines_left_out = _typed(cells, whole, faults)
    if set(NEEDED) <= set(header) and len(classes) > 1 and len(set(header)) == len(header):
        kept = [place for place, row in enumerate(whole) if row.line not in lines_left_out]
        rows = _completed(typed, len(whole)).iloc[kept].reset_index(drop=True)
        faults += faults_of(rows.astype({"fold": "int64"}), classes) if len(rows) else ()
    if faults:
        raise _letter(path, faults)
    table = PredictionTable(_completed(typed, len(whole)))
    return ForeignTable(table if positive is None else _with_positive(table, positive), _taken(header))


def _in_header(header: tuple[str, ...], classes: tuple[str, ...]) -> Iterator[str]:
    for name in NEEDED:
        if name not in header:
            others = [other for other in header if other.casefold().replace(" ", "_") in OTHER_NAMES[name]]
            hint = f"; if {others[0]} is this, rename it" if others else ""
            yield f"there is no column {name}{hint}"
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        yield f"columns named twice: {', '.join(repr(name) for name in twice)}"
    if len(classes) == 1:
        yield (
            f"there is one column of probabilities, {PROBABILITY}{classes[0]}, and each class needs one: of two "
            f"classes the other's is 1 - {PROBABILITY}{classes[0]}"
        )
    elif not classes:
        yield f"there is no column of probabilities: call them {PROBABILITY}<class>, one for each class"


def _without_rows(found: Delimited) -> Iterator[str]:
    if not found.rows:
        yield "there is a header and no row below it"


def _typed(
    cells: Mapping[str, list[str]], rows: list[Row], faults: list[str]
) -> tuple[dict[str, list[object]], frozenset[int]]:
    """The columns with numbers as numbers; cells that cannot be are told in `faults`, and their lines given back."""
    typed: dict[str, list[object]] = {}
    left_out: set[int] = set()
    for name, texts in cells.items():
        is_fold, is_probability = name == "fold", name.startswith(PROBABILITY)
        wrong: dict[int, str] = {}
        if is_fold or is_probability:
            numbers = [_number(text, whole=is_fold) for text in texts]
            wrong = {
                row.line: repr(text) for row, text, number in zip(rows, texts, numbers, strict=True) if number is None
            }
            typed[name] = [math.nan if number is None else number for number in numbers]
            what = "a whole number from 0 on" if is_fold else "a number"
            point = "; write decimals with a point" if any("," in text for text in wrong.values()) else ""
            if wrong:
                faults.append(f"{name} is not {what} in {_lines(wrong)}{point}")
        elif name in LEADING:
            wrong = {row.line: "" for row, text in zip(rows, texts, strict=True) if not text}
            typed[name] = list(texts)
            if wrong:
                faults.append(f"{name} is empty in {_lines(wrong)}")
        else:
            typed[name] = _covariate(name, texts)
        left_out |= wrong.keys()
    return typed, frozenset(left_out)


def _number(text: str, *, whole: bool) -> float | int | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if not whole:
        return number
    return int(number) if math.isfinite(number) and number >= 0 and number == int(number) else None


def _covariate(name: str, texts: list[str]) -> list[object]:
    """Numbers where every cell that holds something is one, but for names of groups and numbers written as 007."""
    held = [text for text in texts if text]
    if name not in NAMES_OF_GROUPS and held and all(_is_plain_number(text) for text in held):
        return [float(text) if text else math.nan for text in texts]
    return [text or None for text in texts]


def _is_plain_number(text: str) -> bool:
    number = _number(text, whole=False)
    digits = text.lstrip("-")
    return number is not None and math.isfinite(number) and not (digits[:1] == "0" and digits[1:2].isdigit())


def _completed(typed: Mapping[str, list[object]], rows: int) -> pd.DataFrame:
    """The rows with a role and a model where the table has no such column, in file order."""
    columns: dict[str, list[object]] = {"role": ["test"] * rows, "model": [MODEL] * rows, **typed}
    order = [*LEADING, *(name for name in columns if name.startswith(PROBABILITY)), *covariates_among(columns)]
    order = [name for name in order if name in columns]
    return pd.DataFrame({name: _series(columns[name], name) for name in order})


def _series(values: list[object], name: str) -> pd.Series:
    if name.startswith(PROBABILITY):
        return pd.Series(values, dtype="float64")
    return pd.Series(values) if name == "fold" else pd.Series(values, dtype=_kind(values))


def _kind(values: list[object]) -> type:
    return float if values and all(isinstance(value, float) for value in values) else object


def _taken(header: tuple[str, ...]) -> tuple[str, ...]:
    taken = []
    if "role" not in header:
        taken.append("The table has no column role: every row was taken for a test row.")
    if "model" not in header:
        taken.append("The table has no column model: all rows were taken for those of one model.")
    return tuple(taken)


def _with_positive(table: PredictionTable, positive: str) -> PredictionTable:
    if len(table.classes) > 2 or positive not in table.classes:
        raise ConfigurationError(
            f"One of two classes can be the positive one; got {positive!r}, and the table's classes are "
            f"{', '.join(table.classes)}.",
            positive=positive,
            classes=table.classes,
        )
    order = [PROBABILITY + name for name in (*(one for one in table.classes if one != positive), positive)]
    others = [name for name in table.rows.columns if name not in order]
    place = others.index("truth") + 1
    return PredictionTable(table.rows[[*others[:place], *order, *others[place:]]])


def _lines(cells: Mapping[int, str]) -> str:
    told = [f"line {line}{f' ({text})' if text else ''}" for line, text in list(cells.items())[:NAMED_AT_MOST]]
    more = len(cells) - NAMED_AT_MOST
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _letter(path: Path, faults: list[str]) -> DataRefused:
    return DataRefused(
        f"The predictions {path.name} cannot be judged, {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n"
        + "\n".join(f"  - {fault}" for fault in faults)
        + f"\nA table holds {', '.join(NEEDED)} and a column {PROBABILITY}<class> for each class, the positive class "
        "last; role (validation or test), model and covariates may be added. Nothing was dropped or repaired; correct "
        "the table where it was made.",
        faults=tuple(faults),
    )
