"""The curves of a fold: each network's numbers by epoch, of a fold that is finished or still trains.

In: the folder of a fold. Out: the numbers of its history.csv, digit for digit; before there is one, those that the
states of its networks hold.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.errors import IntegrityFailure
from medtl.files import rearmed
from medtl.record import run_folder as names
from medtl.record.history import read_history

MODEL, EPOCH = "model", "epoch"


@dataclass(frozen=True)
class Curve:
    """One network: the numbers of each of its epochs, in order, by the columns of history.csv."""

    model: str
    epochs: tuple[tuple[int, Mapping[str, float]], ...]


class _Progress(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    history: tuple[Mapping[str, float], ...]


class _State(BaseModel):
    """What the side file of a training state says of the epochs that are done."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    progress: _Progress


def read_curves(fold: Path) -> tuple[Curve, ...]:
    """The curves of a fold, by model; none where nothing is trained by epochs.

    Raises:
        IntegrityFailure: history.csv is not what medtl wrote.
    """
    path = fold / names.HISTORY
    if not path.is_file():
        return _running(fold / names.TRAINING)
    if read_history(fold) is None:  # refuses a table without its columns
        return ()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        numbers = [
            {column: float(cell) for column, cell in row.items() if column != MODEL and cell not in ("", None)}
            for row in rows
        ]
    except ValueError as error:
        raise IntegrityFailure(
            f"{fold.name}/{names.HISTORY} holds a cell that is no number ({error}). Restore it, or run again with "
            "--resume.",
            file=f"{fold.name}/{names.HISTORY}",
        ) from error
    models = [str(rearmed(row[MODEL])) for row in rows]
    return tuple(
        _curve(model, [one for one, name in zip(numbers, models, strict=True) if name == model])
        for model in dict.fromkeys(models)
    )


def _running(folder: Path) -> tuple[Curve, ...]:
    """The curves in the newest whole state of each network; a state that is being written is passed over."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for path in sorted(folder.rglob("state-*.json")):
        *suffix, policy = path.parent.relative_to(folder).parts
        model = "@".join((policy, *suffix))
        try:
            history = list(_State.model_validate_json(path.read_bytes()).progress.history)
        except (OSError, ValidationError):
            continue
        if len(history) > len(found.get(model, [])):
            found[model] = history
    return tuple(_curve(model, history) for model, history in found.items())


def _curve(model: str, rows: list[Mapping[str, float]]) -> Curve:
    return Curve(
        model,
        tuple((int(row[EPOCH]), {name: value for name, value in row.items() if name != EPOCH}) for row in rows),
    )
