"""Every format that is read, in the order in which their first bytes are checked; and what other files are."""

from __future__ import annotations

from medtl.imaging.formats.foreign import GZIP, Foreign, foreign_kind, unpacked_start
from medtl.imaging.formats.format import START_BYTES, Choice, Content, FilePair, Format
from medtl.imaging.formats.metaimage import begins_metaimage, decode_metaimage, metaimage_data_files
from medtl.imaging.formats.nifti import begins_nifti, decode_nifti, nifti_data_files
from medtl.imaging.formats.nrrd import begins_nrrd, decode_nrrd, nrrd_data_files
from medtl.imaging.formats.picture import begins_bmp, begins_jpeg, begins_png, begins_tiff, decode_picture
from medtl.imaging.scan import Scan, UnreadableScan

FORMATS = (
    Format("PNG", "picture", (".png",), begins_png, decode_picture),
    Format("JPEG", "picture", (".jpg", ".jpeg"), begins_jpeg, decode_picture),
    Format("TIFF", "picture", (".tif", ".tiff"), begins_tiff, decode_picture),
    Format("BMP", "picture", (".bmp", ".dib"), begins_bmp, decode_picture),
    Format(
        "NIfTI",
        "volume",
        (".nii.gz", ".nii", ".hdr.gz", ".hdr"),
        begins_nifti,
        decode_nifti,
        may_be_gzip=True,
        data_files=nifti_data_files,
    ),
    Format("NRRD", "volume", (".nrrd", ".nhdr"), begins_nrrd, decode_nrrd, data_files=nrrd_data_files),
    Format(
        "MetaImage", "volume", (".mha", ".mhd"), begins_metaimage, decode_metaimage, data_files=metaimage_data_files
    ),
)
"""DICOM is not among them: `reading` looks for it first, and its series are read from folders."""

ENDINGS = tuple(sorted((ending for one in FORMATS for ending in one.endings), key=len, reverse=True))
NAMES = ", ".join(one.name for one in FORMATS)


def format_of(start: bytes) -> Format | None:
    """The format whose file begins with these bytes (`START_BYTES` of them), None when no reader takes it."""
    inner = unpacked_start(start) if start.startswith(GZIP) else None
    for one in FORMATS:
        if inner is not None and not one.may_be_gzip:
            continue
        if one.begins(start if inner is None else inner):
            return one
    return None


def foreign_or_unknown(start: bytes) -> Foreign:
    """The kind of a file that no reader takes."""
    return foreign_kind(start) or Foreign(
        f"of no kind that is known here: none of DICOM (with its 128-byte preamble), {NAMES}",
        "Convert it, or leave it out.",
    )


def decode_file(content: Content, choice: Choice) -> Scan:
    """The scan in a file, or in a header and its data file, by the reader that knows its first bytes.

    Raises:
        UnreadableScan: what the reader refuses, or no reader takes it.
    """
    start = (content.header if isinstance(content, FilePair) else content)[:START_BYTES]
    known = format_of(start)
    if known is None:
        foreign = foreign_or_unknown(start)
        raise UnreadableScan(foreign.sentence, reason=foreign.reason)
    return known.decode(content, choice)
