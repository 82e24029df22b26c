"""The maps that a run left behind, a row each, ready to be exported.

In: a run folder with finished folds, whose files are compared with their hashes. Out: frozen rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.files import read_csv
from medtl.record import run_folder as names
from medtl.record.run_folder import RunFolder
from medtl.record.run_seal import refuse_changed
from medtl.record.saliency import TEXT_COLUMNS
from medtl.record.view import read_view

NEEDED = ("case_id", "model", "target_class", "probability", "map_file")
PICTURES = ("montage_png", "scan_png", "overlay_png")
MOST_LISTED = 5


@dataclass(frozen=True)
class CaseMap:
    """One map of one out-of-fold case.

    `map_file` is a NIfTI on the scan's own grid, or a PNG for a picture. `seen_file` is the mask of what the network
    saw, None when that was all. `pictures` are what the fold's page shows of the case: a montage, or scan and overlay;
    none for cases that are not on the page. `plane` is the montage's. `is_only` is false when other folds have maps of
    the case.
    """

    case_id: str
    fold: int
    model: str
    target_class: str
    probability: float
    map_file: Path
    seen_file: Path | None
    pictures: tuple[Path, ...]
    plane: str
    is_only: bool = True

    @property
    def is_volume(self) -> bool:
        """Whether the map is of a volume, and so has a position in the patient."""
        return self.map_file.name.endswith((".nii.gz", ".nii"))


def read_maps(folder: Path, *, cases: Sequence[str] = ()) -> tuple[CaseMap, ...]:
    """The maps of all finished folds, or of the named cases alone.

    Raises:
        ConfigurationError: it is no run, no fold is finished, no map was kept, or a named case has none.
        IntegrityFailure: a fold's files have changed since it wrote them.
    """
    run = RunFolder(folder)
    if not (run / names.STUDY).is_file():
        raise ConfigurationError(
            f"{folder.name} is no run folder (it has no {names.STUDY}). Give the folder that medtl run made."
        )
    refuse_changed(folder)
    finished = [fold for fold in run.finished_folds() if run.is_finished(fold)]
    found = [one for fold in finished for one in _maps_of(run.fold(fold) / names.SALIENCY, fold=fold)]
    if not found:
        reason = (
            "no fold is finished" if not finished else "its folds kept no maps (explanation.maps, cases_of_each_kind)"
        )
        raise ConfigurationError(
            f"{folder.name} has no saliency maps to export: {reason}. Run the study with maps first."
        )
    unknown = sorted(set(cases) - {one.case_id for one in found})
    if unknown:
        raise ConfigurationError(
            f"No map of {', '.join(unknown[:MOST_LISTED])} is in {folder.name}: expected case ids as in its "
            f"predictions.csv, of cases that have a map ({len(found)} of them). See fold_K/saliency/"
            f"{names.MAPS_TABLE}.",
            cases=tuple(unknown),
        )
    times = Counter(one.case_id for one in found)
    kept = [one for one in found if not cases or one.case_id in cases]
    return tuple(replace(one, is_only=times[one.case_id] == 1) for one in kept)


def _maps_of(folder: Path, *, fold: int) -> list[CaseMap]:
    if not (folder / names.MAPS_TABLE).is_file():
        return []
    shown = _rows(folder / names.SALIENCY_TABLE) if (folder / names.SALIENCY_TABLE).is_file() else {}
    return [
        CaseMap(
            case_id=case_id,
            fold=fold,
            model=str(row["model"]),
            target_class=str(row["target_class"]),
            probability=float(row["probability"]),
            map_file=_required(folder, row, "map_file"),
            seen_file=_within(folder, row.get("seen_file")),
            pictures=_pictures(folder, shown.get(case_id, {})),
            plane=_plane(_within(folder, shown.get(case_id, {}).get("view_json")), fold=fold),
        )
        for case_id, row in _rows(folder / names.MAPS_TABLE).items()
    ]


def _rows(path: Path) -> dict[str, Mapping[Any, Any]]:
    table = read_csv(path, text_columns=TEXT_COLUMNS)
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise IntegrityFailure(
            f"{path.parent.parent.name}/saliency/{path.name} lacks {', '.join(missing)}: it was made by another medtl. "
            "Run the study again.",
            missing=tuple(missing),
        )
    return {str(row["case_id"]): row for row in table.to_dict("records")}


def _pictures(folder: Path, row: Mapping[Any, Any]) -> tuple[Path, ...]:
    return tuple(path for name in PICTURES if (path := _within(folder, row.get(name))) is not None)


def _required(folder: Path, row: Mapping[Any, Any], name: str) -> Path:
    path = _within(folder, row[name])
    if path is None:
        raise IntegrityFailure(
            f"{folder.parent.name}/saliency/{names.MAPS_TABLE} names no file for the map of case {row['case_id']}. "
            "Restore it, or run again with --resume.",
            case_id=str(row["case_id"]),
        )
    return path


def _within(folder: Path, name: object) -> Path | None:
    """A file beside the table; a name that leads elsewhere is refused, so nothing else is ever sent to an archive."""
    if name is None or pd.isna(name) or not name:  # type: ignore[call-overload]
        return None
    path = folder / str(name)
    if Path(str(name)).name != name or path.is_symlink() or not path.is_file():
        raise IntegrityFailure(
            f"{folder.parent.name}/saliency names a file that does not lie beside its table. "
            "Restore the folder, or run again with --resume.",
            fold=folder.parent.name,
        )
    return path


def _plane(view: Path | None, *, fold: int) -> str:
    """The plane of a montage's slices, empty without a file that gives it."""
    return "" if view is None else read_view(view, fold=fold).montage.plane
