"""What one finished fold left behind: curves, the probe's choice, the selection, the maps, what changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.predictions import selection
from medtl.record import run_folder as names
from medtl.record.history import read_history
from medtl.record.probe import ProbeChoice, read_probe
from medtl.record.retention import Retention, read_retention
from medtl.record.saliency import SaliencyCase, read_saliency


@dataclass(frozen=True)
class FoldRecord:
    """A finished fold: `history` has a row per model and epoch, or is None when nothing was trained by epochs."""

    fold: int
    history: pd.DataFrame | None
    probe: ProbeChoice | None
    saliency: tuple[SaliencyCase, ...]
    selection: selection.Selection | None = None
    retention: Retention | None = None


def read_fold(folder: Path, *, fold: int) -> FoldRecord:
    """Read a finished fold; curves, probe, selection and maps may be absent, what is present must be whole."""
    chosen = folder / names.SELECTION
    return FoldRecord(
        fold=fold,
        history=read_history(folder),
        probe=read_probe(folder),
        saliency=read_saliency(folder / names.SALIENCY, fold=fold),
        selection=selection.read_selection(chosen) if chosen.is_file() else None,
        retention=read_retention(folder),
    )
