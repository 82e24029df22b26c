"""Which intake takes a folder in, as a command to give: what `medtl init` answers to a folder.

In: a folder, or a file that lists scans. Out: sentences and commands. Headers and names are looked at, and nothing is
written.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from medtl.cohort.delimited import read_delimited
from medtl.errors import ConfigurationError, MedtlError
from medtl.intake.folder_contents import COUNTED, files_below, files_of, kind_of
from medtl.intake.settings import IntakeSettings, SourceKind
from medtl.intake.surveyed import BY_FOLDERS, surveyed

MANIFEST = "manifest.csv"
LABELS = "labels.csv"
TABLES = (".csv", ".tsv")
MOST_TABLES = 5
LABELS_ADVICE = (
    f"{LABELS} is a table that you have or make: a line for each patient (patient_id,label) or image (image,label)."
)


def proposed_intake(folder: Path) -> str:
    """What to give instead of a folder: a manifest that lies in it, or the intake that makes one.

    Raises:
        ConfigurationError: there is no such folder, or nothing in it is a scan.
    """
    if not folder.exists():
        raise ConfigurationError(f"There is no file or folder {folder}. Check the path.")
    files = files_below(folder) if folder.is_dir() else ()
    manifests = [path for path in files if path.suffix.lower() in TABLES and _is_manifest(path)][:MOST_TABLES]
    if manifests:
        commands = "\n".join(f"  medtl init {shlex.quote(str(path))}" for path in manifests)
        return f"{folder} is a folder, and a study is made from a manifest. There is one in it:\n{commands}"
    kind, _ = kind_of(folder, files)
    has_labels, notes = _labels(folder, kind)
    manifest = _outside(folder)
    options = f" --out {shlex.quote(manifest)}" + ("" if has_labels else f" --labels {LABELS}")
    found = f"{len(files_of(kind, files)):,} {COUNTED[kind]}" if folder.is_dir() and kind in COUNTED else "scans"
    return "\n".join(
        (
            f"{folder} holds {found}, and a study is made from a manifest. Make one first, then give the second "
            "command:",
            f"  medtl intake {shlex.quote(str(folder))}{options}",
            f"  medtl init {shlex.quote(manifest)}",
            *([] if has_labels else [LABELS_ADVICE]),
            *notes,
        )
    )


def _labels(folder: Path, kind: SourceKind) -> tuple[bool, tuple[str, ...]]:
    """Whether the collection says what the labels are, and what stands in the way where that can be known."""
    if kind not in BY_FOLDERS:
        return kind not in ("dicom", "nnunet", "bids"), ()
    try:
        survey = surveyed(folder, IntakeSettings())
    except MedtlError as refusal:
        return True, (f"It will ask: {refusal}",)
    notes = tuple(f"Note: {note}" for note in survey.notes)
    return any(offer.label for offer in survey.offers), notes


def _is_manifest(path: Path) -> bool:
    try:
        header = read_delimited(path, expected_columns=("image", "patient_id", "label")).header
    except MedtlError:
        return False
    return {"image", "patient_id"} <= set(header)


def _outside(folder: Path) -> str:
    """A manifest that lies outside of the folder, as the user would write it from here."""
    root = folder.resolve() if folder.is_dir() else folder.resolve().parent
    if not Path.cwd().resolve().is_relative_to(root) or folder.is_file():
        return MANIFEST
    return Path(os.path.relpath(root.parent / MANIFEST)).as_posix()
