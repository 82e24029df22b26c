"""Text files with columns: bytes in, a header and numbered rows out.

An Excel workbook is read as one of its sheets (`cases.xlsx#Patients`). Text is
UTF-8 with or without byte order mark, or UTF-16 with one; `,`, `;`, `|` or tab between cells, or what Excel's first
line `sep=;` names; cells may be quoted with `"`. Columns without a name and without a cell, and empty cells behind the
last column, are left away, as spreadsheets write them.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort.workbook import ENDINGS, SHEET_SIGN, rows_of_workbook
from medtl.errors import ConfigurationError, DataRefused

SIZE_LIMIT_BYTES = 64 * 2**20
"""Larger than any list of cases (about half a million rows): a file beyond it is not a manifest."""

DELIMITERS = (",", ";", "\t", "|")

SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
"""Excel's own first line; it is no row of the table."""

SAVE_AS_UTF8 = "Save it as CSV UTF-8 (in Excel: Save as, CSV UTF-8) and try again."

ZIP = b"PK\x03\x04"

OTHER_FORMATS = (
    (ZIP, "a spreadsheet (.xlsx, .ods) or another zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "a compressed file (gzip): unpack it first"),
    (b"\x89PNG", "a picture"), (b"%PDF", "a PDF"), (b"PAR1", "a Parquet table"), (b"$FL", "an SPSS table (.sav)"),
    (b"<stata_dta", "a Stata table (.dta)"), (b"{\\rtf", "a text document (RTF)"), (b"SQLite format 3", "a database"),
    (b"<!DOCTYPE", "an HTML page"), (b"<!doctype", "an HTML page"), (b"<html", "an HTML page"),
    (b"<?xml", "an XML file"),
)  # fmt: skip
"""How files begin that are saved or sent instead of a CSV."""

BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks of UTF-16, which Excel calls Unicode text."""


@dataclass(frozen=True)
class DelimitedRow:
    """One row: the line it starts on (the header is line 1) and its cells, stripped of outer blanks."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Delimited:
    """A header and the rows below it; rows without any text are left away. `delimiter` stood between the cells."""

    header: tuple[str, ...]
    rows: tuple[DelimitedRow, ...]
    delimiter: str = ","


def read_delimited(path: Path, *, expected_columns: tuple[str, ...], what: str = "manifest") -> Delimited:
    """The rows of a CSV, TSV or Excel file; a text's delimiter is the one that finds most expected columns.

    Raises:
        ConfigurationError: there is no such file.
        DataRefused: the file is empty, too large, not text, or its quotes do not close.
    """
    path, sheet = file_and_sheet(path)
    if path.suffix.lower() in ENDINGS and path.is_file():
        data = _bytes_of(path, what=what)
        if data.startswith(ZIP):
            return _of_workbook(data, path, sheet, what=what)
    text = _text_of(path, what=what)
    named = SEPARATOR_LINE.fullmatch(text.partition("\n")[0].rstrip("\r"))
    delimiter = named[1] if named else _delimiter_of(text, expected_columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[DelimitedRow] = []
    line = 1
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped) and not (named and line == 1):
                rows.append(DelimitedRow(line=line, cells=stripped))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataRefused(
            f"The {what} {path.name} cannot be split into cells from line {line} on ({error}). "
            'A cell with a quote in it is written "like ""this"" one"; look for a quote that does not close.',
            line=line,
        ) from error
    if not rows:
        raise DataRefused(f"The {what} {path.name} is empty: expected a header line and one line per case.")
    return _without_empty_columns(rows, delimiter)


def _without_empty_columns(rows: list[DelimitedRow], delimiter: str) -> Delimited:
    """The table without columns that have neither a name nor a cell, and without empty cells behind the last one."""
    header, *below = rows
    width = len(header.cells)
    held = {index for row in below for index, cell in enumerate(row.cells) if cell}
    while width > 1 and not header.cells[width - 1] and not any(index >= width - 1 for index in held):
        width -= 1
    kept = [index for index in range(width) if header.cells[index] or index in held]

    def trimmed(row: DelimitedRow) -> DelimitedRow:
        cells = row.cells[:width] + (() if not any(row.cells[width:]) else row.cells[width:])
        if len(cells) != width or len(kept) == width:
            return DelimitedRow(row.line, cells)
        return DelimitedRow(row.line, tuple(cells[index] for index in kept))

    return Delimited(trimmed(header).cells, tuple(map(trimmed, below)), delimiter)


def file_and_sheet(path: Path) -> tuple[Path, str | None]:
    """`cases.xlsx#Patients` as the file and the sheet; any other path is a file alone."""
    name, sign, sheet = path.name.partition(SHEET_SIGN)
    is_workbook = sign and name.lower().endswith(ENDINGS) and not path.is_file()
    return (path.with_name(name), sheet) if is_workbook else (path, None)


def _of_workbook(data: bytes, path: Path, sheet: str | None, *, what: str) -> Delimited:
    found = rows_of_workbook(data, name=path.name, sheet=sheet, what=what)
    stripped = [DelimitedRow(line, tuple(cell.strip() for cell in cells)) for line, cells in found]
    return _without_empty_columns([row for row in stripped if any(row.cells)], ",")


def _text_of(path: Path, *, what: str) -> str:
    data = _bytes_of(path, what=what)
    named = next((name for start, name in OTHER_FORMATS if data.startswith(start)), None)
    if named is not None:
        raise DataRefused(f"The {what} {path.name} is {named}, not a CSV. {SAVE_AS_UTF8}", format=named)
    encoding = next((name for start, name in BYTE_ORDER_MARKS.items() if data.startswith(start)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        kind = "UTF-8" if encoding == "utf-8-sig" else "whole UTF-16"
        raise DataRefused(
            f"The {what} {path.name} is not {kind} text (line {line}, byte {error.start}). {SAVE_AS_UTF8}", line=line
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataRefused(
            f"The {what} {path.name} is not a text file: line {line} holds a zero byte. {SAVE_AS_UTF8}", line=line
        )
    return text


def _bytes_of(path: Path, *, what: str) -> bytes:
    if not path.is_file():
        fault = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(
            f"The {what} {path.name} {fault}. Expected a CSV, TSV or Excel file with one line per case; check the path."
        )
    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise DataRefused(
            f"The {what} {path.name} has {size:,} bytes; more than {SIZE_LIMIT_BYTES:,} are not read. "
            f"A {what} lists the images, one line each; it does not hold them.",
            bytes=size,
        )
    return path.read_bytes()


def _delimiter_of(text: str, expected_columns: tuple[str, ...]) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")

    def found(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        return len(set(cells) & set(expected_columns)), len(cells)

    return max(DELIMITERS, key=found)
