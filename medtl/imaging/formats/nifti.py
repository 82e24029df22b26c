"""NIfTI 1 and 2 by nibabel: one file (.nii, .nii.gz), or a header and its voxels (.hdr and .img, packed or not).

The header is taken as it is written: nibabel's own repairs (0 mm becomes 1 mm) and its messages about them are
switched off. `nifti_affine` says where the voxels lie. Refused by name: several volumes without a choice, colours and
vectors, an array that may be a photograph, complex numbers, cut or lengthened files.
"""

from __future__ import annotations

import gzip
import io
import logging
import math
import re
import struct
import zlib

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import OrientationError
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from nibabel.wrapstruct import WrapStructError

from medtl.imaging.formats.array_scan import Stored, first_three, is_volume, picture_scan, refuse_size, volume_scan
from medtl.imaging.formats.foreign import ANALYZE, GZIP, NIFTI_SIZES, unpacked_start
from medtl.imaging.formats.format import START_BYTES, Choice, Content, FilePair
from medtl.imaging.formats.geometry import refuse_photograph
from medtl.imaging.formats.nifti_affine import geometry_of, slice_orientation, volume_affine
from medtl.imaging.formats.several import only_or_mean, refuse_vectors, volume_note, wanted_volumes
from medtl.imaging.formats.stream import Voxels, cut_short, layer_bytes, voxels_in
from medtl.imaging.scan import Scan, UnreadableScan, undecodable

logging.getLogger("nibabel.global").setLevel(logging.CRITICAL + 1)
"""nibabel prints its repairs of a header on the terminal wherever one is opened; what matters is noted here."""

ONE_FILE, PAIR, ONE_FILE_2, PAIR_2 = b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0"
"""The magic of NIfTI-1 and NIfTI-2, with the NUL that ends it."""

NIBABEL_FAULTS = (
    ImageFileError,
    HeaderDataError,
    HeaderTypeError,
    OrientationError,
    WrapStructError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
    np.linalg.LinAlgError,
)
"""What nibabel raises on damaged files (seen on thousands of mutated ones)."""

NIFTI = "NIfTI"
NIFTI1_LENGTH, NIFTI2_LENGTH = 348, 540
EXTENSION_FLAG_BYTES = 4
LARGEST_OFFSET = 2**20
"""Header extensions before the voxels beyond this are refused."""

VECTOR_INTENTS = (1004, 1005, 1006, 1007, 1009, 1010, 2003, 2004)
"""NIfTI's codes for general and symmetric matrices, displacements, vectors, triangles, quaternions, RGB and RGBA."""

PIXELS_BY_RATIO = b"pixel sizes are a ratio"
"""The description of a picture that we wrote, whose pixels have a shape and no size: width 1, height as its own."""

COMPLEX, COLOURS = "c", "V"


def decode_nifti(content: Content, choice: Choice) -> Scan:
    """The scan in a NIfTI file; the header's size is judged before the voxels are unpacked.

    Raises:
        UnreadableScan: too_large, several_volumes, vector_voxels, colour_or_slices, bad_geometry, non_finite,
            truncated, undecodable or unsupported_format.
    """
    try:
        start = content.header if isinstance(content, FilePair) else content
        header, is_pair = _header(start)
        shape = _shape(header)
        refuse_size(shape, what=NIFTI)
        kind = _kind(header, shape)
        indices = wanted_volumes(math.prod(shape[3:]), choice)
        voxels, unpacked = _voxels(content, header, shape, kind, is_pair=is_pair)
        three = first_three(shape)
        geometry = geometry_of(header, three)
        if is_volume(shape) and kind.names is None:
            refuse_photograph(three, geometry.sizes_mm, what=NIFTI)
        values = _values(voxels, header, three, kind, indices, count=math.prod(shape[3:]))
        notes = volume_note(math.prod(shape[3:]), choice)
        notes += voxels.end(layer_bytes=layer_bytes(shape, itemsize=kind.itemsize)) + unpacked
        scale = _full_scale(header, kind)
        if is_volume(shape):
            affine, affine_notes = volume_affine(geometry)
            return volume_scan(Stored(values, "nibabel", (*affine_notes, *notes), affine=affine, full_scale=scale))
        by_ratio = header["descrip"].item() == PIXELS_BY_RATIO and min(geometry.sizes_mm[:2]) > 0
        known = geometry.affine is not None or geometry.says_unit or any(size != 1.0 for size in geometry.sizes_mm[:2])
        stored = Stored(
            values,
            "nibabel",
            (*geometry.notes, *notes),
            orientation=slice_orientation(geometry),
            sizes_mm=geometry.sizes_mm if known and not by_ratio else None,
            pixel_aspect=geometry.sizes_mm[1] / geometry.sizes_mm[0] if by_ratio else 1.0,
            window=_window(header),
            full_scale=scale,
        )
        return picture_scan(stored)
    except NIBABEL_FAULTS as error:
        raise undecodable(NIFTI, error) from error


def begins_nifti(start: bytes) -> bool:
    """Whether these are the first bytes of a NIfTI header, of one file or of a pair."""
    return start[:4] in NIFTI_SIZES and (start[344:348] in (ONE_FILE, PAIR) or start[4:8] in (ONE_FILE_2, PAIR_2))


def nifti_data_files(content: bytes, name: str) -> tuple[str, ...]:
    """The names that the voxels of a pair may have beside their header; none for a file that holds its own."""
    start = unpacked_start(content[:START_BYTES]) if content.startswith(GZIP) else content
    if start[344:348] != PAIR and start[4:8] != PAIR_2:
        return ()
    stem = re.sub(r"\.hdr(\.gz)?$", "", name, flags=re.IGNORECASE)
    return tuple(f"{stem}{ending}" for ending in (".img", ".img.gz", ".IMG"))


def _header(content: bytes) -> tuple[nibabel.Nifti1Header, bool]:
    """The header as it is written, and whether its voxels lie in another file."""
    start = content[:NIFTI2_LENGTH]
    if content.startswith(GZIP):
        start = gzip.GzipFile(fileobj=io.BytesIO(content)).read(NIFTI2_LENGTH)
    long = start[:4] in NIFTI_SIZES[2:]
    length = NIFTI2_LENGTH if long else NIFTI1_LENGTH
    if start[:4] in NIFTI_SIZES and len(start) < length:
        raise cut_short(NIFTI, length, f"{len(start)}")
    magic = start[4:8] if long else start[344:348]
    if magic in ((ONE_FILE_2, PAIR_2) if long else (ONE_FILE, PAIR)):
        reader = nibabel.Nifti2Header if long else nibabel.Nifti1Header
        return reader(start[:length], check=False), magic in (PAIR, PAIR_2)
    if start[:4] in NIFTI_SIZES[:2]:
        raise UnreadableScan(ANALYZE.sentence, reason="unsupported_format")
    raise UnreadableScan(
        "The file begins like NIfTI or gzip but holds no NIfTI image (.nii, .nii.gz, .hdr with .img). Convert it.",
        reason="unsupported_format",
    )


def _shape(header: nibabel.Nifti1Header) -> tuple[int, ...]:
    count = int(header["dim"][0])
    if not 1 <= count <= 7:
        raise UnreadableScan(
            f"The NIfTI header says {count} axes; 1 to 7 are possible. The file is damaged.", reason="undecodable"
        )
    shape = [int(size) for size in header["dim"][1 : count + 1]]
    if min(shape) < 1:
        size = " x ".join(map(str, shape))
        raise UnreadableScan(
            f"The NIfTI header says a size of {size}; every axis has at least one. The file is damaged.",
            reason="undecodable",
        )
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _kind(header: nibabel.Nifti1Header, shape: tuple[int, ...]) -> np.dtype:
    """The number type of the voxels: whole or real; colours of 8 bits in a single slice."""
    try:
        kind = header.get_data_dtype()
    except KeyError:
        raise UnreadableScan(
            f"The NIfTI header says number type {int(header['datatype'])}, which NIfTI does not have. The file is "
            "damaged.",
            reason="undecodable",
        ) from None
    if kind.kind == COMPLEX:
        raise UnreadableScan(
            "The NIfTI voxels are complex numbers; a scan has real ones. Save the magnitude as its own file.",
            reason="unsupported_format",
        )
    if kind.kind not in f"iuf{COLOURS}" or (kind.kind == COLOURS and kind.names is None):
        raise UnreadableScan(
            "The NIfTI voxels are neither whole nor real numbers. Save the scan as 16-bit or real numbers.",
            reason="unsupported_format",
        )
    if kind.names is not None and (is_volume(shape) or math.prod(shape[3:]) > 1):
        raise UnreadableScan(
            f"The NIfTI voxels are colours ({kind.names and ''.join(kind.names)}), as of a map that was drawn over a "
            "scan; a scan has grey values. Use the scan itself, or save the values that the colours stand for.",
            reason="vector_voxels",
        )
    vector = len(shape) > 4 and shape[3] == 1
    if len(shape) > 3 and (vector or int(header["intent_code"]) in VECTOR_INTENTS):
        raise refuse_vectors(NIFTI, shape[4] if vector else math.prod(shape[3:]))
    return kind


def _voxels(
    content: Content, header: nibabel.Nifti1Header, shape: tuple[int, ...], kind: np.dtype, *, is_pair: bool
) -> tuple[Voxels, tuple[str, ...]]:
    """The stream at the first voxel, and what to note of where it begins."""
    if is_pair and not isinstance(content, FilePair):
        raise UnreadableScan(
            "The file is the header of a NIfTI pair (.hdr and .img). Keep both in one folder under the same name.",
            reason="missing_file",
        )
    packed = content.data if isinstance(content, FilePair) else content
    offset = float(header["vox_offset"])
    length = math.prod(shape) * kind.itemsize
    least = 0 if is_pair else _header_bytes(header)
    if not (math.isfinite(offset) and 0 <= offset <= LARGEST_OFFSET) or 0 < offset < least:
        raise UnreadableScan(
            f"The NIfTI header says that the voxels begin at byte {offset:g}; {least} to {LARGEST_OFFSET:,} is "
            "possible. The file is damaged.",
            reason="undecodable",
        )
    begin, notes = int(offset), tuple[str, ...]()
    if not is_pair and offset == 0:
        begin = least + EXTENSION_FLAG_BYTES
        notes = (f"the header does not say where the voxels begin (vox_offset 0): byte {begin} is taken",)
    voxels = voxels_in(
        packed, encoding="gzip" if packed.startswith(GZIP) else "raw", promised=begin + length, what=NIFTI
    )
    voxels.skip(begin)
    return voxels, notes


def _header_bytes(header: nibabel.Nifti1Header) -> int:
    return NIFTI2_LENGTH if isinstance(header, nibabel.Nifti2Header) else NIFTI1_LENGTH


def _values(
    voxels: Voxels,
    header: nibabel.Nifti1Header,
    shape: tuple[int, int, int],
    kind: np.dtype,
    indices: range,
    *,
    count: int,
) -> np.ndarray:
    """The volume that is wanted, or the mean of several, rescaled as the header says; read one after the other."""
    length = math.prod(shape) * kind.itemsize

    def block() -> np.ndarray:
        proxy = ArrayProxy(io.BytesIO(voxels.take(length)), (shape, kind, 0, *_rescale(header)))
        values = np.asarray(proxy)
        return values if kind.names is None else np.stack([values[name] for name in kind.names[:3]], axis=-1)

    voxels.skip(indices.start * length)
    total = only_or_mean((block() for _ in indices), len(indices))
    voxels.skip((count - indices.stop) * length)
    return total


def _rescale(header: nibabel.Nifti1Header) -> tuple[float, float]:
    slope, inter = header.get_slope_inter()
    return (1.0, 0.0) if slope is None else (slope, 0.0 if inter is None else inter)


def _full_scale(header: nibabel.Nifti1Header, kind: np.dtype) -> float | None:
    """The value of full brightness, when the stored numbers are unsigned and not rescaled."""
    if kind.names is not None:
        return 255.0
    plain = _rescale(header) == (1.0, 0.0)
    return float(np.iinfo(kind).max) if plain and kind.kind == "u" and kind.itemsize <= 2 else None


def _window(header: nibabel.Nifti1Header) -> tuple[float, float] | None:
    """The header's display range (cal_min, cal_max) as (centre, width), when it says one."""
    low, high = float(header["cal_min"]), float(header["cal_max"])
    return ((low + high) / 2, high - low) if math.isfinite(high - low) and low < high else None
