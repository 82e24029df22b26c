"""Single items of the arrays in an .npz file of any size: never more of them in memory than are requested.

A stored array is read at its offset in the file; a packed one is unpacked from its beginning, item by item, in the
order of the requests. The checksum of each array is compared once before.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from numpy.lib import format as npy

from medtl.errors import DataRefused
from medtl.progress import track

CHUNK_BYTES = 2**22
LOCAL_HEADER_BYTES, NAME_LENGTH = 30, slice(26, 30)
"""Of a zip's local header: its length, and the lengths of the name and of the extra field that follow it."""

ITEMS_KEPT = 256
"""Items that were passed and may still be requested: threads read a little out of order."""

NPZ_FAULTS = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError
)  # fmt: skip
"""What damaged archives raise."""


@dataclass(frozen=True)
class NpzArray:
    """One array: its shape, its number type, and where its first item begins within its member of the archive."""

    file: Path
    member: str
    shape: tuple[int, ...]
    kind: np.dtype
    begin: int
    is_packed: bool

    @property
    def item_bytes(self) -> int:
        """The size in bytes of one item along the first axis."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.kind.itemsize

    def item(self, number: int) -> np.ndarray:
        """The item with this number along the first axis.

        Raises:
            DataRefused: the file can no longer be read.
        """
        with _refusing(self.file):
            reader = _packed_reader(self) if self.is_packed else _stored_reader(self)
            return np.frombuffer(reader.item(number), self.kind).reshape(self.shape[1:])

    def whole(self) -> np.ndarray:
        """The whole array; for arrays that are known to be small."""
        with _refusing(self.file), np.load(self.file, allow_pickle=False) as arrays:
            return np.asarray(arrays[self.member.removesuffix(".npy")])


def arrays_in(file: Path) -> dict[str, NpzArray]:
    """The arrays of an .npz file by name, each by its header alone.

    Raises:
        DataRefused: it is no such file, or an array holds objects or lies column by column.
    """
    found = {}
    with _refusing(file), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as stream:
                version = npy.read_magic(stream)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, is_by_column, kind = read(stream)
                begin = stream.tell()
            name = info.filename.removesuffix(".npy")
            if kind.hasobject:
                raise DataRefused(
                    f"An array of {file.name} holds Python objects, which are never opened, since opening them can run "
                    "code. Save it with numbers alone."
                )
            if is_by_column and len(shape) > 1:
                raise DataRefused(
                    f"An array of {file.name} lies column by column (Fortran order), so that its images cannot be read "
                    "one after the other. Save it with numpy.ascontiguousarray."
                )
            promised = begin + int(np.prod(shape, dtype=np.int64)) * kind.itemsize
            if promised != info.file_size:
                raise DataRefused(
                    f"An array of {file.name} has {info.file_size:,} bytes where its header promises {promised:,}. "
                    "Get it again from its source."
                )
            found[name] = NpzArray(file, info.filename, shape, kind, begin, info.compress_type != zipfile.ZIP_STORED)
    return found


def verify(file: Path, arrays: list[NpzArray]) -> None:
    """Compare the checksums of these arrays, reading each through once.

    Raises:
        DataRefused: one of them is damaged.
    """
    with _refusing(file), zipfile.ZipFile(file) as archive:
        for array in track(arrays, what="Verifying the file", total=len(arrays)):
            with archive.open(array.member) as stream:
                while stream.read(CHUNK_BYTES):
                    pass


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except NPZ_FAULTS as error:
        raise DataRefused(
            f"The file {file.name} cannot be read as .npz ({type(error).__name__}). Get it again from its source."
        ) from error


class _StoredReader:
    """Items of an array that is stored as it is."""

    def __init__(self, array: NpzArray) -> None:
        with zipfile.ZipFile(array.file) as archive:
            info = archive.getinfo(array.member)
        self._stream = array.file.open("rb")
        head = os.pread(self._stream.fileno(), LOCAL_HEADER_BYTES, info.header_offset)[NAME_LENGTH]
        lengths = int.from_bytes(head[:2], "little") + int.from_bytes(head[2:], "little")
        self._begin = info.header_offset + LOCAL_HEADER_BYTES + lengths + array.begin
        self._bytes = array.item_bytes

    def item(self, number: int) -> bytes:
        content = os.pread(self._stream.fileno(), self._bytes, self._begin + number * self._bytes)
        if len(content) < self._bytes:
            raise EOFError("the file ends before the array does")
        return content


class _PackedReader:
    """Items of an array that is packed: unpacked in their order, the last ones kept; backwards means anew."""

    def __init__(self, array: NpzArray) -> None:
        self._array = array
        self._lock = Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._next = 0
        self._stream = self._opened()

    def item(self, number: int) -> bytes:
        with self._lock:
            if number in self._kept:
                return self._kept[number]
            if number < self._next:
                self._stream, self._next = self._opened(), 0
            while True:
                content = self._stream.read(self._array.item_bytes)
                if len(content) < self._array.item_bytes:
                    raise EOFError("the archive ends before the array does")
                self._kept[self._next] = content
                while len(self._kept) > max(1, min(ITEMS_KEPT, KEPT_BYTES // max(1, len(content)))):
                    self._kept.popitem(last=False)
                self._next += 1
                if self._next > number:
                    return content

    def _opened(self) -> IO[bytes]:
        archive = zipfile.ZipFile(self._array.file)
        stream = archive.open(self._array.member)
        stream.read(self._array.begin)
        return stream


KEPT_BYTES = 2**27


@lru_cache(maxsize=2)
def _stored_reader(array: NpzArray) -> _StoredReader:
    return _StoredReader(array)


@lru_cache(maxsize=2)
def _packed_reader(array: NpzArray) -> _PackedReader:
    return _PackedReader(array)
