"""Write a run's maps for the archive: objects of each case, a table of all, and a sentence on what was left out.

In: a run folder and a new folder outside of it. Out: `<case>_saliency.dcm`, `<case>_montage.dcm` and `maps.csv`, for
the user's eyes alone, since they bear patients' names and identifiers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import pandas as pd
import pydicom

from medtl.errors import ConfigurationError, DataRefused, IntegrityFailure
from medtl.files import read_csv, replacing, write_csv
from medtl.imaging.for_intake import UnreadableScan, one_scan
from medtl.maps.case_objects import picture_objects, volume_objects
from medtl.maps.left_out import LeftOut
from medtl.maps.run_maps import CaseMap, read_maps
from medtl.maps.sources import SourceTables
from medtl.progress import track
from medtl.record import run_folder as names
from medtl.record.run_folder import RunFolder
from medtl.study.settings import read_study

TABLE = "maps.csv"
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
"""Ids that can be file names as they are."""

MOST_NAMED = 20
"""Cases left out that are named one by one; all are in the table."""


@dataclass(frozen=True)
class ExportRow:
    """A line of the table. `peak_*_mm` is the map's strongest voxel, the first of equals, in DICOM's coordinates."""

    case_id: str
    fold: int
    model: str
    target_class: str
    source_series_uid: str = ""
    saliency_file: str = ""
    montage_file: str = ""
    slices: int | None = None
    peak_left_mm: float | None = None
    peak_posterior_mm: float | None = None
    peak_superior_mm: float | None = None
    unseen_share: float | None = None
    remarks: str = ""

    @property
    def is_exported(self) -> bool:
        """Whether an object was written for the case."""
        return bool(self.saliency_file or self.montage_file)


def export_maps(run: Path, out: Path, *, cases: Sequence[str] = ()) -> str:
    """Write the maps of a run, of all cases or the named ones, into the folder `out`; the summary for the console.

    Raises:
        ConfigurationError: `out` lies in the run or holds files, or there is no such run, map or case.
        DataRefused: no map could be exported; the message says why.
        IntegrityFailure: the run's files are not what it wrote.
    """
    _refuse_folder(out, run=run)
    maps = read_maps(run, cases=cases)
    sources = SourceTables.read(
        read_study(run / names.STUDY), cases=[one.case_id for one in maps], sha256=_sha256_of(run)
    )
    fingerprint = RunFolder(run).fingerprint() or run.name
    was_there = out.is_dir()
    _make_private(out)
    rows = [
        _exported(one, sources, out=out, stem=_stem(one, number=number), run=fingerprint)
        for number, one in enumerate(track(maps, what="DICOM maps", total=len(maps)))
    ]
    if not any(row.is_exported for row in rows):
        if not was_there:
            out.rmdir()
        raise _none_exported(rows, run=run)
    table = pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(ExportRow)])
    write_csv(out / TABLE, table.astype({"slices": "Int64"}))
    (out / TABLE).chmod(PRIVATE_FILE)
    return _summary(rows, out=out)


def _refuse_folder(out: Path, *, run: Path) -> None:
    if out.resolve().is_relative_to(run.resolve()):
        raise ConfigurationError(
            f"{out.name} lies in the run folder, and what is written there bears patients' names, while a run folder "
            "is shared. Choose a private folder outside of it for --out."
        )
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out.name} is a file. Give --out a new or empty folder.")
    if out.is_dir() and any(out.iterdir()):
        raise ConfigurationError(
            f"{out.name} holds files already. Give --out a new or empty folder, so that objects of two exports are not "
            "mixed and nobody else's files are made private."
        )


def _make_private(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        out.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {out.name} cannot be made private to you ({error.strerror}). Choose another with --out."
        ) from error


def _sha256_of(run: Path) -> dict[str, str]:
    table = read_csv(run / names.LOCK_TABLE, text_columns=("case_id", "patient_id", "label", "sha256", "pixel_sha256"))
    if not {"case_id", "sha256"} <= set(table.columns):
        raise IntegrityFailure(
            f"{names.LOCK_TABLE} of {run.name} has no column case_id or sha256: it was changed after the run wrote it. "
            "Restore it, or run the study again."
        )
    return dict(zip(table["case_id"].astype(str), table["sha256"].astype(str), strict=True))


def _stem(one: CaseMap, *, number: int) -> str:
    """The beginning of a case's file names: its id, or a number where an id cannot be a file name."""
    name = one.case_id if PLAIN_NAME.fullmatch(one.case_id) else f"case-{number:03d}"
    return name if one.is_only else f"{name}_fold{one.fold}"


def _exported(one: CaseMap, sources: SourceTables, *, out: Path, stem: str, run: str) -> ExportRow:
    """The objects of one case on disk; a case that cannot be exported is a row with a remark."""
    row = ExportRow(one.case_id, one.fold, one.model, one.target_class)
    try:
        with one_scan():
            try:
                source = sources.files_of(one.case_id)
                made = (volume_objects if one.is_volume else picture_objects)(one, source, run=run)
            except LeftOut as reason:
                return replace(row, remarks=str(reason))
    except UnreadableScan as refusal:
        return replace(row, remarks=str(refusal))
    left_mm, posterior_mm, superior_mm = made.peak_mm or (None, None, None)
    return replace(
        row,
        peak_left_mm=left_mm,
        peak_posterior_mm=posterior_mm,
        peak_superior_mm=superior_mm,
        source_series_uid=made.series_uid,
        saliency_file=_written(made.saliency, out / f"{stem}_saliency.dcm"),
        montage_file=_written(made.montage, out / f"{stem}_montage.dcm"),
        slices=made.slices,
        unseen_share=made.unseen_share,
        remarks=" ".join(made.remarks),
    )


def _written(made: pydicom.Dataset | None, path: Path) -> str:
    """Write an object for its owner's eyes alone; the name, or nothing where there is none."""
    if made is None:
        return ""
    with replacing(path) as temporary:
        made.save_as(temporary, enforce_file_format=True)
    path.chmod(PRIVATE_FILE)
    return path.name


def _none_exported(rows: Sequence[ExportRow], *, run: Path) -> DataRefused:
    reasons = Counter(row.remarks for row in rows).most_common()
    first = {remark: next(row.case_id for row in rows if row.remarks == remark) for remark, _ in reasons}
    kinds = "\n".join(f"  {count} x, first case {first[remark]}: {remark}" for remark, count in reasons)
    return DataRefused(
        f"None of the {len(rows)} maps of {run.name} can be exported as DICOM; they stay in fold_K/saliency/.\n{kinds}",
        cases=tuple(row.case_id for row in rows),
    )


def _summary(rows: Sequence[ExportRow], *, out: Path) -> str:
    volumes, captures = sum(bool(row.saliency_file) for row in rows), sum(bool(row.montage_file) for row in rows)
    lost = [row for row in rows if not row.is_exported]
    lines = [
        f"{len(rows) - len(lost)} of {len(rows)} maps exported: {volumes} as parametric map, {captures} as picture.",
        f"They bear patients' names and identifiers. {out.name} is readable by you alone; keep it so.",
        *(f"Left out: case {row.case_id}: {row.remarks}" for row in lost[:MOST_NAMED]),
    ]
    if len(lost) > MOST_NAMED:
        lines.append(f"and {len(lost) - MOST_NAMED} more; {TABLE} names each.")
    return "\n".join([*lines, str(out / TABLE)])
