"""MetaImage: one file (.mha), or a header and its data file (.mhd with .raw or .zraw), as ITK, elastix and RIDER write.

The header is read here, in forty lines. Of what PyPI has, metaimageio 1.3.2 and tiny-metaio 0.4.0 (one author each)
open whatever path the header names, unpack without a bound, read no more than three axes of directions, and the first
takes MET_LONG for eight bytes where MetaIO means four; SimpleITK reads all of it well, but is 50 MB of native code that
would parse foreign bytes inside our own process. Meaning of the tags: MetaIO's documentation (itk.org/Wiki/MetaIO).

Coordinates are ITK's: left, posterior and superior positive. TransformMatrix has one direction of three numbers for
each axis in turn, ElementSpacing the step along it, Offset the centre of the first voxel.
"""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass

import numpy as np

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
from medtl.imaging.formats.foreign import GZIP
from medtl.imaging.formats.format import Choice, Content, FilePair
from medtl.imaging.formats.geometry import LPS_TO_RAS, bad_geometry, believed, refuse_photograph
from medtl.imaging.formats.several import only_or_mean, refuse_vectors, volume_note, wanted_volumes
from medtl.imaging.formats.stream import Voxels, layer_bytes, voxels_in
from medtl.imaging.scan import Scan, UnreadableScan, undecodable

META_FAULTS = (ValueError, OverflowError, EOFError, MemoryError, zlib.error, np.linalg.LinAlgError)

META = "MetaImage"
BEGIN = re.compile(rb"(?:\xef\xbb\xbf)?\s*[A-Za-z]\w*[ \t]*=")
AXES = re.compile(rb"^[ \t]*NDims[ \t]*=[ \t]*\d", re.IGNORECASE | re.MULTILINE)
SIZES = re.compile(rb"^[ \t]*DimSize[ \t]*=", re.IGNORECASE | re.MULTILINE)
LAST_TAG = "elementdatafile"
LOCAL = "LOCAL"

NUMBER_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
"""MetaIO's names and the sizes that it gives them on every machine."""

UNIT_MM = {"": 1.0, "?": 1.0, "mm": 1.0, "cm": 10.0, "um": 0.001}
NO_MATRIX = "no TransformMatrix in the header: the axes are taken as left, posterior, superior, as ITK does"


@dataclass(frozen=True)
class MetaHeader:
    """The tags by their name in lower case, and the number of bytes before the data of a file that holds them."""

    tags: dict[str, str]
    length: int

    def numbers(self, *names: str) -> list[float] | None:
        """The numbers of the first of these tags that is there."""
        found = next((self.tags[name] for name in names if name in self.tags), None)
        return None if found is None else [float(word) for word in found.split()]

    def says(self, name: str) -> bool:
        """Whether a tag is true."""
        return self.tags.get(name, "").lower() in ("true", "t", "1", "yes")


def begins_metaimage(start: bytes) -> bool:
    """Whether these are the first bytes of a MetaImage header; it has no magic, and some writers change its order."""
    return bool(BEGIN.match(start) and AXES.search(start) and SIZES.search(start))


def metaimage_data_files(content: bytes, _name: str) -> tuple[str, ...]:
    """The data file that a header names; none when the file holds its voxels itself.

    Raises:
        UnreadableScan: `data_file_outside` or `several_files`.
    """
    name = _header(content).tags.get(LAST_TAG, LOCAL)
    return () if name.upper() == LOCAL else (beside(name, what=META),)


def decode_metaimage(content: Content, choice: Choice) -> Scan:
    """The scan in a MetaImage; the header's size is judged before the voxels are unpacked.

    Raises:
        UnreadableScan: too_large, several_volumes, vector_voxels, colour_or_slices, bad_geometry, non_finite,
            truncated, undecodable or unsupported_format.
    """
    try:
        header = _header(content.header if isinstance(content, FilePair) else content)
        if header.tags.get(LAST_TAG, LOCAL).upper() != LOCAL and not isinstance(content, FilePair):
            raise UnreadableScan(
                "The MetaImage header names a data file that is not beside it. Keep both in one folder.",
                reason="missing_file",
            )
        return _scan(header, content.data if isinstance(content, FilePair) else content[header.length :], choice)
    except META_FAULTS as error:
        raise undecodable(META, error) from error


def _header(content: bytes) -> MetaHeader:
    tags, position = dict[str, str](), 0
    text = content[:LONGEST_TEXT_HEADER].removeprefix(b"\xef\xbb\xbf")
    skipped = len(content[:LONGEST_TEXT_HEADER]) - len(text)
    while LAST_TAG not in tags:
        end = text.find(b"\n", position)
        end = len(text) if end < 0 else end
        if position >= len(text):
            raise UnreadableScan(
                "The MetaImage header ends before its last tag, ElementDataFile: it is cut short. Get the file again "
                "from its source.",
                reason="truncated",
            )
        name, equals, value = text[position:end].decode("utf-8", "replace").partition("=")
        if equals:
            tags[name.strip().lower()] = value.strip()
        position = end + 1
    return MetaHeader(tags, position + skipped)


def _scan(header: MetaHeader, packed: bytes, choice: Choice) -> Scan:
    sizes = tuple(int(size) for size in header.numbers("dimsize") or ())
    count_axes = int(header.tags.get("ndims", len(sizes)))
    if len(sizes) != count_axes or min(sizes, default=0) < 1:
        raise UnreadableScan(
            f"The MetaImage header says {count_axes} axes and the sizes {' x '.join(map(str, sizes)) or '(none)'}; "
            "each axis has one size above 0. The file is damaged.",
            reason="undecodable",
        )
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes = sizes[:-1]
    channels = int(header.tags.get("elementnumberofchannels", 1))
    if channels != 1:
        raise refuse_vectors(META, channels)
    refuse_size(sizes, what=META)
    three = first_three(sizes)
    count = math.prod(sizes[3:])
    indices = wanted_volumes(count, choice)
    affine, spacing_mm, notes = _geometry(header, count_axes)
    if is_volume(sizes):
        refuse_photograph(three, spacing_mm, what=META)
    kind = _kind(header)
    voxels = _voxels(header, packed, promised=math.prod(sizes) * kind.itemsize)
    length = math.prod(three) * kind.itemsize
    voxels.skip(indices.start * length)
    values = only_or_mean(
        (np.frombuffer(voxels.take(length), kind).reshape(three, order="F") for _ in indices), len(indices)
    )
    voxels.skip((count - indices.stop) * length)
    notes += volume_note(count, choice) + voxels.end(layer_bytes=layer_bytes(sizes, itemsize=kind.itemsize))
    full_scale = float(np.iinfo(kind).max) if kind.kind == "u" and kind.itemsize <= 2 else None
    if is_volume(sizes):
        return volume_scan(Stored(values, META, notes, affine=believed(affine, what=META), full_scale=full_scale))
    orientation = axis_orientation(affine) if len(sizes) == 3 else None
    return picture_scan(
        Stored(values, META, notes, orientation=orientation, sizes_mm=spacing_mm, full_scale=full_scale)
    )


def _geometry(header: MetaHeader, axes: int) -> tuple[np.ndarray, tuple[float, float, float], tuple[str, ...]]:
    """The affine, the voxel sizes in mm, and notes; of a picture the third axis stands across it."""
    mm = UNIT_MM.get(header.tags.get("distanceunits", "").lower())
    spacing = header.numbers("elementspacing", "elementsize")
    if mm is None or spacing is None or len(spacing) < min(axes, 3):
        raise bad_geometry(META, "it says no voxel size in mm (ElementSpacing) for each axis")
    sizes = [abs(size) * mm for size in (*spacing[:3], 1.0)[:3]]
    matrix = header.numbers("transformmatrix", "rotation", "orientation")
    offset = header.numbers("offset", "position", "origin") or [0.0] * axes
    if (matrix is not None and len(matrix) != axes * axes) or len(offset) != axes:
        raise bad_geometry(META, "its TransformMatrix and Offset do not have a number for each axis")
    if any(size < 0 for size in spacing):
        raise bad_geometry(META, "a voxel size is below 0")
    directions = np.eye(3)
    kept = min(axes, 3)
    if matrix is not None:
        directions[:kept, :kept] = np.array(matrix).reshape(axes, axes).T[:kept, :kept]
    affine = np.eye(4)
    affine[:3, :3] = directions * sizes
    affine[:kept, 3] = np.array(offset[:kept]) * mm
    first, second, third = sizes
    return LPS_TO_RAS @ affine, (first, second, third), () if matrix is not None else (NO_MATRIX,)


def _kind(header: MetaHeader) -> np.dtype:
    name = header.tags.get("elementtype", "").upper()
    if name.removesuffix("_ARRAY") not in NUMBER_TYPES:
        raise UnreadableScan(
            f"The MetaImage voxels are of no type that is read; expected one of {', '.join(NUMBER_TYPES)}.",
            reason="unsupported_format",
        )
    if header.tags.get("binarydata", "true").lower() in ("false", "f", "0", "no"):
        raise UnreadableScan(
            "The MetaImage voxels are written as text (BinaryData = False), which is not read. Save it as binary.",
            reason="unsupported_format",
        )
    is_big = header.says("binarydatabyteordermsb") or header.says("elementbyteordermsb")
    return np.dtype(NUMBER_TYPES[name.removesuffix("_ARRAY")]).newbyteorder(">" if is_big else "<")


def _voxels(header: MetaHeader, packed: bytes, *, promised: int) -> Voxels:
    skipped = int(header.tags.get("headersize", 0))
    if skipped < -1 or skipped > len(packed):
        raise UnreadableScan(
            f"The MetaImage header says that {skipped} bytes stand before the voxels; the file does not have "
            "them. The file is damaged.",
            reason="undecodable",
        )
    is_packed = header.says("compresseddata")
    if skipped == -1 and not is_packed:
        skipped = max(0, len(packed) - promised)
    packed = packed[max(0, skipped) :]
    encoding = ("gzip" if packed.startswith(GZIP) else "zlib") if is_packed else "raw"  # MetaIO reads both
    return voxels_in(packed, encoding=encoding, promised=promised, what=META)
