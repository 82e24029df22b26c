"""Excel workbooks (.xlsx, .xlsm) as tables: one sheet, cells as the text that a CSV of it would hold.

In: a file, and the name of a sheet where it has several. Out: rows of text with their line numbers. Numbers and dates
are taken as the workbook stores them: no digit is cut by a column's format, and dates are written as ISO 8601.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from io import BytesIO
from typing import TYPE_CHECKING

from medtl.errors import ConfigurationError, DataRefused
from medtl.progress import say

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

ENDINGS = (".xlsx", ".xlsm")
SHEET_SIGN = "#"
LARGEST_UNPACKED_BYTES = 512 * 2**20
"""Of the XML in a workbook: half a million rows; a file beyond it is no list of cases."""

CODE_FORMAT = re.compile(r"0{2,}")
"""A format such as 0000, under which 7 is shown, and meant, as 0007."""

CELLS_NAMED = 5
LARGEST_WHOLE_FLOAT = 2**53


def rows_of_workbook(data: bytes, *, name: str, sheet: str | None, what: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The lines of a sheet, counted as Excel counts them, with their cells as text.

    Args:
        data: the file.
        name: what the file is called, for messages.
        sheet: the sheet that is meant; None where only one holds anything.
        what: what the table is, for messages.

    Raises:
        ConfigurationError: openpyxl is not installed, or there is no such sheet, or several and none is named.
        DataRefused: the file is damaged or too large, or it has merged cells or formulas without a value.
    """
    try:
        import openpyxl
    except ImportError:
        raise ConfigurationError(
            f"The {what} {name} is an Excel workbook, and openpyxl, which reads it, is not installed. Install "
            "medtl[excel], or save the sheet as CSV UTF-8."
        ) from None
    _refuse_bomb(data, name=name, what=what)
    try:
        book = openpyxl.load_workbook(BytesIO(data), data_only=True)
        formulas = openpyxl.load_workbook(BytesIO(data), data_only=False)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, SyntaxError, OSError) as error:
        raise DataRefused(
            f"The {what} {name} cannot be read as an Excel workbook ({type(error).__name__}): it is damaged, or "
            "another kind of file. Save it again in Excel, or as CSV UTF-8."
        ) from error
    chosen = _sheet_of(book, sheet, name=name, what=what)
    _refuse_merged(chosen, name=name, what=what)
    _refuse_uncounted(chosen, formulas[chosen.title], name=name, what=what)
    _say_what_is_read(chosen, book, name=name)
    return ((row[0].row, tuple(_text(cell) for cell in row)) for row in chosen.iter_rows() if row)


def _sheet_of(book: Workbook, sheet: str | None, *, name: str, what: str) -> Worksheet:
    held = [one for one in book.worksheets if any(cell.value is not None for row in one.iter_rows() for cell in row)]
    titles = ", ".join(repr(one.title) for one in held)
    if sheet is not None:
        found = next((one for one in held if one.title == sheet), None)
        if found is None:
            raise ConfigurationError(
                f"The {what} {name} has no sheet {sheet!r} that holds anything. It has: {titles or 'none'}."
            )
        return found
    if not held:
        raise DataRefused(f"The {what} {name} is empty: none of its sheets holds anything.")
    if len(held) > 1:
        raise ConfigurationError(
            f"The {what} {name} has {len(held)} sheets ({titles}), and one is a table of cases. Name it: "
            f"{name}{SHEET_SIGN}{held[0].title}, in quotes on the command line.",
            sheets=tuple(one.title for one in held),
        )
    return held[0]


def _refuse_bomb(data: bytes, *, name: str, what: str) -> None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile as error:
        raise DataRefused(
            f"The {what} {name} is damaged: it begins like an Excel workbook and is none. Save it again in Excel."
        ) from error
    if unpacked > LARGEST_UNPACKED_BYTES:
        raise DataRefused(
            f"The {what} {name} unpacks to {unpacked:,} bytes; more than {LARGEST_UNPACKED_BYTES:,} are not read. A "
            f"{what} lists the images, one line each; take pictures and other sheets out.",
            bytes=unpacked,
        )


def _refuse_merged(sheet: Worksheet, *, name: str, what: str) -> None:
    merged = [str(one) for one in sheet.merged_cells.ranges]
    if merged:
        raise DataRefused(
            f"Sheet {sheet.title!r} of the {what} {name} has merged cells ({_few(merged)}): only the first of them has "
            "a value. Unmerge them, and write the value into every line.",
            cells=tuple(merged),
        )


def _refuse_uncounted(values: Worksheet, formulas: Worksheet, *, name: str, what: str) -> None:
    open_cells = [
        cell.coordinate
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and values[cell.coordinate].value is None
    ]
    if open_cells:
        raise DataRefused(
            f"Sheet {values.title!r} of the {what} {name} has formulas without a stored value ({_few(open_cells)}). "
            "Open it in Excel and save it, or paste the values.",
            cells=tuple(open_cells),
        )


def _say_what_is_read(sheet: Worksheet, book: Workbook, *, name: str) -> None:
    hidden = sum(bool(one.hidden) for one in sheet.row_dimensions.values())
    also = f" {hidden:,} of its lines are hidden, by a filter perhaps, and are read too." if hidden else ""
    others = len(book.worksheets) - 1
    rest = f", one of {others + 1} sheets," if others else ""
    say(f"Of the workbook {name}, sheet {sheet.title!r}{rest} was read.{also}")


def _few(cells: list[str]) -> str:
    more = len(cells) - CELLS_NAMED
    return ", ".join(cells[:CELLS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _text(cell: Cell) -> str:
    """A cell as a CSV would hold it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        is_date = value.time() == time()
        return value.date().isoformat() if is_date else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE_FLOAT:
        value = int(value)
    if isinstance(value, int) and CODE_FORMAT.fullmatch(cell.number_format or ""):
        return str(value).zfill(len(cell.number_format))
    return repr(value) if isinstance(value, float) else str(value)
