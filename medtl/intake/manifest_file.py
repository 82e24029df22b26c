"""The manifest and the table of refusals, as rows without a name; a manifest that people have changed is not lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from medtl.errors import ConfigurationError
from medtl.files import sha256_of_file, write_atomically, write_csv
from medtl.intake.conversion import ConversionResult
from medtl.intake.offer import Cell, Offer

FIRST_COLUMNS = ("case_id", "patient_id", "image", "label")
EXCLUSION_COLUMNS = ("case_id", "patient_id", "files", "what", "reason", "detail")


def refuse_to_overwrite(manifest: Path, *, seal: Path, may_replace: bool) -> None:
    """Stop when the manifest exists and is not as an intake left it.

    Raises:
        ConfigurationError: the file was made or changed by somebody else, or it is no file for a table.
    """
    if manifest.suffix.lower() != ".csv":
        raise ConfigurationError(
            f"The manifest is a table: give --out a name that ends in .csv, not {manifest.name!r}."
        )
    if may_replace or not manifest.exists():
        return
    if not seal.is_file() or seal.read_text(encoding="ascii", errors="replace").strip() != sha256_of_file(manifest):
        raise ConfigurationError(
            f"{manifest.name} exists and is not as an intake left it: labels that were typed in would be lost. "
            "Give --out another name, put the labels into a file of their own (--labels), or give --replace."
        )


def write_manifest(manifest: Path, rows: Sequence[Mapping[str, Cell]], *, seal: Path) -> None:
    """Write the manifest without its empty columns, and its hash into the file `seal`."""
    write_csv(manifest, manifest_table(rows))
    write_atomically(seal, sha256_of_file(manifest) + "\n")


def manifest_table(rows: Sequence[Mapping[str, Cell]]) -> pd.DataFrame:
    """The rows as a table: the four columns that every manifest has, then those in which a row has a value."""
    names = dict.fromkeys(name for row in rows for name, value in row.items() if value not in (None, ""))
    columns = list(FIRST_COLUMNS) + [name for name in names if name not in FIRST_COLUMNS]
    return pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)


def manifest_row(
    offer: Offer, result: ConversionResult, *, patient_id: str, interval_days: int | None
) -> dict[str, Cell]:
    """The manifest's row of one accepted case."""
    spacing = result.spacing_mm if len(result.shape) == 3 else None
    row: dict[str, Cell] = {
        "case_id": result.case_id,
        "patient_id": patient_id,
        "image": result.image,
        "label": offer.label,
        "mask": result.mask,
        "official_split": offer.split,
        "fold": offer.fold,
        **offer.covariates,
        "interval_days": interval_days,
        "orientation": result.plane,
    }
    if spacing is not None:
        row |= {f"spacing_{axis}_mm": round(value, 6) for axis, value in zip("ijk", spacing, strict=True)}
    return row


def write_exclusions(path: Path, rows: Sequence[Mapping[str, Cell]]) -> None:
    """Write the table of refusals, one row each."""
    write_csv(path, pd.DataFrame([dict(row) for row in rows], columns=list(EXCLUSION_COLUMNS)))
