"""A table of predictions from any tool: the columns it needs, and all its faults in one message.

In: a CSV with `case_id`, `patient_id`, `fold`, `truth` (the reference standard) and `p_<class>` for each class. `role`
and `model` may be left out; further columns are covariates. Out: the frozen table, and what was taken for granted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from medtl.close_names import did_you_mean
from medtl.cohort.cells import age_of, class_name, column_numbers, is_missing, sexes_of
from medtl.cohort.delimited import Delimited, DelimitedRow, read_delimited
from medtl.cohort.patient_ids import no_id, remedy, twin_faults
from medtl.cohort.positive_class import positive_class_findings
from medtl.errors import ConfigurationError, DataRefused
from medtl.files import rearmed
from medtl.findings import sentences
from medtl.outcomes import PROBABILITY
from medtl.predictions.columns import LEADING, classes_among, covariates_among
from medtl.predictions.faults import NAMED_AT_MOST, faults_of
from medtl.predictions.foreign_columns import in_needed_columns, open_score
from medtl.predictions.table import PredictionTable
from medtl.predictions.written_numbers import are_per_cent, number_in, without_rounding

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
"""How other tools call the needed columns; a message names them, and nothing is renamed automatically."""

NAMES_OF_GROUPS = ("site", "sex", "manufacturer", "model_name", "scanner", "modality")
"""Covariates that are names, even where the names are numbers."""


@dataclass(frozen=True)
class ExternalTable:
    """The table, and sentences on what was taken for granted where a column was left out."""

    table: PredictionTable
    taken: tuple[str, ...]


def read_external(path: Path, *, positive: str | None = None, ids_as_written: bool = False) -> ExternalTable:
    """Read predictions that any tool wrote; `positive` puts this one of two classes last, where the positive class is.

    Patients whose ids differ only in how they are written are refused unless `ids_as_written`.

    Raises:
        ConfigurationError: there is no such file, or `positive` is none of two classes.
        DataRefused: the file is no table, or it has faults; one message lists them all, by line and by case.
    """
    if path.is_dir():
        raise ConfigurationError(
            f"{path.name} is a folder; a table of predictions is a file, of a run {path.name}/predictions.csv."
        )
    found = read_delimited(path, expected_columns=LEADING, what="table of predictions")
    found, renamed = in_needed_columns(
        replace(found, header=tuple(str(rearmed(name)) for name in found.header)), positive=positive
    )
    header = found.header
    classes = classes_among(header)
    faults = [*_in_header(header, classes), *_without_rows(found)]
    whole = [row for row in found.rows if len(row.cells) == len(header)]
    cells = {name: [str(rearmed(row.cells[index])) for row in whole] for index, name in enumerate(header)}
    wrong = {row.line: f"{len(row.cells)}" for row in found.rows if len(row.cells) != len(header)}
    if wrong:
        faults.append(f"the header has {len(header)} cells, and there are others in {_lines(wrong)}")
    faults += _id_faults(cells, whole, ids_as_written=ids_as_written)
    truths = _class_of_each(cells.get("truth", []), classes)
    typed, lines_left_out = _typed({**cells, "truth": truths} if truths else cells, whole, found.delimiter, faults)
    taken = [*renamed, *_taken(header, found.delimiter, cells)]
    if set(NEEDED) <= set(header) and len(classes) > 1 and len(set(header)) == len(header):
        probabilities = {PROBABILITY + name: typed[PROBABILITY + name] for name in classes}
        if rounded := without_rounding(probabilities, {name: cells[name] for name in probabilities}):
            typed |= rounded.columns
            taken.append(
                f"The probabilities of {rounded.rows} rows sum to {rounded.least:.4g} to {rounded.most:.4g}, as may "
                f"numbers rounded to {rounded.decimals} decimals: each row was divided by its sum. Write more digits "
                "to avoid this."
            )
        kept = [index for index, row in enumerate(whole) if row.line not in lines_left_out]
        rows = _completed(typed, len(whole)).iloc[kept].reset_index(drop=True)
        faults += faults_of(rows.astype({"fold": "int64"}), classes) if len(rows) else ()
        if faults and are_per_cent(probabilities):
            faults.append("the probabilities of each row sum to 100: they are per cent, divide them by 100")
    if faults:
        raise _refusal(path, faults)
    table = PredictionTable(_completed(typed, len(whole)))
    if truths != cells["truth"]:
        taken.append("Truths and classes that are one number are one class: 1.0 is 1.")
    table = table if positive is None else _with_positive(table, positive)
    notes = sentences(positive_class_findings(table.classes, reason="columns" if positive is None else "asked"))
    return ExternalTable(table, (*notes, *taken))


def _id_faults(cells: Mapping[str, list[str]], rows: Sequence[DelimitedRow], *, ids_as_written: bool) -> Iterator[str]:
    """Cells that are no id, and patients that may be one person."""
    lines = [row.line for row in rows]
    held = {
        name: [(line, text) for line, text in zip(lines, cells[name], strict=True) if text]
        for name in ("case_id", "patient_id")
        if name in cells
    }
    for name, texts in held.items():
        why = {line: fault for line, text in texts if (fault := no_id(text)) is not None}
        if why:
            yield f"{name} {next(iter(why.values()))}: {_lines(dict.fromkeys(why, ''))}"
    twins = () if ids_as_written else twin_faults(held.get("patient_id", ()), column="patient_id")
    for line, what in twins[:NAMED_AT_MOST]:
        yield f"line {line}: {what}"
    if len(twins) > NAMED_AT_MOST:
        yield f"and {len(twins) - NAMED_AT_MOST} more patients that may be another one"


def _class_of_each(truths: Sequence[str], classes: Sequence[str]) -> list[str]:
    """The truths by the names of their classes, where both are one number written in two ways."""
    known = {class_name(name): name for name in reversed(classes)}
    return [text if text in classes else known.get(class_name(text), text) for text in truths]


def _in_header(header: tuple[str, ...], classes: tuple[str, ...]) -> Iterator[str]:
    for name in NEEDED:
        if name not in header:
            same = [other for other in header if _small(other) == name]
            others = [other for other in header if _small(other) in OTHER_NAMES[name]]
            hint = f"; if {others[0]} is this, rename it" if others else ""
            hint = f"; {same[0]} differs only in how it is written, rename it" if same else hint
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
        capital = [name for name in header if name.casefold().startswith(PROBABILITY)]
        hint = f"; {', '.join(capital)} begin with a capital, rename them" if capital else ""
        hint = open_score(header) or hint
        yield f"there is no column of probabilities: call them {PROBABILITY}<class>, one for each class{hint}"


def _small(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())


def _without_rows(found: Delimited) -> Iterator[str]:
    if not found.rows:
        yield "there is a header and no row below it"


def _typed(
    cells: Mapping[str, list[str]], rows: list[DelimitedRow], delimiter: str, faults: list[str]
) -> tuple[dict[str, list[object]], frozenset[int]]:
    """The columns with numbers as numbers; cells that cannot be are added to `faults`, and their lines returned."""
    typed: dict[str, list[object]] = {}
    left_out: set[int] = set()
    comma = delimiter != ","
    classes = classes_among(cells)
    for name, texts in cells.items():
        is_fold, is_probability = name == "fold", name.startswith(PROBABILITY)
        wrong: dict[int, str] = {}
        if is_fold or is_probability:
            numbers = [number_in(text, whole=is_fold, comma_is_decimal=comma) for text in texts]
            wrong = {
                row.line: repr(text) for row, text, number in zip(rows, texts, numbers, strict=True) if number is None
            }
            typed[name] = [math.nan if number is None else number for number in numbers]
            what = "a whole number from 0 on" if is_fold else "a number"
            point = "; write decimals with a point" if any("," in text for text in wrong.values()) else ""
            if wrong:
                faults.append(f"{name} is not {what} in {_lines(wrong)}{point}")
        elif name in LEADING:
            wrong = {
                row.line: "" if not text else repr(text)
                for row, text in zip(rows, texts, strict=True)
                if not text or (name == "truth" and text not in classes and is_missing(text))
            }
            typed[name] = list(texts)
            if wrong:
                faults.append(f"{name} is {'missing' if any(wrong.values()) else 'empty'} in {_lines(wrong)}")
        else:
            typed[name] = _covariate(name, texts, comma_is_decimal=comma)
        left_out |= wrong.keys()
    return typed, frozenset(left_out)


def _covariate(name: str, texts: list[str], *, comma_is_decimal: bool) -> list[object]:
    """Numbers where every cell that holds something is one, but for names of groups and numbers written as 007."""
    held = [text for text in texts if not is_missing(text)]
    if name == "sex":
        return list(sexes_of(texts))
    if name == "age_years" and held and all(age_of(text) is not None for text in held):
        ages = [None if is_missing(text) else age_of(text) for text in texts]
        return [math.nan if age is None else age.years for age in ages]
    if name not in NAMES_OF_GROUPS and held and not any(_is_code(text) for text in held):
        numbers = column_numbers(texts, comma_is_decimal=comma_is_decimal)
        if numbers is not None:
            return [math.nan if number is None else number for number in numbers]
    return [None if is_missing(text) else text for text in texts]


def _is_code(text: str) -> bool:
    """Whether digits are written with a zero in front, as codes are."""
    digits = text.lstrip("-")
    return digits[:1] == "0" and digits[1:2].isdigit()


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


def _taken(header: tuple[str, ...], delimiter: str, cells: Mapping[str, list[str]]) -> list[str]:
    taken = []
    if "role" not in header:
        taken.append("The table has no column role: every row was taken for a test row.")
    if "model" not in header:
        taken.append("The table has no column model: all rows were taken for those of one model.")
    numbers = [text for name in header if name.startswith(PROBABILITY) for text in cells[name]]
    if delimiter != "," and any("," in text for text in numbers):
        taken.append("The comma in numbers was read as a decimal point, as it does not stand between cells.")
    return taken


def _with_positive(table: PredictionTable, positive: str) -> PredictionTable:
    if len(table.classes) > 2 or positive not in table.classes:
        raise ConfigurationError(
            f"One of two classes can be the positive one; got {positive!r}, and the table's classes are "
            f"{', '.join(table.classes)}.{did_you_mean(positive, table.classes, before=' ')}",
            positive=positive,
            classes=table.classes,
        )
    order = [PROBABILITY + name for name in (*(one for one in table.classes if one != positive), positive)]
    others = [name for name in table.rows.columns if name not in order]
    start = others.index("truth") + 1
    return PredictionTable(table.rows[[*others[:start], *order, *others[start:]]])


def _lines(cells: Mapping[int, str]) -> str:
    named = [f"line {line}{f' ({text})' if text else ''}" for line, text in list(cells.items())[:NAMED_AT_MOST]]
    more = len(cells) - NAMED_AT_MOST
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _refusal(path: Path, faults: list[str]) -> DataRefused:
    return DataRefused(
        f"The predictions {path.name} cannot be judged, {len(faults)} fault{'s' if len(faults) > 1 else ''}:\n"
        + "\n".join(f"  - {fault}" for fault in faults)
        + remedy(faults)
        + f"\nA table holds {', '.join(NEEDED)} and a column {PROBABILITY}<class> for each class, the positive class "
        "last; role (validation or test), model and covariates may be added. Nothing was dropped or repaired; correct "
        "the table where it was made.",
        faults=tuple(faults),
    )
