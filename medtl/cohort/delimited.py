"""Text files with columns: bytes in, a header and numbered rows out.

UTF-8 with or without byte order mark; `,`, `;` or tab between cells; cells may be quoted with `"`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from medtl.errors import ConfigurationError, DataRefused

SIZE_LIMIT_BYTES = 64 * 2**20
"""Larger than any list of cases (about half a million rows): a file beyond it is not a manifest."""

DELIMITERS = (",", ";", "\t")

SAVE_AS_UTF8 = "Save it as CSV UTF-8 (in Excel: Save as, CSV UTF-8) and try again."


@dataclass(frozen=True)
class Row:
    """One row: the line it starts on (the header is line 1) and its cells, stripped of outer blanks."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Delimited:
    """A header and the rows below it; rows without any text are left away."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_delimited(path: Path, *, expected_columns: tuple[str, ...], what: str = "manifest") -> Delimited:
    """The rows of a CSV or TSV file; the delimiter is the one under which most expected columns are found.

    Raises:
        ConfigurationError: there is no such file.
        DataRefused: the file is empty, too large, not text, or its quotes do not close.
    """
    text = _text_of(path, what=what)
    delimiter = _delimiter_of(text, expected_columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    line = 1
    try:
        for cells in reader:
            stripped = tuple(cell.strip() for cell in cells)
            if any(stripped):
                rows.append(Row(line=line, cells=stripped))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataRefused(
            f"The {what} {path.name} cannot be split into cells from line {line} on ({error}). "
            'A cell with a quote in it is written "like ""this"" one"; look for a quote that does not close.',
            line=line,
        ) from error
    if not rows:
        raise DataRefused(f"The {what} {path.name} is empty: expected a header line and one line per case.")
    return Delimited(header=rows[0].cells, rows=tuple(rows[1:]))


def _text_of(path: Path, *, what: str) -> str:
    if not path.is_file():
        fault = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise ConfigurationError(
            f"The {what} {path.name} {fault}. Expected a CSV or TSV file with one line per case; check the path."
        )
    size = path.stat().st_size
    if size > SIZE_LIMIT_BYTES:
        raise DataRefused(
            f"The {what} {path.name} has {size:,} bytes; more than {SIZE_LIMIT_BYTES:,} are not read. "
            f"A {what} lists the images, one line each; it does not hold them.",
            bytes=size,
        )
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataRefused(
            f"The {what} {path.name} is not UTF-8 text (line {line}, byte {error.start}). {SAVE_AS_UTF8}", line=line
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataRefused(
            f"The {what} {path.name} is not a text file: line {line} holds a zero byte. {SAVE_AS_UTF8}", line=line
        )
    return text


def _delimiter_of(text: str, expected_columns: tuple[str, ...]) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")

    def found(delimiter: str) -> tuple[int, int]:
        cells = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        return len(set(cells) & set(expected_columns)), len(cells)

    return max(DELIMITERS, key=found)
