"""One DICOM image by pydicom: modality values, "high is white", and the header's display window.

Only image tags are looked at; nothing about the patient leaves this room. Formulas: DICOM PS3.3 C.11.1 (modality LUT),
C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation).
"""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels import apply_modality_lut

from medtl.imaging.decoding import decoder_missing, dicom_header, dicom_pixels
from medtl.imaging.scan import Scan, UnreadableScan, refuse_too_large, undecodable
from medtl.imaging.series_folder import volume_in

PYDICOM_FAULTS = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    OverflowError,
    MemoryError,
    AssertionError,
    RecursionError,
    ZeroDivisionError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise on damaged files (seen on thousands of mutated ones)."""

WIDEST_SPACING_MM = 100.0
"""A pixel larger than this is a typing error in the header."""


def decode_dicom(data: bytes) -> Scan:
    """The scan in a DICOM file: a picture of one frame, or the one volume of a multi-frame file.

    The rescale (or modality LUT) is applied; MONOCHROME1 is inverted once over the range of the stored bits, and its
    window with it; palette and YBR become RGB. Sizes are judged by the header; the pixels are decoded apart.

    Raises:
        UnreadableScan: too_large, truncated, undecodable, unsupported_format, decoder_crashed, decoder_timeout, or why
            a file of several frames is no volume (`series_folder.volume_in`).
    """
    try:
        facts = dicom_header(data)
    except UnreadableScan as refusal:
        if refusal.reason in ("deflated", "no_image", "not_dicom"):
            raise UnreadableScan(str(refusal), reason="unsupported_format") from refusal
        raise
    if facts.frames != 1:
        return volume_in((data,), headers=(facts,))
    refuse_too_large(facts.rows, facts.columns)
    if missing := decoder_missing(facts.transfer_syntax):
        raise UnreadableScan(missing, reason="unsupported_format")
    stored = dicom_pixels(data, expected=(1, facts.rows, facts.columns))
    try:
        return _scan(pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True), stored)
    except PYDICOM_FAULTS as error:
        raise undecodable("DICOM", error) from error


def _scan(header: pydicom.Dataset, stored: np.ndarray) -> Scan:
    spacing_mm, notes = _spacing(header)
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric == "PALETTE COLOR":
        notes += ("palette turned into RGB",)
    if stored.ndim == 3:
        return Scan(
            pixels=np.ascontiguousarray(stored.transpose(2, 0, 1), dtype=np.float32),
            spacing_mm=spacing_mm,
            reader="pydicom",
            notes=notes,
            full_scale=float(np.iinfo(stored.dtype).max),
        )
    ends = np.asarray(_stored_range(header), dtype=stored.dtype if stored.dtype.kind == "f" else np.int64)
    values = np.asarray(apply_modality_lut(stored, header), dtype=np.float64)
    window, window_notes = _window(header)
    notes += window_notes
    if photometric == "MONOCHROME1":
        mirror = float(np.sum(np.asarray(apply_modality_lut(ends, header), dtype=np.float64)))
        values = mirror - values
        window = None if window is None else (mirror - window[0], window[1])
        notes += ("inverted once: MONOCHROME1 stores low as white",)
    changed = "ModalityLUTSequence" in header or _rescale(header) != (1.0, 0.0)
    unsigned = header.get("PixelRepresentation", 0) == 0 and stored.dtype.kind == "u"
    return Scan(
        pixels=np.ascontiguousarray(values[None], dtype=np.float32),
        spacing_mm=spacing_mm,
        reader="pydicom",
        notes=notes,
        window=window,
        full_scale=float(ends[1]) if unsigned and not changed else None,
    )


def _rescale(header: pydicom.Dataset) -> tuple[float, float]:
    if "RescaleSlope" not in header or "RescaleIntercept" not in header:
        return 1.0, 0.0
    slope, intercept = float(header.RescaleSlope), float(header.RescaleIntercept)
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0:
        raise UnreadableScan(
            f"The DICOM header's rescale is slope {slope:g}, intercept {intercept:g}; a finite slope other than 0 "
            "is needed. The header is damaged.",
            reason="undecodable",
        )
    return slope, intercept


def _stored_range(header: pydicom.Dataset) -> tuple[int, int]:
    """Smallest and largest value that the stored bits can hold."""
    bits = int(header.get("BitsStored", 16))
    if header.get("PixelRepresentation", 0) == 1:
        return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1


def _window(header: pydicom.Dataset) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """The first display window as (centre, width) of an exact ramp.

    LINEAR maps centre - 0.5 -+ (width - 1) / 2 to the ends (PS3.3 C.11.2.1.2.1), LINEAR_EXACT centre -+ width / 2.
    """
    centres, widths = _numbers(header.get("WindowCenter")), _numbers(header.get("WindowWidth"))
    if not centres or not widths:
        found = "VOILUTSequence" in header
        return None, ("the header's VOI lookup table was not applied",) if found else ()
    function = str(header.get("VOILUTFunction", "") or "LINEAR")
    centre, width = (centres[0] - 0.5, widths[0] - 1) if function == "LINEAR" else (centres[0], widths[0])
    if not (math.isfinite(centre) and math.isfinite(width)) or width <= 0:
        return None, (f"the header's display window (width {widths[0]:g}) is impossible and was left aside",)
    notes: tuple[str, ...] = ()
    if len(centres) > 1:
        notes += (f"first of {len(centres)} display windows taken",)
    if function not in ("LINEAR", "LINEAR_EXACT"):
        notes += (f"display window of kind {function} taken as linear",)
    return (centre, width), notes


def _spacing(header: pydicom.Dataset) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """(between rows, between columns) in mm: PixelSpacing, else the detector's ImagerPixelSpacing."""
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        numbers = _numbers(header.get(name))
        if not numbers:
            continue
        if len(numbers) != 2 or not all(0 < number <= WIDEST_SPACING_MM for number in numbers):
            return None, (f"the header's {name} is impossible and was left aside",)
        notes = ("spacing is that of the detector (ImagerPixelSpacing)",) if name == "ImagerPixelSpacing" else ()
        return (numbers[0], numbers[1]), notes
    return None, ()


def _numbers(value: object) -> tuple[float, ...]:
    """A header's value as numbers; () when it is missing or empty."""
    if value is None or value == "":
        return ()
    if isinstance(value, str | int | float):
        return (float(value),)
    return tuple(float(number) for number in value)  # type: ignore[attr-defined]
