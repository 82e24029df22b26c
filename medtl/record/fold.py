"""What one finished fold left behind: curves, the probe's choice, and the maps.

In: the folder of a fold. Out: frozen values; pictures stay files until a page shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.errors import IntegrityFailure
from medtl.files import read_csv
from medtl.predictions import selection
from medtl.record.plain_data import read_mapping
from medtl.record.saliency import SaliencyCase, read_saliency, require_columns

HISTORY_COLUMNS = ("model", "epoch", "training_loss", "validation_loss")


@dataclass(frozen=True)
class ProbeChoice:
    """The regularisation that the inner folds chose: `penalty_inverse` is scikit-learn's C."""

    penalty_inverse: float
    tried: tuple[float, ...]
    inner_log_losses: tuple[float, ...]
    inner_folds: int
    converged: bool

    @property
    def at_the_edge(self) -> bool:
        """Whether the choice is the smallest or largest value tried, so that the grid may have been too short."""
        return len(self.tried) > 1 and self.penalty_inverse in (min(self.tried), max(self.tried))


@dataclass(frozen=True)
class FoldRecord:
    """A finished fold: `history` has a row per model and epoch, or is None when nothing was trained by epochs."""

    fold: int
    history: pd.DataFrame | None
    probe: ProbeChoice | None
    saliency: tuple[SaliencyCase, ...]
    selection: selection.Selection | None = None


def read_fold(folder: Path, *, fold: int) -> FoldRecord:
    """Read a finished fold; curves, probe and maps may be absent, what is present must be whole."""
    history = read_csv(folder / "history.csv", text_columns=("model",)) if (folder / "history.csv").is_file() else None
    if history is not None:
        require_columns(history, HISTORY_COLUMNS, where=f"fold_{fold}/history.csv")
        history = history if len(history) else None
    probe = _probe(folder / "probe.json") if (folder / "probe.json").is_file() else None
    chosen = folder / "selection.json"
    return FoldRecord(
        fold=fold,
        history=history,
        probe=probe,
        saliency=read_saliency(folder / "saliency", fold=fold),
        selection=selection.read_selection(chosen) if chosen.is_file() else None,
    )


def _probe(path: Path) -> ProbeChoice:
    facts = read_mapping(path)
    try:
        return ProbeChoice(
            penalty_inverse=float(str(facts["C"])),
            tried=tuple(float(value) for value in list(facts.get("C_grid") or ())),  # type: ignore[call-overload]
            inner_log_losses=tuple(float(value) for value in list(facts.get("inner_log_loss") or ())),  # type: ignore[call-overload]
            inner_folds=int(str(facts.get("inner_folds", 0))),
            converged=bool(facts.get("converged", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityFailure(
            f"{path.parent.name}/{path.name} lacks a number or holds text in its place ({error}). "
            "Restore it, or run again with --resume.",
            file=path.name,
        ) from error
