"""What one finished fold left behind: curves, the probe's choice, and the maps.

In: the folder of a fold. Out: frozen values; pictures stay files until a page shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.errors import IntegrityFailure
from medtl.files import read_csv
from medtl.report.plain_data import read_mapping, without_places

HISTORY_COLUMNS = ("model", "epoch", "training_loss", "validation_loss")
SALIENCY_COLUMNS = ("case_id", "model", "target_class", "truth", "probability", "strength", "scan_png", "overlay_png")


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
class SaliencyCase:
    """One map on one out-of-fold case. `strength` is the raw maximum before scaling to [0, 1].

    `resolution` says how coarse the map is in itself, as "layer4, 7 x 7 positions", and is empty when not recorded.
    """

    case_id: str
    fold: int
    model: str
    target_class: str
    truth: str
    probability: float
    strength: float
    resolution: str
    scan_png: Path
    overlay_png: Path
    window: str
    spacing_mm: tuple[float, float] | None


@dataclass(frozen=True)
class FoldRecord:
    """A finished fold: `history` has a row per model and epoch, or is None when nothing was trained by epochs."""

    fold: int
    history: pd.DataFrame | None
    probe: ProbeChoice | None
    saliency: tuple[SaliencyCase, ...]


def read_fold(folder: Path, *, fold: int) -> FoldRecord:
    """Read a finished fold; curves, probe and maps may be absent, what is present must be whole."""
    history = read_csv(folder / "history.csv", text_columns=("model",)) if (folder / "history.csv").is_file() else None
    if history is not None:
        _require(history, HISTORY_COLUMNS, where=f"fold_{fold}/history.csv")
        history = history if len(history) else None
    probe = _probe(folder / "probe.json") if (folder / "probe.json").is_file() else None
    return FoldRecord(fold=fold, history=history, probe=probe, saliency=_saliency(folder / "saliency", fold=fold))


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


def _saliency(folder: Path, *, fold: int) -> tuple[SaliencyCase, ...]:
    if not (folder / "saliency.csv").is_file():
        return ()
    texts = ("case_id", "model", "target_class", "truth", "scan_png", "overlay_png", "window", "stage", "positions")
    table = read_csv(folder / "saliency.csv", text_columns=texts)
    _require(table, SALIENCY_COLUMNS, where=f"fold_{fold}/saliency/saliency.csv")
    return tuple(
        SaliencyCase(
            case_id=str(row["case_id"]),
            fold=fold,
            model=str(row["model"]),
            target_class=str(row["target_class"]),
            truth=str(row["truth"]),
            probability=float(row["probability"]),
            strength=float(row["strength"]),
            resolution=_resolution(row),
            scan_png=_within(folder, str(row["scan_png"]), fold=fold),
            overlay_png=_within(folder, str(row["overlay_png"]), fold=fold),
            window=_window(row.get("window")),
            spacing_mm=_spacing(row),
        )
        for row in table.to_dict("records")
    )


def _require(table: pd.DataFrame, columns: tuple[str, ...], *, where: str) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise IntegrityFailure(
            f"{where} lacks {', '.join(missing)}: expected the columns {', '.join(columns)}. "
            "Restore it, or run again with --resume.",
            missing=tuple(missing),
        )


def _within(folder: Path, name: str, *, fold: int) -> Path:
    """The picture's path; a name that leaves the fold's saliency folder is refused, so a page never shows others."""
    path = folder / name
    if Path(name).name != name or path.is_symlink():
        raise IntegrityFailure(
            f"fold_{fold}/saliency/saliency.csv names a picture outside its own folder. "
            "Pictures lie beside the table, by plain names; restore the table, or run again with --resume.",
            fold=fold,
        )
    return path


def _window(value: object) -> str:
    return "" if value is None or pd.isna(value) else without_places(str(value))  # type: ignore[call-overload]


def _resolution(row: dict) -> str:
    return f"{row['stage']}, {row['positions']} positions" if {"stage", "positions"} <= row.keys() else ""


def _spacing(row: dict) -> tuple[float, float] | None:
    height, width = (float(row.get(name) or "nan") for name in ("spacing_row_mm", "spacing_column_mm"))
    return (height, width) if height > 0 and width > 0 else None
