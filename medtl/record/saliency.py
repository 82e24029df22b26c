"""The maps that a fold left behind, a row each: two pictures side by side, or for a volume a sheet and a small copy.

In: a fold's `saliency/` folder. Out: frozen rows; pictures stay files until a page shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.errors import IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.record import run_folder as names
from medtl.record.history import require_columns
from medtl.record.typed_files import without_folders

DESCRIPTION = (
    "case_id", "patient_id", "model", "kind", "target_class", "truth", "probability", "strength", "stage", "positions",
)  # fmt: skip
MAP_COLUMNS = ("map_file", "seen_file")
PAIR_COLUMNS, SHEET_COLUMN = ("scan_png", "overlay_png"), "montage_png"
PICTURE_COLUMNS = (*PAIR_COLUMNS, "window", "spacing_row_mm", "spacing_column_mm")
VOLUME_COLUMNS = (SHEET_COLUMN, "view_json", "window")
NEEDED_COLUMNS = ("case_id", "model", "target_class", "truth", "probability", "strength")
"""What a page cannot do without; `stage` and `positions` are shown where they are."""

READOUT = "readout"
"""In the column `stage`: the map adds up the evidence of every stage that the head reads."""

TEXT_COLUMNS = (
    "case_id", "patient_id", "model", "kind", "target_class", "truth", "stage", "positions", *MAP_COLUMNS,
    *PAIR_COLUMNS, SHEET_COLUMN, "view_json", "window",
)  # fmt: skip


@dataclass(frozen=True)
class PairFiles:
    """Of a picture: the scan, and the map over it."""

    scan_png: Path
    overlay_png: Path


@dataclass(frozen=True)
class VolumeFiles:
    """Of a volume: a sheet of slices, the facts of its small copy, and the map on the scan's own grid.

    `view_scan` and `view_map` are the copy's mosaics, named by the stem of `view_json`.
    """

    montage_png: Path
    view_json: Path | None
    map_file: Path | None

    @property
    def view_scan(self) -> Path | None:
        """The mosaic of the scan."""
        return self.view_json and self.view_json.with_name(f"{self.view_json.stem}-scan.png")

    @property
    def view_map(self) -> Path | None:
        """The mosaic of the map."""
        return self.view_json and self.view_json.with_name(f"{self.view_json.stem}-map.png")


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
    files: PairFiles | VolumeFiles
    window: str


def write_saliency(
    folder: Path, *, shown: Sequence[Mapping[str, object]], maps: Sequence[Mapping[str, object]], of_volumes: bool
) -> None:
    """Write saliency.csv, a row per case that the page shows, and maps.csv, a row per case with a map."""
    columns = (*DESCRIPTION, *MAP_COLUMNS, *(VOLUME_COLUMNS if of_volumes else PICTURE_COLUMNS))
    write_csv(folder / names.SALIENCY_TABLE, pd.DataFrame(list(shown), columns=list(columns)))
    write_csv(folder / names.MAPS_TABLE, pd.DataFrame(list(maps), columns=[*DESCRIPTION, *MAP_COLUMNS]))


def read_saliency(folder: Path, *, fold: int) -> tuple[SaliencyCase, ...]:
    """The rows of `saliency.csv`; none when a fold has no maps."""
    if not (folder / names.SALIENCY_TABLE).is_file():
        return ()
    table = read_csv(folder / names.SALIENCY_TABLE, text_columns=TEXT_COLUMNS)
    pictures = (SHEET_COLUMN,) if SHEET_COLUMN in table.columns else PAIR_COLUMNS
    require_columns(table, (*NEEDED_COLUMNS, *pictures), where=f"fold_{fold}/saliency/{names.SALIENCY_TABLE}")
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
            files=_files(folder, row, fold=fold),
            window=_window(row.get("window")),
        )
        for row in table.to_dict("records")
    )


def _files(folder: Path, row: Mapping, *, fold: int) -> PairFiles | VolumeFiles:
    montage = _within(folder, row.get(SHEET_COLUMN), fold=fold)
    if montage is not None:
        files = VolumeFiles(
            montage_png=montage,
            view_json=_within(folder, row.get("view_json"), fold=fold),
            map_file=_within(folder, row.get("map_file"), fold=fold),
        )
        for mosaic in (files.view_scan, files.view_map):
            _within(folder, mosaic and mosaic.name, fold=fold)
        return files
    scan, overlay = (_within(folder, row.get(name), fold=fold) for name in PAIR_COLUMNS)
    if scan is None or overlay is None:
        raise IntegrityFailure(
            f"fold_{fold}/saliency/{names.SALIENCY_TABLE} names no picture of case {row['case_id']}: expected "
            "scan_png and overlay_png, or montage_png for a volume. Restore it, or run again with --resume.",
            case_id=str(row["case_id"]),
        )
    return PairFiles(scan, overlay)


def _within(folder: Path, name: object, *, fold: int) -> Path | None:
    """A file's path; a name that leaves the fold's saliency folder is refused, so a page never shows others."""
    if not _is_text(name):
        return None
    path = folder / str(name)
    if Path(str(name)).name != name or path.is_symlink():
        raise IntegrityFailure(
            f"fold_{fold}/saliency/{names.SALIENCY_TABLE} names a picture outside its own folder. "
            "Pictures lie beside the table, by plain names; restore the table, or run again with --resume.",
            fold=fold,
        )
    return path


def _is_text(cell: object) -> bool:
    return isinstance(cell, str) and bool(cell)


def _window(value: object) -> str:
    return "" if value is None or pd.isna(value) else without_folders(str(value))  # type: ignore[call-overload]


def _resolution(row: Mapping) -> str:
    if not {"stage", "positions"} <= row.keys():
        return ""
    stage = "all stages that the head reads" if row["stage"] == READOUT else row["stage"]
    return f"{stage}, {row['positions']} positions"
