"""history.csv of a fold: a row per model and epoch."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from medtl.errors import IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.record import run_folder as names

COLUMNS = ("model", "epoch", "training_loss", "validation_loss")
"""What a page needs; a run writes more."""


def write_history(history: pd.DataFrame, folder: Path) -> None:
    """Write history.csv into the folder of a fold; it has its columns even where nothing was trained by epochs."""
    write_csv(folder / names.HISTORY, history)


def read_history(folder: Path) -> pd.DataFrame | None:
    """The history.csv of a fold; None where nothing was trained by epochs.

    Raises:
        IntegrityFailure: a column is missing.
    """
    path = folder / names.HISTORY
    if not path.is_file():
        return None
    history = read_csv(path, text_columns=("model",))
    require_columns(history, COLUMNS, where=f"{folder.name}/{names.HISTORY}")
    return history if len(history) else None


def require_columns(table: pd.DataFrame, columns: tuple[str, ...], *, where: str) -> None:
    """Nothing, if a table has all of these columns.

    Raises:
        IntegrityFailure: one is missing; all missing ones are named.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise IntegrityFailure(
            f"{where} lacks {', '.join(missing)}: expected the columns {', '.join(columns)}. "
            "Restore it, or run again with --resume.",
            missing=tuple(missing),
        )
