"""Small tables that come with collections: rows as text by column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort.delimited import read_delimited
from medtl.errors import DataRefused


@dataclass(frozen=True)
class Table:
    """A header, and for each row its line in the file and its cells by column."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]

    def row_of(self, column: str, value: str) -> Mapping[str, str]:
        """The first row with this value, empty when there is none."""
        return next((cells for _, cells in self.rows if cells.get(column) == value), {})


def read_table(path: Path, *, expected: tuple[str, ...] = ()) -> Table:
    """The table in a CSV or TSV file.

    Raises:
        ConfigurationError, DataRefused: as for a manifest; also when a row has another number of cells than the header.
    """
    found = read_delimited(path, expected_columns=expected, what="table")
    odd = [row.line for row in found.rows if len(row.cells) != len(found.header)]
    if odd:
        lines = ", ".join(map(str, odd[:10]))
        raise DataRefused(
            f"The table {path.name} has {len(odd)} rows with another number of cells than its header "
            f"({len(found.header)}), first in line {lines}. Put quotes around cells that hold a delimiter.",
            lines=tuple(odd),
        )
    rows = tuple((row.line, dict(zip(found.header, row.cells, strict=True))) for row in found.rows)
    return Table(found.header, rows)
