"""Small tables that come with collections: rows as text by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.cohort.delimited import Delimited, read_delimited
from medtl.errors import DataRefused

EVENT_COLUMNS = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
"""Columns of a REDCap export with several rows for one record."""


@dataclass(frozen=True)
class TextTable:
    """A header, and for each row its line in the file and its cells by column."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]

    def row_of(self, column: str, value: str) -> Mapping[str, str]:
        """The cells that the rows with this value share, empty where they disagree; none when there is no such row."""
        rows = [cells for _, cells in self.rows if cells.get(column) == value]
        first = rows[0] if rows else {}
        return {name: cell if all(row[name] == cell for row in rows) else "" for name, cell in first.items()}

    def disagreeing(self, column: str, names: Sequence[str]) -> int:
        """How many values of a column have several rows that differ in one of the columns `names`."""
        versions: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for _, cells in self.rows:
            versions[cells.get(column, "")].add(tuple(cells.get(name, "") for name in names))
        return sum(len(different) > 1 for different in versions.values())

    @property
    def event_hint(self) -> str:
        """What to do with an export of REDCap that has a row for each event; empty for any other table."""
        column = next((name for name in EVENT_COLUMNS if name in self.header), None)
        if column is None:
            return ""
        return (
            f"The table has a row for each of the REDCap events of a record (column {column}). Export only the event "
            "that holds the label, or keep only its rows, so that each patient or case has one row. "
        )


def read_table(path: Path, *, expected: tuple[str, ...] = ()) -> TextTable:
    """The table in a CSV or TSV file.

    Raises:
        ConfigurationError, DataRefused: as for a manifest; also when a row has another number of cells than the header,
            or two columns bear one name.
    """
    found = read_delimited(path, expected_columns=expected, what="table")
    twice = sorted({name for name in found.header if name and found.header.count(name) > 1})
    if twice:
        raise DataRefused(
            f"The table {path.name} has two columns named {twice[0]!r}: which one is meant cannot be known. Rename or "
            "remove one.",
            columns=tuple(twice),
        )
    odd = [row.line for row in found.rows if len(row.cells) != len(found.header)]
    if odd:
        lines = ", ".join(map(str, odd[:10])) + (", …" if len(odd) > 10 else "")
        rows = f"{len(odd)} rows" if len(odd) > 1 else "1 row"
        raise DataRefused(
            f"The table {path.name} has {rows} with another number of cells than its header "
            f"({len(found.header)}), line {lines}. {_remedy(found)}",
            lines=tuple(odd),
        )
    rows_by_line = tuple((row.line, dict(zip(found.header, row.cells, strict=True))) for row in found.rows)
    return TextTable(found.header, rows_by_line)


def _remedy(found: Delimited) -> str:
    if len(found.rows) > 1 and all(len(row.cells) == len(found.header) + 1 for row in found.rows):
        return (
            "Every row has one cell more: R's write.table writes row names so. Export with row.names = FALSE, or "
            "give the first column a name."
        )
    return "Put quotes around cells that hold a delimiter."
