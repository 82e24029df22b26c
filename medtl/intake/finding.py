"""Every file below a folder, what its first bytes say it is, and what kind of collection the folder is."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from medtl.errors import ConfigurationError, DataRefused
from medtl.imaging.arrivals import DICOM_MARK, PICTURE_STARTS, VOLUME_STARTS
from medtl.intake.offer import Refusal
from medtl.intake.settings import SourceKind

FIRST_BYTES = 132
LIST_FILE, PARTICIPANTS = "dataset.json", "participants.tsv"
CHOOSE = "Say what it is with --source (dicom, nifti, pictures, bids, datalist, nnunet, medmnist)."

KIND_OF_CONTENT: dict[str, SourceKind] = {"dicom": "dicom", "nifti": "nifti", "picture": "pictures", "npz": "medmnist"}


def files_below(folder: Path) -> tuple[Path, ...]:
    """Every regular file below a folder in the order of the names; hidden ones and links to folders are left aside.

    Raises:
        ConfigurationError: there is no such folder.
        DataRefused: it cannot be listed.
    """
    if not folder.is_dir():
        raise ConfigurationError("Expected a folder to take scans from; there is none of that name. Check the path.")
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_refuse_unlisted):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and _is_regular(path):
                found.append(path)
    return tuple(found)


def _refuse_unlisted(error: OSError) -> None:
    raise DataRefused(
        f"A folder below the one to be taken in cannot be listed: {error.strerror}. Give yourself the right to read "
        "it, or move it away; nothing was written."
    )


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def content_of(path: Path) -> str:
    """`dicom`, `nifti`, `picture`, `npz`, `empty` or `other`, by the first bytes."""
    try:
        with path.open("rb") as stream:
            start = stream.read(FIRST_BYTES)
    except OSError:
        return "other"
    if not start:
        return "empty"
    if start[DICOM_MARK] == b"DICM":
        return "dicom"
    if start.startswith(PICTURE_STARTS):
        return "picture"
    if start.startswith(VOLUME_STARTS):
        return "nifti"
    return "npz" if start.startswith(b"PK\x03\x04") and path.suffix == ".npz" else "other"


def files_of(kind: SourceKind, files: Iterable[Path]) -> tuple[Path, ...]:
    """The files whose content makes a collection of this kind."""
    return tuple(path for path in files if KIND_OF_CONTENT.get(content_of(path)) == kind)


def kind_of(folder: Path, files: Iterable[Path]) -> SourceKind:
    """What a folder, or a file in its place, is a collection of.

    Raises:
        ConfigurationError: nothing in it is an image.
    """
    if folder.is_file():
        return "datalist" if folder.suffix == ".json" else "medmnist"
    if (folder / PARTICIPANTS).is_file() or (folder / "dataset_description.json").is_file():
        return "bids"
    if (folder / LIST_FILE).is_file():
        return "nnunet" if _has_channels(folder) else "datalist"
    counts = Counter(KIND_OF_CONTENT[content] for file in files if (content := content_of(file)) in KIND_OF_CONTENT)
    if counts["dicom"]:
        return "dicom"
    if not counts:
        raise ConfigurationError(
            "The folder holds no DICOM, NIfTI, PNG, JPEG, TIFF or .npz file: there is nothing to take in. "
            f"Check the path. {CHOOSE}"
        )
    return counts.most_common(1)[0][0]


def _has_channels(folder: Path) -> bool:
    """nnU-Net ends the name of an image with its channel, `_0000`."""
    return any("_0000." in entry.name for entry in (folder / "imagesTr").glob("*"))


def refused_file(path: Path, root: Path, *, reason: str, sentence: str) -> Refusal:
    """A single file that is left aside."""
    return Refusal(key=f"file:{path.relative_to(root)}", patient="", files=(path,), reason=reason, sentence=sentence)


def left_aside(files: Iterable[Path], root: Path, *, taken: set[Path]) -> tuple[Refusal, ...]:
    """A refusal for each file that is no part of a case: empty, or nothing that this kind of collection is made of."""
    return tuple(
        refused_file(path, root, reason="empty_file", sentence="The file is empty (0 bytes).")
        if content_of(path) == "empty"
        else refused_file(path, root, reason="not_an_image", sentence="The file is no part of this kind of collection.")
        for path in files
        if path not in taken
    )
