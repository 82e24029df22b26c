"""From a file, or a folder with one DICOM series, to a `Scan`. The bytes decide which library reads it, never the name.

Pillow reads PNG, JPEG and TIFF, pydicom and highdicom read DICOM, nibabel reads NIfTI (.nii, .nii.gz).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from medtl.files import sha256_of
from medtl.imaging.scan import Scan, UnreadableScan

MAX_FILE_BYTES = 2**30
"""Largest file, or folder in all, that is opened: `MAX_PIXELS` in three channels of 16 bits is 0.6 GB."""

MAX_FILES = 5_000
"""Files in the folder of one series: a CT of a whole body in thin slices has 3,000."""

PNG, JPEG, TIFF, GZIP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", (b"II*\x00", b"MM\x00*"), b"\x1f\x8b"
DICOM_MARK = slice(128, 132)
NIFTI_SIZES = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c", b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
"""A NIfTI header begins with its own length, 348 or 540, in either byte order."""

PICTURE_STARTS = (PNG, JPEG, *TIFF)
VOLUME_STARTS = (GZIP, *NIFTI_SIZES)


@dataclass(frozen=True)
class FolderContent:
    """The bytes of every file of a folder, in the order of their names."""

    files: tuple[bytes, ...]


def read_scan(path: Path) -> Scan:
    """The scan in a file, or of the one DICOM series in a folder.

    Raises:
        UnreadableScan: with a reason code: missing_file, not_a_file, unreadable_file, empty_file, file_too_large,
            unsupported_format, too_large, several_frames, truncated, undecodable, decoder_crashed, decoder_timeout; of
            a series also several_series, no_series and the codes of `series_judgement`.
    """
    return decode_scan(read_content(path))


def read_content(path: Path) -> bytes | FolderContent:
    """The bytes of a file, or of the files right in a folder (not below it, hidden ones left aside).

    Raises:
        UnreadableScan: as `read_file_bytes`; file_too_large also for a folder of too many files.
    """
    if not _is_folder(path):
        return read_file_bytes(path)
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    total = sum(file.stat().st_size for file in files)
    if len(files) > MAX_FILES or total > MAX_FILE_BYTES:
        raise UnreadableScan(
            f"The folder has {len(files):,} files of {total:,} bytes; at most {MAX_FILES:,} of {MAX_FILE_BYTES:,} are "
            "read as one series. Run medtl intake on it: it makes a manifest with a line for each series.",
            reason="file_too_large",
        )
    return FolderContent(tuple(file.read_bytes() for file in files))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def sha256_of_content(content: bytes | FolderContent) -> str:
    """What names a scan's content: of a folder over the sorted hashes of its files, so names do not matter."""
    if isinstance(content, bytes):
        return sha256_of(content)
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
                f"The file has {status.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read for one 2D image.",
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


def decode_scan(data: bytes | FolderContent) -> Scan:
    """The scan in the bytes of a file or a folder; refusals as in `read_scan`.

    DICOM is looked for first, because its preamble may imitate a TIFF (PS3.10, dual-personality files).
    """
    if isinstance(data, FolderContent):
        from medtl.imaging.series_folder import volume_in

        return volume_in(data.files)
    if data[DICOM_MARK] == b"DICM":
        from medtl.imaging.dicom_file import decode_dicom

        return decode_dicom(data)
    if data.startswith(PICTURE_STARTS):
        from medtl.imaging.picture_file import decode_picture

        return decode_picture(data)
    if data.startswith(VOLUME_STARTS):
        from medtl.imaging.nifti_file import decode_nifti

        return decode_nifti(data)
    raise UnreadableScan(
        "The content is none of PNG, JPEG, TIFF, DICOM (with its 128-byte preamble) or NIfTI. "
        "Convert it, or leave the case out.",
        reason="unsupported_format",
    )
