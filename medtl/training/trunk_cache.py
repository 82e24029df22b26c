"""Maps on disk within a budget: what frozen stages give of each scan, shared by the folds and epochs of a study.

In: maps by name, and how many bytes the folder may take. Out: the maps as they were, or None. A file that is damaged or
gone is no fault: it is an accelerator, and whoever reads it makes it again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from medtl.files import is_temporary, replacing
from medtl.imaging.cache_use import note_use

FOLDER = "activations"
"""Beside the prepared scans and the frozen features."""

HEADER_BYTES = 512
"""What a file takes beside the maps, rounded up."""


@dataclass(frozen=True)
class TrunkCache:
    """Maps below the `shared` cache, at most `limit_bytes` of them; what other studies left there counts too."""

    shared: Path
    limit_bytes: int

    def has(self, key: str) -> bool:
        """Whether there is a file of this name; its content is checked when it is read."""
        return self._path(key).is_file()

    def read(self, key: str) -> Float32[np.ndarray, "map *grid"] | None:
        """The maps of this name; None where they are missing or not what was written."""
        try:
            tensors = load_file(self._path(key))
            maps = tensors["maps"]
            if not np.array_equal(_seal(key, maps), tensors["seal"]):
                return None
            note_use(self._path(key))
            return maps
        except (OSError, SafetensorError, KeyError):
            return None

    def write(self, key: str, maps: Float32[np.ndarray, "map *grid"]) -> None:
        """Keep maps by name.

        Raises:
            ResourceExhausted: the disk or a quota is full.
        """
        maps = np.ascontiguousarray(maps)
        with replacing(
            self._path(key), bytes_needed=maps.nbytes, shared=self.shared, is_durable=False
        ) as temporary:  # fmt: skip
            save_file({"maps": maps, "seal": _seal(key, maps)}, temporary)
        note_use(self._path(key))

    def make_room(self, keys: Iterable[str], *, bytes_each: int) -> bool:
        """Whether maps of these names fit into the budget; what others left is then removed, oldest first, as needed.

        Nothing is removed where they would not fit even into an empty folder.
        """
        wanted = set(keys)
        if len(wanted) * (bytes_each + HEADER_BYTES) > self.limit_bytes:
            return False
        found = list(self._files())
        others = sorted((changed, size, path) for path, size, changed in found if path.stem not in wanted)
        own = {path.stem: size for path, size, _ in found if path.stem in wanted}
        taken = sum(size for _, size, _ in others) + sum(own.values())
        taken += (len(wanted) - len(own)) * (bytes_each + HEADER_BYTES)
        for _, size, path in others:
            if taken <= self.limit_bytes:
                break
            with suppress(OSError):  # another user's, who does not share it
                path.unlink()
                taken -= size
        return taken <= self.limit_bytes

    def _path(self, key: str) -> Path:
        return self.shared / FOLDER / key[:2] / f"{key}.safetensors"

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Every file with its size and when it was written."""
        with suppress(FileNotFoundError):
            for part in os.scandir(self.shared / FOLDER):
                for one in os.scandir(part.path) if part.is_dir() else ():
                    if is_temporary(one.name):
                        continue
                    with suppress(FileNotFoundError):  # another process has removed it
                        yield Path(one.path), one.stat().st_size, one.stat().st_mtime


def _seal(key: str, maps: np.ndarray) -> np.ndarray:
    digest = hashlib.sha256(f"{key} {maps.dtype} {maps.shape}".encode())
    digest.update(np.ascontiguousarray(maps).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)
