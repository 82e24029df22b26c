"""Recognise files that no reader takes by their first bytes: the name of the format, and what to do with it."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

GZIP = b"\x1f\x8b"
DICOM_MAGIC = slice(128, 132)
NIFTI_SIZES = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c", b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
"""A NIfTI or Analyze header begins with its own length, 348 or 540, in either byte order."""

PIECE = 64
"""Bytes unpacked at a time, so that a damaged byte does not hide what stands before it."""

SHORTEST_HEADER = 348
MGH_HEADER = re.compile(rb"\x00\x00\x00\x01(?:\x00{2}[^\x00].|\x00{3}[^\x00]){4}", re.DOTALL)
"""FreeSurfer's version 1, then four sizes of 1 to 65,535, big-endian."""


@dataclass(frozen=True)
class Foreign:
    """A kind of file: what it is, as the end of a sentence, and what to do."""

    what: str
    advice: str
    reason: str = "unsupported_format"

    @property
    def sentence(self) -> str:
        """Both, for people."""
        return f"The file is {self.what}. {self.advice}"

    @property
    def is_image(self) -> bool:
        """Whether it can be saved in a format that is read, as a GIF can, unlike a text or a document."""
        return self.advice.startswith(SAVED_OTHERWISE)


SAVED_OTHERWISE = ("Save it as", "Convert it to", "It says no geometry; save it as")
"""How the advice begins for what holds an image in another format."""


AS_PNG = "Save it as PNG, TIFF or DICOM."
AS_NIFTI = "Convert it to NIfTI (.nii.gz)."
UNPACK = "Unpack it, and take the folder in."
AGAIN = "Get the image itself from its source."

PACKED_DICOM = Foreign("a DICOM file packed with gzip", "Unpack it (gunzip) and give the folder.", "packed_file")
PACKED_PICTURE = Foreign("a picture packed with gzip", "Unpack it (gunzip) and give the folder.", "packed_file")
GZIP_OF_NOTHING_KNOWN = Foreign(
    "a gzip that holds no image of a kind that is read packed (NIfTI)", "Unpack it (gunzip) and look what it is."
)
DAMAGED_GZIP = Foreign("a gzip that cannot be unpacked: damaged or cut short", AGAIN, "truncated")
CUT_HEADER = Foreign("the beginning of a NIfTI or Analyze header, cut short inside it", AGAIN, "truncated")
ANALYZE = Foreign(
    "an Analyze 7.5 header, which does not say left from right", f"{AS_NIFTI} Only who made it knows the sides."
)
MGH = Foreign("a FreeSurfer volume (MGH)", "Convert it to NIfTI: mri_convert IN.mgz OUT.nii.gz.")
AFNI = Foreign("the header of an AFNI volume", "Convert it to NIfTI: 3dAFNItoNIFTI.")
TEXT = Foreign("a text file", "It holds no image.")

NUMBERED: tuple[tuple[int, bytes, Foreign], ...] = (
    (0, b"GIF8", Foreign("a GIF picture (256 colours, perhaps animated)", AS_PNG)),
    (0, b"\x00\x00\x00\x0cjP  ", Foreign("a JPEG 2000 picture", AS_PNG)),
    (0, b"\xff\x4f\xff\x51", Foreign("a JPEG 2000 code stream", AS_PNG)),
    (0, b"\x00\x00\x00\x0cJXL ", Foreign("a JPEG XL picture", AS_PNG)),
    (0, b"\xff\x0a", Foreign("a JPEG XL picture", AS_PNG)),
    (0, b"MM\x00+", Foreign("a BigTIFF of the other byte order (big-endian)", "Save it as an ordinary TIFF or PNG.")),
    (0, b"8BPS", Foreign("a Photoshop picture", AS_PNG)),
    (0, b"\x00\x00\x01\x00", Foreign("an icon", AS_PNG)),
    (0, b"\x76\x2f\x31\x01", Foreign("an OpenEXR picture", AS_PNG)),
    (0, b"%PDF-", Foreign("a PDF document", "Take the images out of it at their source.")),
    (0, b"%!PS", Foreign("a PostScript document", "Take the images out of it at their source.")),
    (0, b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", UNPACK, "archive")),
    (0, b"Rar!\x1a\x07", Foreign("a RAR archive", UNPACK, "archive")),
    (257, b"ustar", Foreign("a tar archive", UNPACK, "archive")),
    (0, b"BZh", Foreign("packed with bzip2", "Unpack it (bunzip2) and give the folder.", "packed_file")),
    (0, b"\xfd7zXZ\x00", Foreign("packed with xz", "Unpack it (unxz) and give the folder.", "packed_file")),
    (0, b"\x28\xb5\x2f\xfd", Foreign("packed with zstd", "Unpack it (unzstd) and give the folder.", "packed_file")),
    (0, b"\x89HDF\r\n\x1a\n", Foreign("an HDF5 file (also MINC 2 and MATLAB 7.3)", AS_NIFTI)),
    (0, b"CDF\x01", Foreign("a netCDF file (also MINC 1)", AS_NIFTI)),
    (0, b"CDF\x02", Foreign("a netCDF file (also MINC 1)", AS_NIFTI)),
    (0, b"MATLAB 5.0 MAT-file", Foreign("a MATLAB file", AS_NIFTI)),
    (0, b"\x93NUMPY", Foreign("a NumPy array", "It says no geometry; save it as NIfTI with its voxel size.")),
    (0, b"!INTERFILE", Foreign("an Interfile header", AS_NIFTI)),
    (0, b"MATRIX7", Foreign("an ECAT 7 file", AS_NIFTI)),
    (0, b"TRACK\x00", Foreign("streamlines (TrackVis)", "It holds no image.")),
    (0, b"mrtrix tracks", Foreign("streamlines (MRtrix)", "It holds no image.")),
    (0, b"mrtrix image", Foreign("an MRtrix image", "Convert it to NIfTI: mrconvert IN.mif OUT.nii.gz.")),
    (0, b"type = string-attribute", AFNI),
    (0, b"\ntype  = string-attribute", AFNI),
    (0, b"# vtk DataFile", Foreign("a VTK file", AS_NIFTI)),
    (0, b"# === DATA DESCRIPTION FILE", Foreign("a Philips PAR header", f"{AS_NIFTI} dcm2niix reads PAR/REC.")),
    (0, b"\x1aE\xdf\xa3", Foreign("a video", "Save the frame that is meant as PNG.")),
    (0, b"\x00\x00\x01\xba", Foreign("a video", "Save the frame that is meant as PNG.")),
    (0, b"\x80\x04\x95", Foreign("a Python pickle, which is never opened", AS_NIFTI)),
)  # fmt: skip

OFFICE = Foreign("an office document", "Take the images out of it at their source.")
NPZ = Foreign("NumPy arrays (.npz)", "A MedMNIST file is taken in by itself: name it instead of its folder.", "archive")
PYTORCH = Foreign("a PyTorch file, weights rather than a scan", "Import weights with medtl weights import.")
ZIP = Foreign("a zip archive", UNPACK, "archive")
WEBP = Foreign("a WebP picture", AS_PNG)
VIDEO = Foreign("a video", "Save the frame that is meant as PNG.")
SOUND = Foreign("a sound", "It holds no image.")
HEIC = Foreign("a HEIC or AVIF photograph, as telephones save them", AS_PNG)
SVG = Foreign("an SVG drawing", AS_PNG)
WEB_PAGE = Foreign("a web page (HTML), as a download leaves it that asked for a login or a licence", AGAIN, "web_page")
LFS = Foreign("a Git LFS pointer in place of the file", "Fetch the file itself: git lfs pull.", "lfs_pointer")
ANNEX = Foreign("a git-annex pointer in place of the file", "Fetch the file itself: git annex get.", "lfs_pointer")

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def foreign_kind(start: bytes) -> Foreign | None:
    """The kind of a file that no reader takes, by its first bytes; None when they do not tell."""
    if start.startswith(GZIP):
        return _packed(start)
    for offset, magic, foreign in NUMBERED:
        if start[offset : offset + len(magic)] == magic:
            return foreign
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(start)
    if start[:4] in NIFTI_SIZES:
        return CUT_HEADER if len(start) < SHORTEST_HEADER else ANALYZE
    if MGH_HEADER.match(start):
        return MGH
    return _by_brand(start) or _text(start)


def unpacked_start(start: bytes, *, at_most: int = 1024) -> bytes:
    """The first bytes of what a gzip holds, as far as they can be unpacked."""
    inflate, waiting, unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16), start, b""
    while len(unpacked) < at_most:
        try:
            part = inflate.decompress(waiting, PIECE)
        except zlib.error:
            break
        if not part:
            break
        unpacked, waiting = unpacked + part, inflate.unconsumed_tail
    return unpacked


def _packed(start: bytes) -> Foreign:
    inner = unpacked_start(start)
    if inner[DICOM_MAGIC] == b"DICM":
        return PACKED_DICOM
    if inner.startswith((b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM")):
        return PACKED_PICTURE
    if inner[257:262] == b"ustar":
        return Foreign("a tar archive packed with gzip", UNPACK, "archive")
    if not inner:
        return DAMAGED_GZIP
    if inner.startswith(GZIP):
        return Foreign("packed with gzip twice", "Unpack it once (gunzip).", "packed_file")
    known = foreign_kind(inner)
    if known is None:
        return GZIP_OF_NOTHING_KNOWN
    return known if known is MGH else Foreign(f"{known.what}, packed with gzip", known.advice, known.reason)


def _zip(start: bytes) -> Foreign:
    """By the name of the first member, which stands at byte 30."""
    name = start[30 : 30 + int.from_bytes(start[26:28], "little")]
    if name.endswith(b".npy"):
        return NPZ
    if name.endswith((b"/data.pkl", b"/version", b"/byteorder", b"/.format_version")):
        return PYTORCH
    return OFFICE if name in (b"[Content_Types].xml", b"mimetype") else ZIP


def _by_brand(start: bytes) -> Foreign | None:
    """Containers that say after a length what they hold: RIFF, and the ISO media files."""
    if start.startswith(b"RIFF"):
        return {b"WEBP": WEBP, b"AVI ": VIDEO, b"WAVE": SOUND}.get(start[8:12])
    if start[4:8] == b"ftyp":
        brands = start[8 : max(12, min(int.from_bytes(start[:4], "big"), 64))]
        return HEIC if any(brand in brands for brand in HEIC_BRANDS) else VIDEO
    return None


def _text(start: bytes) -> Foreign | None:
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    lower = words[:1024].lower()
    tests: tuple[tuple[Callable[[], bool], Foreign], ...] = (
        (lambda: words.startswith(b"version https://git-lfs.github.com/"), LFS),
        (lambda: words.startswith((b"/annex/objects/", b"../.git/annex/", b".git/annex/")), ANNEX),
        (lambda: lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")), WEB_PAGE),
        (lambda: lower.startswith((b"<?xml", b"<svg", b"<!--", b"<!doctype svg")) and b"<svg" in lower, SVG),
        (lambda: lower.startswith((b"<?xml", b"<!--")) and b"<html" in lower, WEB_PAGE),
        (lambda: bool(words) and _is_text(start), TEXT),
    )
    return next((foreign for fits, foreign in tests if fits()), None)


def _is_text(start: bytes) -> bool:
    try:
        decoded = codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(sign.isprintable() or sign in "\r\n\t\f" for sign in decoded)
