"""NRRD by pynrrd: one file (.nrrd), or a header and its data file (.nhdr).

pynrrd reads the header; the voxels are unpacked here, since the header's size must be judged before and no more may be
unpacked than it promises (raw, gzip and bzip2; text and hexadecimal are refused). Where the axes lie follows the
definition of the format (teem.sourceforge.net/nrrd/format.html): `space` names the patient coordinates, `space
directions` has the step along each axis, `space origin` the centre of the first voxel. An axis without a direction is
no axis of space: several volumes when its kind says list or time or nothing, colours or vectors otherwise.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zlib
from typing import Any

import nrrd
import numpy as np
from nrrd.errors import NRRDError

from medtl.imaging.formats.array_scan import (
    Stored,
    axis_orientation,
    first_three,
    is_volume,
    picture_scan,
    refuse_size,
    volume_scan,
)
from medtl.imaging.formats.data_file import LONGEST_TEXT_HEADER, beside
from medtl.imaging.formats.format import Choice, Content, FilePair
from medtl.imaging.formats.geometry import (
    LAS_TO_RAS,
    LPS_TO_RAS,
    NO_ORIENTATION,
    bad_geometry,
    believed,
    refuse_photograph,
)
from medtl.imaging.formats.several import only_or_mean, refuse_vectors, volume_note, wanted_volumes
from medtl.imaging.formats.stream import Voxels, layer_bytes, voxels_in
from medtl.imaging.scan import MAX_VOXELS, Scan, UnreadableScan, refuse_too_large, undecodable

PYNRRD_FAULTS = (
    NRRDError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    StopIteration,
    RuntimeError,
    struct.error,
    zlib.error,
    np.linalg.LinAlgError,
)
"""What pynrrd raises on damaged files."""

NRRD = "NRRD"
MAGIC = b"NRRD000"
DATA_FILE = re.compile(rb"^data ?file:[ \t]*(.*?)\r?$", re.MULTILINE)
BLANK_LINE = re.compile(rb"\r?\n\r?\n")

TO_RAS = {
    "right-anterior-superior": np.eye(4), "ras": np.eye(4),
    "left-anterior-superior": LAS_TO_RAS, "las": LAS_TO_RAS,
    "left-posterior-superior": LPS_TO_RAS, "lps": LPS_TO_RAS,
}  # fmt: skip
"""Spaces in which a patient lies, each also with `-time` or `T`; in others nobody knows where the patient is."""

MM_PER_UNIT = {"": 1.0, "mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001, "micron": 0.001, "microns": 0.001}
ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
MOST_INTERLEAVED = 2 * MAX_VOXELS
"""Voxels of a file whose volumes are interleaved, so that all must be unpacked for one."""

SEPARATE_KINDS = frozenset({"list", "time", "point", "???", "none", "stub", "scalar", "domain", "space", ""})
"""Kinds of an axis without a direction whose samples are volumes of their own."""


def begins_nrrd(start: bytes) -> bool:
    """Whether these are the first bytes of an NRRD header."""
    return start.startswith(MAGIC)


def nrrd_data_files(content: bytes, _name: str) -> tuple[str, ...]:
    """The data file that a detached header names; none when the file holds its voxels itself.

    Raises:
        UnreadableScan: `data_file_outside` or `several_files`.
    """
    end = BLANK_LINE.search(content[:LONGEST_TEXT_HEADER])
    found = DATA_FILE.search(content[: end.start() if end else LONGEST_TEXT_HEADER])
    return (beside(found[1].decode("utf-8", "replace"), what=NRRD),) if found else ()


def decode_nrrd(content: Content, choice: Choice) -> Scan:
    """The scan in an NRRD file; the header's size is judged before the voxels are unpacked.

    Raises:
        UnreadableScan: too_large, several_volumes, vector_voxels, colour_or_slices, bad_geometry, non_finite,
            truncated, undecodable or unsupported_format.
    """
    try:
        whole = content.header if isinstance(content, FilePair) else content
        stream = io.BytesIO(whole[:LONGEST_TEXT_HEADER])
        header = nrrd.read_header(stream)
        packed = content.data if isinstance(content, FilePair) else whole[stream.tell() :]
        if ("data file" in header or "datafile" in header) and not isinstance(content, FilePair):
            raise UnreadableScan(
                "The NRRD header names a data file that is not beside it. Keep both in one folder.",
                reason="missing_file",
            )
        return _scan(header, packed, choice)
    except PYNRRD_FAULTS as error:
        raise undecodable(NRRD, error) from error


def _scan(header: dict[str, Any], packed: bytes, choice: Choice) -> Scan:
    sizes = tuple(int(size) for size in header["sizes"])
    if len(sizes) != int(header["dimension"]) or min(sizes, default=0) < 1:
        raise UnreadableScan(
            f"The NRRD header says {header['dimension']} axes and the sizes {' x '.join(map(str, sizes))}; each axis "
            "has one size above 0. The file is damaged.",
            reason="undecodable",
        )
    across = _axis_across(header, sizes)
    space = tuple(size for axis, size in enumerate(sizes) if axis != across)
    refuse_size(space, what=NRRD)
    if len(space) > 3:
        raise UnreadableScan(
            f"The NRRD file has {len(space)} axes of space; a scan has 2 or 3. Save one volume.",
            reason="unsupported_format",
        )
    three = first_three(space)
    count = 1 if across is None else sizes[across]
    indices = wanted_volumes(count, choice)
    affine, spacing_mm, notes = _geometry(header, across, len(space))
    if is_volume(space) and spacing_mm is not None:
        refuse_photograph(three, spacing_mm, what=NRRD)
    kind = _kind(header)
    voxels = _voxels(header, packed, promised=math.prod(sizes) * kind.itemsize)
    values = _values(voxels, header, sizes, across, indices, itemsize=kind.itemsize)
    notes += volume_note(count, choice) + voxels.end(layer_bytes=layer_bytes(sizes, itemsize=kind.itemsize))
    full_scale = float(np.iinfo(kind).max) if kind.kind == "u" and kind.itemsize <= 2 else None
    if is_volume(space):
        if spacing_mm is None:
            raise bad_geometry(NRRD, "it says no voxel size (space directions or spacings)")
        if affine is None:
            affine, notes = np.diag([*spacing_mm, 1.0]), (NO_ORIENTATION, *notes)
        affine = believed(affine, what=NRRD)
        return volume_scan(Stored(values, "pynrrd", notes, affine=affine, full_scale=full_scale))
    return picture_scan(
        Stored(
            values.reshape(three),
            "pynrrd",
            notes,
            orientation=None if affine is None else axis_orientation(affine),
            sizes_mm=spacing_mm,
            full_scale=full_scale,
        )
    )


def _axis_across(header: dict[str, Any], sizes: tuple[int, ...]) -> int | None:
    """The axis that is none of space: of several volumes; None when there is none.

    Raises:
        UnreadableScan: `vector_voxels`, or there are two of them.
    """
    kinds = [str(kind).lower() for kind in header.get("kinds", [])] or ["???"] * len(sizes)
    directions = header.get("space directions")
    if directions is not None and len(directions) == len(sizes):
        across = [axis for axis, step in enumerate(directions) if step is None or not np.isfinite(step).any()]
    else:
        across = [axis for axis, kind in enumerate(kinds) if kind not in ("domain", "space", "???", "none")]
    if not across and len(sizes) > 3:
        across = [len(sizes) - 1]
    for axis in across:
        if kinds[axis] not in SEPARATE_KINDS and sizes[axis] > 1:
            raise refuse_vectors(NRRD, sizes[axis])
    if len(across) > 1:
        raise UnreadableScan(
            f"The NRRD file has {len(across)} axes that are none of space; one is understood. Save one volume.",
            reason="several_volumes",
        )
    return across[0] if across else None


def _geometry(
    header: dict[str, Any], across: int | None, dimension: int
) -> tuple[np.ndarray | None, tuple[float, float, float] | None, tuple[str, ...]]:
    """The affine (None without patient coordinates), the voxel sizes in mm (None when none), and notes."""
    units = {str(unit).strip().lower() for unit in header.get("space units", header.get("units", [])) or [""]}
    units -= {"", "none", "???", "n/a"} if len(units) > 1 else set()
    if len(units) != 1 or not units <= set(MM_PER_UNIT):
        raise bad_geometry(NRRD, "its units of length are not all mm, cm, m or micrometre")
    mm = MM_PER_UNIT[units.pop()]
    directions = header.get("space directions")
    if directions is None:
        spacings = [float(size) * mm for size in header.get("spacings", [])]
        kept = [size for axis, size in enumerate(spacings) if axis != across]
        if len(kept) != dimension or not all(math.isfinite(size) and size > 0 for size in kept):
            return None, None, ()
        return None, _three(kept), ()
    steps = [np.array(step, float) * mm for axis, step in enumerate(directions) if axis != across]
    sizes = [float(np.linalg.norm(step)) for step in steps]
    if len(steps) != dimension or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise bad_geometry(NRRD, "its space directions are not one step above 0 for each axis of space")
    name = str(header.get("space", "")).strip().lower()
    name = name.removesuffix("-time") if "-" in name else name[:3]
    if name not in TO_RAS or any(len(step) < 3 for step in steps):
        return None, _three(sizes), ()
    origin = header.get("space origin")
    has_origin = origin is not None and len(origin) >= 3 and np.isfinite(origin).all()
    notes = () if has_origin else ("the header says no space origin: the first voxel is taken to lie at 0",)
    affine = np.eye(4)
    for column, step in enumerate(steps):
        affine[:3, column] = step[:3]
    if dimension == 2:
        affine[:3, 2] = np.cross(affine[:3, 0], affine[:3, 1]) / (sizes[0] * sizes[1])
    if has_origin:
        affine[:3, 3] = np.asarray(origin, float)[:3] * mm
    return TO_RAS[name] @ affine, _three(sizes), notes


def _three(sizes: list[float]) -> tuple[float, float, float]:
    first, second, third = (*sizes, 1.0)[:3]
    return first, second, third


def _kind(header: dict[str, Any]) -> np.dtype:
    """The number type and byte order, as pynrrd reads them: that of an array of nothing."""
    if str(header["type"]) == "block":
        raise UnreadableScan(
            "The NRRD voxels are blocks of bytes; whole or real numbers are read. Save them as such.",
            reason="unsupported_format",
        )
    return nrrd.read_data(_raw_header(header, sizes=(0,)), io.BytesIO()).dtype


def _raw_header(header: dict[str, Any], *, sizes: tuple[int, ...]) -> dict[str, Any]:
    """The header with which pynrrd reads voxels that are unpacked already."""
    kept: dict[str, Any] = {name: header[name] for name in ("type", "endian") if name in header}
    return {**kept, "dimension": len(sizes), "sizes": np.array(sizes), "encoding": "raw"}


def _voxels(header: dict[str, Any], packed: bytes, *, promised: int) -> Voxels:
    encoding = str(header["encoding"]).lower()
    if encoding not in ENCODINGS:
        raise UnreadableScan(
            f"The NRRD voxels are not stored as {', '.join(ENCODINGS)}, the encodings that are read. Save it with "
            "encoding gzip.",
            reason="unsupported_format",
        )
    lines = int(header.get("line skip", header.get("lineskip", 0)))
    skipped = int(header.get("byte skip", header.get("byteskip", 0)))
    start = 0
    for _ in range(lines):
        start = packed.index(b"\n", start) + 1
    packed = packed[start:]
    encoding = ENCODINGS[encoding]
    if skipped == -1 and encoding == "raw":
        packed, skipped = packed[max(0, len(packed) - promised) :], 0
    if skipped < 0 or lines < 0:
        raise UnreadableScan(
            "The NRRD header says to skip a negative number of lines or bytes. The file is damaged.",
            reason="undecodable",
        )
    voxels = voxels_in(packed, encoding=encoding, promised=skipped + promised, what=NRRD)
    voxels.skip(skipped)
    return voxels


def _values(
    voxels: Voxels, header: dict[str, Any], sizes: tuple[int, ...], across: int | None, indices: range, *, itemsize: int
) -> np.ndarray:
    """The volume that is wanted, or the mean of several. The first axis of the header runs fastest."""

    def block(shape: tuple[int, ...]) -> np.ndarray:
        content = voxels.take(math.prod(shape) * itemsize)
        return nrrd.read_data(_raw_header(header, sizes=shape), io.BytesIO(content))

    if across is None:
        return block(sizes)
    if across == len(sizes) - 1:
        length = math.prod(sizes[:-1]) * itemsize
        voxels.skip(indices.start * length)
        total = only_or_mean((block(sizes[:-1]) for _ in indices), len(indices))
        voxels.skip((sizes[-1] - indices.stop) * length)
        return total
    refuse_too_large(*sizes, at_most=MOST_INTERLEAVED)
    whole = block(sizes)
    return only_or_mean((np.take(whole, index, axis=across) for index in indices), len(indices))
