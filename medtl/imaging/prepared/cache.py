"""Prepared scans on disk, once for all folds, runs and users.

An entry's name is the sha256 of everything that decides its content: the bytes of the scan's file, the settings, and
the versions that decode and prepare it. So an entry is never out of date; what changes gets another name. A damaged
entry is found when it is read and made again from the scan.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from pydantic import ValidationError

from medtl import environment
from medtl.errors import IntegrityFailure
from medtl.files import replacing, sha256_of
from medtl.imaging.cache_use import note_use
from medtl.imaging.facts import ScanFacts, inspect_scan
from medtl.imaging.one_scan import one_scan
from medtl.imaging.reading import ScanContent, decode_scan, read_content, sha256_of_content
from medtl.imaging.scan import UnreadableScan
from medtl.imaging.settings import PreparationSettings
from medtl.progress import say

SCHEMA = "6"
"""Raised by one whenever reading or preparing gives other pixels than before."""

DECIDING_LIBRARIES = (
    "monai",
    "torch",
    "numpy",
    "pillow",
    "pydicom",
    "highdicom",
    "nibabel",
    "pynrrd",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "pyjpegls",
    "python-gdcm",
)
"""Libraries whose version, or absence, may change a pixel."""

WHITE = 65535
"""Stored value of 1.0: 16 bits round by at most 0.5 / 65535 = 7.6e-6, far below what 8-bit scans resolve."""

LONGEST_HEADER = 2**20
TENSOR, SEALS = "prepared", "medtl"
"""Names inside an entry. One metadata name only: safetensors writes several in an order that changes."""
LEVELS = 2
"""Folders between the cache's own and an entry: `prepared` and two digits of the key."""

PARTS = ("prepared", "features", "pretraining", "activations")
_one_writer = threading.Lock()


def default_cache_folder() -> Path:
    """The folder for prepared scans: MEDTL_CACHE, else `.cache/medtl` in the home folder."""
    return environment.folder_named("MEDTL_CACHE") or Path.home() / ".cache" / "medtl"


def private_cache_folder() -> Path:
    """A cache of this user's own, beside the private home (MEDTL_HOME) or in the home folder."""
    return (environment.folder_named("MEDTL_HOME") or Path.home() / ".cache" / "medtl-own") / "cache"


def _is_usable(folder: Path) -> bool:
    """Whether this user may read and write a cache and every folder that it has; one that is not there can be made."""
    there = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # False where unreachable
    if there != folder:
        return os.access(there, os.W_OK | os.X_OK)
    below = [one for part in PARTS for one in (folder / part, *_folders_in(folder / part))]
    return all(os.access(one, os.R_OK | os.W_OK | os.X_OK) for one in (folder, *below) if os.path.exists(one))


def _folders_in(folder: Path) -> list[Path]:
    if not os.access(folder, os.R_OK | os.X_OK):
        return []
    return [Path(one.path) for one in os.scandir(folder) if one.is_dir()]


@dataclass(frozen=True)
class CachedScan:
    """A prepared scan in the cache: its key, its facts, and its pixels, read on demand."""

    key: str
    facts: ScanFacts
    settings: PreparationSettings
    entry: Path
    source: Path

    def pixels(self) -> Float32[np.ndarray, "channel *prepared"]:
        """The prepared scan in [0, 1], verified against the entry's sha256; a damaged entry is made again once.

        Raises:
            IntegrityFailure: the scan's file is no longer the one that was prepared, so nothing can be made again.
            UnreadableScan: the scan's file is gone.
        """
        stored = _read_pixels(self.entry, key=self.key)
        if stored is None:
            say(f"Prepared scan {self.key[:12]} is missing or damaged in the cache; making it again from its scan.")
            content = read_content(self.source)
            if sha256_of_content(content) != self.facts.sha256:
                raise IntegrityFailure(
                    f"Prepared scan {self.key[:12]} is damaged and its scan's file has changed since it was prepared "
                    f"(sha256 {self.facts.sha256[:12]} expected). Run again from the start.",
                    key=self.key,
                )
            shared = self.entry.parents[LEVELS]
            _write(self.entry, content, key=self.key, sha256=self.facts.sha256, settings=self.settings, shared=shared)
            stored = _read_pixels(self.entry, key=self.key)
            if stored is None:
                raise IntegrityFailure(
                    f"Prepared scan {self.key[:12]} is damaged again right after it was written: the cache's disk "
                    "cannot be trusted. Set MEDTL_CACHE to another disk.",
                    key=self.key,
                )
        return stored.astype(np.float32) / np.float32(WHITE)


@dataclass(frozen=True)
class PreparedCache:
    """A folder of prepared scans; several processes and users may fill it at once."""

    folder: Path

    @classmethod
    def shared(cls) -> PreparedCache:
        """The cache of this user or group, `default_cache_folder`; a private one where that cannot be written to."""
        folder = default_cache_folder()
        if _is_usable(folder):
            return cls(folder)
        private = private_cache_folder()
        say("The shared cache (MEDTL_CACHE) cannot be read and written by this user; a private cache is used instead.")
        return cls(private)

    def get_or_prepare(self, path: Path, settings: PreparationSettings) -> CachedScan:
        """The prepared scan of a file or a series' folder: when it is known, it is only hashed, not decoded.

        Raises:
            UnreadableScan: the scan cannot be read, or shows nothing (reason codes of `read_scan`, `refuse_unusable`
                and `prepare`).
        """
        with one_scan():
            content = read_content(path)
        sha256 = sha256_of_content(content)
        key = prepared_key(sha256, settings)
        entry = self._entry(key)
        facts = _read_facts(entry, key=key)
        if facts is None:
            facts = _write(entry, content, key=key, sha256=sha256, settings=settings, shared=self.folder)
        note_use(entry)
        return CachedScan(key=key, facts=facts, settings=settings, entry=entry, source=path)

    def count_prepared(self, paths: Iterable[Path], settings: PreparationSettings) -> int:
        """How many of these scans are in the cache as these settings prepare them; each file is read for it."""
        count = 0
        for path in paths:
            with suppress(UnreadableScan), one_scan():
                count += self._entry(prepared_key(sha256_of_content(read_content(path)), settings)).is_file()
        return count

    def _entry(self, key: str) -> Path:
        return self.folder / "prepared" / key[:2] / f"{key}.safetensors"


def prepared_key(sha256: str, settings: PreparationSettings) -> str:
    """The cache key of a prepared scan: 64 hexadecimal digits over the file's sha256, the settings and the versions."""
    return sha256_of(json.dumps([sha256, settings.model_dump_json(), SCHEMA, deciding_versions()]).encode())


@cache
def deciding_versions() -> tuple[str, ...]:
    """`name version` of every library that may change a pixel."""
    found = []
    for name in DECIDING_LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} absent")
    return tuple(found)


def _write(
    entry: Path, content: ScanContent, *, key: str, sha256: str, settings: PreparationSettings, shared: Path
) -> ScanFacts:
    """Decode, prepare and store one scan; returns its facts. A file name would be personal data and is not stored."""
    from safetensors.numpy import save

    from medtl.imaging.prepared.preparation import prepare

    with one_scan():
        scan = decode_scan(content)
        prepared = prepare(scan, settings)
        facts = inspect_scan(scan, sha256=sha256)
    stored = np.rint(prepared * WHITE).astype("<u2")
    facts_json = facts.model_dump_json()
    seals = {
        "key": key,
        "facts": facts_json,
        "facts_sha256": _seal(key, facts_json),
        "sha256": _seal(key, stored.tobytes()),
    }
    packed = save({TENSOR: stored}, metadata={SEALS: json.dumps(seals)})
    with (
        _one_writer,
        replacing(entry, bytes_needed=len(packed), shared=shared, is_durable=False) as temporary,
    ):  # the umask is read process-wide
        temporary.write_bytes(packed)
    return facts


def _seal(key: str, content: str | bytes) -> str:
    return sha256_of(key.encode() + (content.encode() if isinstance(content, str) else content))


def _read_facts(entry: Path, *, key: str) -> ScanFacts | None:
    """The facts in an entry's header, None when the entry is missing or its header damaged; no pixel is read."""
    try:
        with entry.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(length, LONGEST_HEADER)))
            seals, span = json.loads(header["__metadata__"][SEALS]), header[TENSOR]["data_offsets"]
            whole = os.fstat(stream.fileno()).st_size == 8 + length + span[1]
        if not whole or seals["key"] != key or seals["facts_sha256"] != _seal(key, seals["facts"]):
            return None
        return ScanFacts.model_validate_json(seals["facts"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError, RecursionError):
        return None


def _read_pixels(entry: Path, *, key: str) -> np.ndarray | None:
    """The stored uint16 (channel, then the prepared shape), None when missing or not what its sha256 says."""
    try:
        content = entry.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        tensor = header[TENSOR]
        stored = np.frombuffer(content, dtype="<u2", offset=8 + length).reshape(tensor["shape"])
        seals = json.loads(header["__metadata__"][SEALS])
        intact = seals["key"] == key and seals["sha256"] == _seal(key, stored.tobytes())
        return stored if intact and tensor["dtype"] == "U16" else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
