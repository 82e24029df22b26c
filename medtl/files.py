"""Files that are whole or absent, and tables that are safe to open.

In: bytes, text or a table, and a path. Out: the file complete on disk, or the old one untouched.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from medtl.errors import ConfigurationError, IntegrityFailure, ResourceExhausted
from medtl.heartbeat import beat
from medtl.progress import say

if TYPE_CHECKING:
    import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters that a spreadsheet takes for a formula (OWASP, CSV injection)."""

PLAIN_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A negative number and nothing else: a spreadsheet reads it as the number that it is."""

UNFINISHED = ".part"
"""How the name of a file ends that is still being written; it begins with a dot and the name it will have."""

TEMPORARY = re.compile(r"\..+\.(csv|json|html|svg|png|pdf|md|bib|yaml|safetensors|gz|dcm)\.[a-z0-9_]{8}(\.part)?")
"""What a killed process may leave of a file; the second ending is absent in what earlier versions left."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sha256_of(data: bytes | memoryview) -> str:
    """The sha256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(value: object) -> str:
    """Twelve hexadecimal digits that name a JSON-like value; the order of keys does not matter."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256_of(canonical.encode())[:12]


def write_atomically(path: Path, data: bytes | str, *, shared: Path | None = None) -> None:
    """Write a file so that a reader sees the old or the new content, never a part.

    Written beside the target, flushed to disk, then renamed. Permissions follow the user's umask, or below the folder
    `shared` that folder's own, whatever the umask.
    A full disk raises `ResourceExhausted` with the bytes that were needed and leaves the old file as it was.
    """
    payload = data.encode("utf-8") if isinstance(data, str) else data
    with replacing(path, bytes_needed=len(payload), shared=shared) as temporary:
        temporary.write_bytes(payload)


def inherit_rights(folder: Path, *, shared: Path) -> None:
    """Make a folder in or below `shared`, each new one with the rights of `shared`, so that a group can share it."""
    shared.mkdir(parents=True, exist_ok=True)
    mode = shared.stat().st_mode & 0o7777
    for part in reversed([one for one in (folder, *folder.parents) if one.is_relative_to(shared) and one != shared]):
        with suppress(FileExistsError):
            part.mkdir()
            part.chmod(mode)


@contextmanager
def replacing(
    path: Path, *, bytes_needed: int | None = None, shared: Path | None = None, is_durable: bool = True
) -> Iterator[Path]:
    """A temporary path beside `path` for a library to write to; it replaces `path` when the block succeeds.

    A file that is not durable may be lost or torn when the power fails: for what is checked by its hash when it is
    read, and made again.

    Raises:
        ResourceExhausted: the disk or a quota is full; the old file stays.
    """
    temporary: Path | None = None
    try:
        if shared is not None:
            inherit_rights(path.parent, shared=shared)
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o666 & (~_umask() if shared is None else shared.stat().st_mode)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(mode)  # after the writing: a library may have put a file of its own there
        if is_durable:
            _flush(temporary)
        os.replace(temporary, path)
        beat()
        if is_durable:
            _flush(path.parent)
    except (OSError, SafetensorError) as error:
        if not _is_full(error):
            raise
        folder = (
            path.parent.name
            if shared is None
            else f"{path.relative_to(shared).parts[0]} (MEDTL_CACHE or MEDTL_WEIGHTS)"
        )
        raise _full(path.name, folder=folder, bytes_needed=bytes_needed, begun=temporary) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _full(name: str, *, folder: str, bytes_needed: int | None, begun: Path | None = None) -> ResourceExhausted:
    """No room for a file; where its size is not known, what was `begun` of it says how much is needed at least."""
    written = begun.stat().st_size if begun is not None and begun.is_file() else 0
    known = f"{bytes_needed:,} bytes" if bytes_needed else ""
    size = known or (f"more than {written:,} bytes" if written else "more space")
    return ResourceExhausted(
        f"No space left while saving {name}: {size} needed in the folder {folder}. "
        "What was finished before is kept. Free some space and run again with --resume.",
        file=name,
        folder=folder,
        bytes_needed=bytes_needed,
    )


def is_temporary(name: str) -> bool:
    """Whether a file of this name was begun by `replacing` and never renamed."""
    return TEMPORARY.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove below `folder` what killed processes left half-written; only for the holder of the folder's lock."""
    for path in folder.rglob(".*"):
        if is_temporary(path.name) and path.is_file():
            with suppress(OSError):
                path.unlink()


def add_line(path: Path, line: str) -> None:
    """Add a line to a log, flushed to disk; several processes may add to one log.

    A last line that was torn by a kill or a full disk is cut off first, with a message.

    Raises:
        ResourceExhausted: the disk or a quota is full; the lines before stay.
    """
    written = line.encode("utf-8") + b"\n"
    try:
        _add_bytes(path, written)
    except OSError as error:
        if not _is_full(error):
            raise
        raise _full(path.name, folder=path.parent.name, bytes_needed=len(written)) from error


def _add_bytes(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        with suppress(OSError):  # a file system without locks: lines of several processes may meet
            fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        whole = stream.read().rfind(b"\n") + 1
        torn = stream.tell() - whole
        if torn:
            stream.truncate(whole)
            say(f"{path.name} ended in a line that was not finished ({torn} bytes): it was cut off there and goes on.")
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def whole_lines(path: Path) -> list[str]:
    """The finished lines of a log that `add_line` wrote, none where it is missing; a torn last line is left aside."""
    if not path.is_file():
        return []
    return path.read_bytes().decode("utf-8", errors="replace").split("\n")[:-1]


def _is_full(error: OSError | SafetensorError) -> bool:
    """Whether a disk or a quota is full; safetensors writes in Rust and gives the system's number in words only."""
    if isinstance(error, OSError):
        return error.errno in NO_SPACE
    return any(f"(os error {number})" in str(error) for number in NO_SPACE)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write JSON, sorted and indented, refusing NaN and infinity: an undefined number is null."""
    write_atomically(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table as UTF-8 CSV with floats in full precision; text that a spreadsheet would run is quoted by `'`."""
    safe = table.copy()
    for column in safe.columns:
        if safe[column].dtype == object or str(safe[column].dtype) in ("string", "str", "category"):
            safe[column] = safe[column].map(_disarm)
    safe.columns = [_disarm(str(name)) for name in safe.columns]
    text = safe.to_csv(index=False, lineterminator="\n")
    if "\r" in text:  # without quotes a carriage return ends the line when the file is read
        text = safe.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    write_atomically(path, text)


def read_csv(path: Path, *, text_columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table that `write_csv` wrote; `text_columns` stay text even when they look like numbers.

    Raises:
        ConfigurationError: there is no such file.
        IntegrityFailure: the file is empty, cut off or not text.
    """
    import pandas as pd

    if not path.is_file():
        raise ConfigurationError(f"{path.name} is missing in {path.parent.name}: was this folder made by medtl run?")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a line with more cells than the header
            table = pd.read_csv(
                path,
                dtype=dict.fromkeys(text_columns, "string"),
                keep_default_na=False,
                na_values=[""],
                index_col=False,
            )
    except (
        pd.errors.EmptyDataError,
        pd.errors.ParserError,
        pd.errors.ParserWarning,
        UnicodeDecodeError,
    ) as error:
        raise IntegrityFailure(
            f"{path.name} is not a table ({error}): it was changed or cut off after it was written. Restore it, or "
            "remove it and run again with --resume.",
            file=path.name,
        ) from error
    table.columns = [rearmed(str(name)) for name in table.columns]
    for column in table.columns:
        if str(table[column].dtype) in ("object", "string", "str"):
            table[column] = table[column].map(rearmed)
    return table


def _disarm(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA_STARTS) and not PLAIN_NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def rearmed(cell: object) -> object:
    """A cell as it was before `write_csv` disarmed it."""
    if isinstance(cell, str) and cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS):
        return cell[1:]
    return cell
