"""The files below a folder, their content by their first bytes, and the kind of collection that the folder is."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from medtl.errors import ConfigurationError, DataRefused
from medtl.imaging.for_intake import DICOM_MAGIC, START_BYTES, foreign_or_unknown, format_of, header_beside
from medtl.intake.offer import Refusal
from medtl.intake.settings import SourceKind

LIST_FILE, PARTICIPANTS = "dataset.json", "participants.tsv"
CHOOSE = "Say what it is with --source (dicom, nifti, pictures, bids, datalist, nnunet, medmnist)."

IMAGES = "DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP or .npz file"
ZIP_MAGIC = b"PK\x03\x04"
MOST_KINDS = 5
"""Kinds of unread files that one message names."""

COUNTED: dict[SourceKind, str] = {
    "dicom": "DICOM files", "nifti": "volume files (NIfTI, NRRD, MetaImage)", "pictures": "pictures",
    "medmnist": "MedMNIST files",
}  # fmt: skip
CONTENT_OF_SHOWN = {"picture": "picture", "volume": "nifti"}
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
    for parent, folders, names in os.walk(folder, onerror=_refuse_unlisted):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
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
    """`dicom`, `nifti` (any file of a volume), `picture`, `npz`, `voxels`, `empty` or `other`, by the first bytes.

    `voxels` are those of a NIfTI header beside them (.hdr and .img).
    """
    start = _start_of(path)
    if start is None:
        return "other"
    if not start:
        return "empty"
    if start[DICOM_MAGIC] == b"DICM":
        return "dicom"
    known = format_of(start)
    if known is not None:
        return CONTENT_OF_SHOWN[known.shows]
    if header_beside(path) is not None:
        return "voxels"
    return "npz" if start.startswith(ZIP_MAGIC) and path.suffix == ".npz" else "other"


def files_of(kind: SourceKind, files: Iterable[Path]) -> tuple[Path, ...]:
    """The files whose content makes a collection of this kind."""
    return tuple(path for path in files if KIND_OF_CONTENT.get(content_of(path)) == kind)


def _start_of(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            return stream.read(START_BYTES)
    except OSError:
        return None


def kind_of(folder: Path, files: Iterable[Path]) -> tuple[SourceKind, tuple[str, ...]]:
    """The kind of collection in a folder or a single file; and a note when it holds several kinds.

    Raises:
        ConfigurationError: nothing in it is an image.
    """
    if folder.is_file():
        return _kind_of_file(folder), ()
    if (folder / PARTICIPANTS).is_file() or (folder / "dataset_description.json").is_file():
        return "bids", ()
    if (folder / LIST_FILE).is_file():
        return ("nnunet" if _has_channels(folder) else "datalist"), ()
    contents = [(file, content_of(file)) for file in files]
    counts = Counter(KIND_OF_CONTENT[content] for _, content in contents if content in KIND_OF_CONTENT)
    if not counts:
        found = [file for file, content in contents if content == "other"]
        raise ConfigurationError(
            f"The folder holds no {IMAGES}: there is nothing to take in.{_what_is_there(found)} "
            f"Check the path. {CHOOSE}"
        )
    kind = "dicom" if counts["dicom"] else counts.most_common(1)[0][0]
    return kind, _mixed(counts, kind)


def _kind_of_file(file: Path) -> SourceKind:
    if file.suffix.lower() == ".json":
        return "datalist"
    content = content_of(file)
    if content == "npz":
        return "medmnist"
    if content in KIND_OF_CONTENT or content == "voxels":
        found = "one image"
    else:
        found = "empty" if content == "empty" else foreign_or_unknown(_start_of(file) or b"").sentence.rstrip(".")
        found = found.removeprefix("The file is ")
    raise ConfigurationError(
        f"Expected a folder of scans, a datalist (.json) or a MedMNIST file (.npz); the file is {found}. "
        "Name the folder that its scans lie in."
    )


def _what_is_there(files: Sequence[Path]) -> str:
    """The kinds of files that no reader takes, with their counts."""
    kinds = Counter(foreign_or_unknown(_start_of(file) or b"").sentence for file in files)
    found = "; ".join(f"{count} x: {sentence.rstrip('.')}" for sentence, count in kinds.most_common(MOST_KINDS))
    return f" What is there: {found}." if found else ""


def _mixed(counts: Counter[SourceKind], kind: SourceKind) -> tuple[str, ...]:
    """What a folder of several kinds holds, which is taken, and how to take the others."""
    if len(counts) == 1:
        return ()
    held = "; ".join(f"{COUNTED[one]}: {count:,}" for one, count in counts.most_common())
    others = " or ".join(f"--source {one}" for one, _ in counts.most_common() if one != kind)
    return (
        f"The folder holds several kinds ({held}). Taken in as {COUNTED[kind]}; the others are listed as refused. "
        f"Take them in by themselves with {others}, into a manifest of their own.",
    )


def _has_channels(folder: Path) -> bool:
    """nnU-Net ends the name of an image with its channel, `_0000`."""
    return any("_0000." in entry.name for entry in (folder / "imagesTr").glob("*"))


def refused_file(path: Path, root: Path, *, reason: str, sentence: str) -> Refusal:
    """The refusal of a single file."""
    return Refusal(key=f"file:{path.relative_to(root)}", patient="", files=(path,), reason=reason, sentence=sentence)


def left_aside(files: Iterable[Path], root: Path, *, taken: set[Path]) -> tuple[Refusal, ...]:
    """The refusals of all files that are no part of a case, by their content."""
    return tuple(_left_aside(path, root) for path in files if path not in taken)


def _left_aside(path: Path, root: Path) -> Refusal:
    content = content_of(path)
    if content == "empty":
        return refused_file(path, root, reason="empty_file", sentence="The file is empty (0 bytes).")
    if content == "voxels":
        sentence = "The file has the voxels of a NIfTI header (.hdr) that is not taken in."
        return refused_file(path, root, reason="other_kind", sentence=sentence)
    if content in KIND_OF_CONTENT:
        kind = KIND_OF_CONTENT[content]
        sentence = (
            f"The file is among {COUNTED[kind]}, no part of this kind of collection. --source {kind} takes it in."
        )
        return refused_file(path, root, reason="other_kind", sentence=sentence)
    foreign = foreign_or_unknown(_start_of(path) or b"")
    is_other = foreign.reason == "unsupported_format" and not foreign.is_image
    reason = "not_an_image" if is_other else foreign.reason
    return refused_file(path, root, reason=reason, sentence=foreign.sentence)


def no_dicom(path: Path) -> str:
    """The sentence for a file that lies among DICOM files and is none."""
    kind = KIND_OF_CONTENT.get(content_of(path))
    if kind is None:
        return foreign_or_unknown(_start_of(path) or b"").sentence
    return f"The file is no DICOM file; it is among {COUNTED[kind]}. --source {kind} takes it in."
