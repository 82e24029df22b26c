"""Every figure and every named table of a page as files beside it: SVG, PNG and CSV.

In: a page as a value, and its folder. Out: figures/NAME.svg, .png and .csv, and tables/NAME.csv, the same bytes each
time. Cells that a spreadsheet would run are disarmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pandas as pd

from medtl.files import write_atomically, write_csv
from medtl.record import run_folder as names
from medtl.report.html.drawing import Drawing
from medtl.report.html.numbers import UNDEFINED
from medtl.report.html.page import Cell, Table
from medtl.report.manuscript.checklists import Checklist


def write_page_files(page: object, folder: Path) -> None:
    """Write the files of every figure and table that a page holds."""
    for part in _parts(page):
        if isinstance(part, Drawing):
            index = folder / names.FIGURES / part.name
            write_atomically(index.with_suffix(".svg"), part.as_svg())
            write_atomically(index.with_suffix(".png"), part.as_png())
            write_csv(index.with_suffix(".csv"), part.numbers)
        elif isinstance(part, Table) and part.name:
            write_csv(folder / names.TABLES / f"{part.name}.csv", as_frame(part))
        elif isinstance(part, Checklist):
            write_csv(folder / names.TABLES / f"{part.guideline}.csv", as_list(part))


def as_frame(table: Table) -> pd.DataFrame:
    """A table with a column for each number: an estimate in full precision, and beside it the ends of its interval.

    Other cells stand as the page shows them. A column of estimates without a single interval has no columns for ends.
    """
    columns: dict[str, list[object]] = {table.heads[0] or "row": [row.name for row in table.rows]}
    for index, head in enumerate(table.heads[1:]):
        cells = [row.cells[index] for row in table.rows]
        if not any(cell.bounds for cell in cells):
            columns[head or "row"] = [f"{cell.text} {cell.beside}".strip() for cell in cells]
            continue
        columns[head] = [_shown(cell) if cell.bounds is None else cell.bounds.value for cell in cells]
        if any(cell.bounds and cell.bounds.low is not None for cell in cells):
            columns[f"{head}, low"] = [cell.bounds.low if cell.bounds else None for cell in cells]
            columns[f"{head}, high"] = [cell.bounds.high if cell.bounds else None for cell in cells]
    return pd.DataFrame(columns)


def _shown(cell: Cell) -> str | None:
    """The words of a cell among estimates; nothing where it is a dash."""
    return None if cell.text == UNDEFINED else f"{cell.text} {cell.beside}".strip()


def as_list(checklist: Checklist) -> pd.DataFrame:
    """A guideline's table, one row per item, ready to be sent with a manuscript."""
    rows = []
    for row in checklist.rows:
        still = "everything" if row.is_open else row.still
        rows.append((row.item.number, row.item.part, row.item.name, row.answer, row.stated, still))
    heads = ["item", "part", "asked_for", "said_by_the_run", "stated_by_the_authors", "to_complete"]
    return pd.DataFrame(rows, columns=heads)


def _parts(value: object) -> Iterator[object]:
    """A value and everything inside it that a page can show."""
    if isinstance(value, tuple):
        for one in value:
            yield from _parts(one)
    elif isinstance(value, Drawing | Table | Checklist):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _parts(getattr(value, one.name))
