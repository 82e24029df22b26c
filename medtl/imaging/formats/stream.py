"""Voxels out of a file that may be packed: never more than its header promises, and nothing behind them unnoticed."""

from __future__ import annotations

import bz2
import gzip
import io
import math
import zlib
from typing import IO, cast

from medtl.imaging.scan import UnreadableScan

DENSEST_DEFLATE = 1032
"""Deflate cannot pack more bytes into one (RFC 1951); a file that claims more is cut short, or a trap."""

CHUNK_BYTES = 2**24
MOST_STREAMED_BYTES = 2**36
"""64 GB: what a file of many volumes may unpack to while it is read one volume at a time."""


class Voxels:
    """A stream of a known number of bytes, read in pieces."""

    def __init__(self, stream: IO[bytes], *, what: str) -> None:
        self._stream = stream
        self._what = what

    def take(self, count: int) -> bytes:
        """The next bytes.

        Raises:
            UnreadableScan: `truncated`, there are fewer.
        """
        content = self._stream.read(count)
        if len(content) < count:
            raise cut_short(self._what, count, f"{len(content):,}")
        return content

    def skip(self, count: int) -> None:
        """Read on without keeping anything.

        Raises:
            UnreadableScan: `truncated`, there are fewer.
        """
        while count > 0:
            count -= len(self.take(min(count, CHUNK_BYTES)))

    def end(self, *, layer_bytes: int) -> tuple[str, ...]:
        """Notes on bytes behind the voxels; of a gzip, the checksum is compared by reaching the end.

        A few bytes are the padding of some writer. As many as the thinnest layer of voxels has mean that the header
        says another size than the voxels have.

        Raises:
            UnreadableScan: `undecodable`, so many bytes follow.
        """
        behind = self._stream.read(max(1, layer_bytes))
        if not behind:
            return ()
        if len(behind) < layer_bytes:
            count = len(behind)
            return (f"{count} byte{'s' if count > 1 else ''} after the voxels left aside, fewer than a row or layer",)
        raise UnreadableScan(
            f"The {self._what} file goes on after the voxels that its header promises, by at least a row or layer of "
            "them: the two do not belong together. Get the file again from its source.",
            reason="undecodable",
        )


def voxels_in(packed: bytes, *, encoding: str, promised: int, what: str) -> Voxels:
    """The unpacked voxels of a file: `encoding` is raw, gzip, zlib or bzip2.

    Raises:
        UnreadableScan: `too_large`, or `truncated` since so few packed bytes cannot hold what is promised.
    """
    if promised > MOST_STREAMED_BYTES:
        raise UnreadableScan(
            f"The {what} file unpacks to {promised:,} bytes; at most {MOST_STREAMED_BYTES:,} are read. "
            "Save the volume that is meant as its own file.",
            reason="too_large",
        )
    if encoding in ("gzip", "zlib") and promised > DENSEST_DEFLATE * len(packed):
        raise cut_short(what, promised, f"at most {DENSEST_DEFLATE * len(packed):,}")
    plain = io.BytesIO(packed)
    if encoding == "gzip":
        return Voxels(cast(IO[bytes], gzip.GzipFile(fileobj=plain)), what=what)
    if encoding == "bzip2":
        return Voxels(bz2.BZ2File(plain), what=what)
    if encoding == "zlib":
        return Voxels(cast(IO[bytes], _Inflated(packed)), what=what)
    return Voxels(plain, what=what)


def cut_short(what: str, expected: int, got: str) -> UnreadableScan:
    """The refusal of a file that has fewer bytes than it promises."""
    return UnreadableScan(
        f"The {what} file is cut short: {expected:,} bytes expected, got {got}. Get the file again from its source.",
        reason="truncated",
    )


def layer_bytes(shape: tuple[int, ...], *, itemsize: int) -> int:
    """Bytes of the thinnest layer: what follows the voxels when a header's size is too small by one."""
    whole = math.prod(shape) * itemsize
    return min(whole // size for size in shape)


class _Inflated:
    """A zlib stream, unpacked as far as it is read."""

    def __init__(self, packed: bytes) -> None:
        self._inflate = zlib.decompressobj()
        self._waiting = packed

    def read(self, count: int) -> bytes:
        """The next bytes, fewer at the end."""
        parts = []
        while count > 0 and not self._inflate.eof:
            part = self._inflate.decompress(self._waiting, min(count, CHUNK_BYTES))
            self._waiting = self._inflate.unconsumed_tail
            if not part and not self._waiting:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
