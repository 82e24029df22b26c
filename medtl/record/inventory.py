"""Every file that a run folder can hold, by its path: what is on no line here was not written by medtl."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from medtl.files import is_temporary
from medtl.record import run_folder as names

CHECKPOINTS = (names.CHECKPOINT, "checkpoint_*.safetensors", names.BASELINES)
PAGE_FILES = (names.REPORT, names.SUMMARY, f"{names.FIGURES}/*", f"{names.TABLES}/*")
SALIENCY_FILES = (names.SALIENCY_TABLE, names.MAPS_TABLE, "*.png", "*.nii.gz", "*-view.json")
"""Tables, pictures and mosaics, maps on the grids of the scans, and the facts of small copies of volumes."""

OF_RUN = (
    names.STUDY, names.COHORT, names.LOCK_TABLE, names.FOLDS, names.EXCLUSIONS, names.ENVIRONMENT, names.EVENTS,
    names.LOCK, names.PREDICTIONS, names.METRICS, names.CONTROLS, names.CONTROLS_PREDICTIONS, names.AUDIT,
    f"{names.AUDIT_PICTURES}/*.png", names.SALIENCY_CHECKS, names.SEALED, names.DONE, *PAGE_FILES, names.PDF,
    names.SUMMARY_PDF, names.STATEMENTS, names.REFERENCES, names.MODEL_CARD,
)  # fmt: skip
OF_FOLD = (
    names.PREDICTIONS, names.HISTORY, names.METRICS, names.PROBE, names.RETENTION, names.SELECTION, *CHECKPOINTS,
    names.DONE, names.LOCK, *PAGE_FILES, *(f"{names.SALIENCY}/{name}" for name in SALIENCY_FILES),
)  # fmt: skip
OF_VARIANT = (names.PROBE, names.RETENTION, *CHECKPOINTS)
"""What a further candidate of a selection keeps, in a folder of its own below the fold's."""

OF_HELD_OUT = (
    names.OPENINGS, names.RECORD, names.MEMBERS, names.UNCERTAINTY, names.PREDICTIONS, names.METRICS,
)  # fmt: skip

PATTERNS = (
    *OF_RUN,
    *(f"fold_*/{name}" for name in OF_FOLD),
    *(f"fold_*/*/{name}" for name in OF_VARIANT),
    *(f"{names.HELD_OUT}/*/{name}" for name in OF_HELD_OUT),
    *(f"{folder}/*" for folder in names.OF_A_SCHEDULER),
)
"""Paths in a run folder; `*` stands for any name, and never for a folder more."""


def unknown_files(run: Path) -> tuple[str, ...]:
    """The files of a run folder that are on no line of the inventory, in order; unfinished writes are not counted."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and not is_temporary(path.name))
    paths = (path.relative_to(run).as_posix() for path in files)
    return tuple(path for path in paths if not any(_matches(path, pattern) for pattern in PATTERNS))


def _matches(path: str, pattern: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
