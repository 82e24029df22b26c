"""From a file, or a folder with one DICOM series, to a `Scan`. The bytes decide which library reads it, never the name.

pydicom and highdicom read DICOM; `formats.known` has everything else. A header whose pixels lie in another file (.hdr
and .img, .nhdr, .mhd) is read with the one that lies right beside it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from medtl.files import sha256_of
from medtl.imaging.formats.foreign import DICOM_MAGIC
from medtl.imaging.formats.format import START_BYTES, Choice, FilePair
from medtl.imaging.formats.known import decode_file, format_of
from medtl.imaging.scan import Scan, UnreadableScan

MAX_FILE_BYTES = 2**30
"""Largest file, or folder in all, that is opened: `MAX_PIXELS` in three channels of 16 bits is 0.6 GB."""

MAX_FILES = 5_000
"""Files in the folder of one series: a CT of a whole body in thin slices has 3,000."""

USUAL = Choice()
"""Nobody chose: a file of several volumes or pages is refused."""

VOXEL_ENDINGS = (".img", ".img.gz")
"""Files that are the voxels of the .hdr of the same name."""


@dataclass(frozen=True)
class FolderContent:
    """The bytes of every file of a folder, in the order of their names."""

    files: tuple[bytes, ...]


ScanContent = bytes | FilePair | FolderContent


def read_scan(path: Path, choice: Choice = USUAL) -> Scan:
    """The scan in a file, or of the one DICOM series in a folder.

    Raises:
        UnreadableScan: with a reason code: missing_file, not_a_file, unreadable_file, empty_file, file_too_large,
            unsupported_format, too_large, several_volumes, several_pages, truncated, undecodable, decoder_crashed,
            decoder_timeout and those of `formats`; of a series also several_series, no_series and the codes of
            `series_judgement`.
    """
    return decode_scan(read_content(path), choice)


def read_content(path: Path) -> ScanContent:
    """The bytes of a file, with its data file when it names one; or the files right in a folder (hidden ones not).

    Raises:
        UnreadableScan: as `read_file_bytes`; data_file_outside or several_files when a header names other than one
            file beside it; file_too_large also for a folder of too many files.
    """
    if not _is_folder(path):
        return _with_data_file(path)
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    total = sum(file.stat().st_size for file in files)
    if len(files) > MAX_FILES or total > MAX_FILE_BYTES:
        raise UnreadableScan(
            f"The folder has {len(files):,} files of {total:,} bytes; at most {MAX_FILES:,} of {MAX_FILE_BYTES:,} are "
            "read as one series. Run medtl intake on it: it makes a manifest with a line for each series.",
            reason="file_too_large",
        )
    return FolderContent(tuple(file.read_bytes() for file in files))


def companions_of(path: Path) -> tuple[Path, ...]:
    """The data file that a header names, when it lies beside it; none for a file that holds its own pixels.

    Raises:
        UnreadableScan: the header names other than one file beside it.
    """
    with path.open("rb") as stream:
        start = stream.read(START_BYTES)
        known = format_of(start)
        names = known.data_files(start + stream.read(LARGEST_HEADER_BYTES), path.name) if known else ()
    return tuple(beside for name in names if (beside := path.with_name(name)).is_file())[:1]


def header_beside(path: Path) -> Path | None:
    """The NIfTI header whose voxels a file holds, by its name; None when there is none."""
    ending = next((ending for ending in VOXEL_ENDINGS if path.name.lower().endswith(ending)), None)
    if ending is None:
        return None
    stem = path.name[: len(path.name) - len(ending)]
    found = (path.with_name(stem + other) for other in (".hdr", ".hdr.gz", ".HDR"))
    return next((header for header in found if header.is_file()), None)


LARGEST_HEADER_BYTES = 2**20
"""A text header is a thousandth of it."""


def _with_data_file(path: Path) -> bytes | FilePair:
    data = read_file_bytes(path)
    start = data[:START_BYTES]
    known = format_of(start)
    if data[DICOM_MAGIC] == b"DICM":
        return data
    if known is None and (header := header_beside(path)) is not None:
        path, data = header, read_file_bytes(header)
        known = format_of(data[:START_BYTES])
    names = known.data_files(data, path.name) if known else ()
    if not names:
        return data
    beside = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if known is None or beside is None:
        raise UnreadableScan(
            f"The {known.name if known else ''} header has its pixels in another file, which does not lie beside it. "
            "Keep both in one folder.",
            reason="missing_file",
        )
    if beside.resolve().parent != path.resolve().parent:
        raise UnreadableScan(
            f"The data file of the {known.name} header is a link to another folder. Put the file itself beside its "
            "header.",
            reason="data_file_outside",
        )
    return FilePair(data, read_file_bytes(beside))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def sha256_of_content(content: ScanContent) -> str:
    """The sha256 of a scan's content; of a folder over the sorted hashes of its files, so names do not matter."""
    if isinstance(content, bytes):
        return sha256_of(content)
    if isinstance(content, FilePair):
        return sha256_of(f"{sha256_of(content.header)}\n{sha256_of(content.data)}".encode())
    return sha256_of("\n".join(sorted(map(sha256_of, content.files))).encode())


def read_file_bytes(path: Path) -> bytes:
    """The bytes of a regular file; pipes, devices and folders are refused before they are opened.

    Raises:
        UnreadableScan: missing_file, not_a_file, unreadable_file, empty_file or file_too_large.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableScan(
                "Expected a file with one image, or a folder with one DICOM series; got a pipe or device. "
                "Name the image itself.",
                reason="not_a_file",
            )
        if status.st_size > MAX_FILE_BYTES:
            raise UnreadableScan(
                f"The file has {status.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read for one scan. "
                "Make it smaller, or check that it is what it should be.",
                reason="file_too_large",
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableScan(
            "The file does not exist. Check the image column of the manifest and the data root.", reason="missing_file"
        ) from error
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else "not a possible file name"
        raise UnreadableScan(
            f"The file cannot be opened: {words}. Check its name and permissions.", reason="unreadable_file"
        ) from error
    if not data:
        raise UnreadableScan("The file is empty (0 bytes). Get it again from its source.", reason="empty_file")
    return data


def decode_scan(data: ScanContent, choice: Choice = USUAL) -> Scan:
    """The scan in the bytes of a file or a folder; refusals as in `read_scan`.

    DICOM is looked for first, because its preamble may imitate a TIFF (PS3.10, dual-personality files).
    """
    if isinstance(data, FolderContent):
        from medtl.imaging.dicom.series_folder import volume_in

        return volume_in(data.files)
    if isinstance(data, bytes) and data[DICOM_MAGIC] == b"DICM":
        from medtl.imaging.dicom.file import decode_dicom

        return decode_dicom(data)
    return decode_file(data, choice)
