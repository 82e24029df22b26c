"""DICOM bytes in, header facts or stored values out, by way of a process that may die without us.

A process that dies, panics, runs out of memory or does not answer in time costs the file it was reading, and the
next file gets a fresh one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from medtl.imaging.dicom.decode_process import own_process, retire
from medtl.imaging.dicom.image_header import ImageHeader
from medtl.imaging.scan import TRUNCATION_SIGNS, UnreadableScan

FILE_SECONDS = 20.0
"""Time to read one file of one frame: a radiograph of 100 million pixels in JPEG 2000 takes half of it."""

FRAME_SECONDS = 0.2
"""Time for each further frame of a file."""

PATIENCE_SECONDS = 1.0
"""A process that closed its pipes ends at once, and then says by which signal."""

LARGEST_SAMPLE_BYTES = 3 * 8
"""Three colours of 64 bits: no pixel has more."""

UNTRUSTWORTHY_AFTER = ("PanicException", "MemoryError", "SystemExit", "KeyboardInterrupt")
"""After these a worker gets no further request. PanicException is how a decoder written in Rust breaks down."""


def dicom_header(source: bytes | Path) -> ImageHeader:
    """Read the header of a DICOM file: geometry, pixel format and covariates; the pixels are not read.

    Raises:
        UnreadableScan: deflated, no_image, truncated, undecodable, decoder_crashed or decoder_timeout.
    """
    where = {"path": str(source.absolute())} if isinstance(source, Path) else {}
    answer, _ = _ask("headers", where, b"" if isinstance(source, Path) else source, seconds=FILE_SECONDS)
    found = answer["header"]
    if refusal := found.get("refusal"):
        raise UnreadableScan(REFUSALS[refusal], reason=refusal)
    try:
        return ImageHeader.model_validate(found)
    except ValidationError as error:
        fields = ", ".join(sorted({str(fault["loc"][-1]) for fault in error.errors()})[:5])
        raise UnreadableScan(
            f"The DICOM header has impossible values ({fields}). Get the file again from its source.",
            reason="undecodable",
        ) from error


def dicom_pixels(content: bytes, *, expected: tuple[int, ...], frame: int | None = None) -> np.ndarray:
    """The stored values of a DICOM file, or of one frame of it (from 0), colour as RGB, no rescale applied.

    `expected` is (frames, rows, columns) from the header, whose size the caller has judged; more is not taken.

    Raises:
        UnreadableScan: truncated, undecodable, decoder_crashed or decoder_timeout.
    """
    seconds = FILE_SECONDS + FRAME_SECONDS * (expected[0] - 1)
    most = math.prod(expected) * LARGEST_SAMPLE_BYTES
    request = {} if frame is None else {"frame": frame}
    answer, payload = _ask("pixels", request, content, seconds=seconds, most=most)
    values = _values(answer, payload)
    wanted = expected if expected[0] > 1 else expected[1:]
    if values.shape[: len(wanted)] != wanted or values.ndim - len(wanted) not in (0, 1):
        raise UnreadableScan(
            f"The DICOM pixels came out as {' x '.join(map(str, values.shape))}, the header says "
            f"{' x '.join(map(str, wanted))}. The file is damaged.",
            reason="undecodable",
        )
    return values


def decoder_missing(transfer_syntax: str) -> str | None:
    """Why pixels of this transfer syntax cannot be decoded here, as a sentence; None when they can."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    syntax = UID(transfer_syntax)
    if not syntax.is_valid or not syntax.is_transfer_syntax:
        return "The header names no transfer syntax, so how the pixels are stored would be a guess."
    try:
        able = not syntax.is_compressed or get_decoder(syntax).is_available
    except NotImplementedError:
        able = False
    if able:
        return None
    return (
        f"The DICOM pixels are compressed as {syntax.name}, for which no decoder is installed. "
        "Install medtl[dicom-codecs], or save the file uncompressed (dcmdjpeg, gdcmconv --raw do it)."
    )


REFUSALS = {
    "deflated": "The DICOM file is deflated as a whole, which can hide any size and is not read. "
    "Save it with an uncompressed or image-compressed transfer syntax.",
    "not_dicom": "The content is no DICOM file (its preamble or its meta header is missing or damaged). "
    "Get the file again from its source.",
    "no_image": "The DICOM file holds no image (no pixel data). Give the file of the image itself.",
    "truncated": "The DICOM file is cut short: it ends before its pixels do. Get the file again from its source.",
}
"""Messages for the codes by which the worker refuses a file."""


def _values(answer: dict[str, Any], payload: bytes) -> np.ndarray:
    try:
        kind = np.dtype(answer["dtype"])
        if kind.kind not in "iuf":
            raise ValueError(kind)
        return np.frombuffer(payload, dtype=kind).reshape(answer["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise _crashed("its answer is no image") from error


def _ask(
    verb: str, request: Mapping[str, object], content: bytes, *, seconds: float, most: int = 0
) -> tuple[dict[str, Any], bytes]:
    """The answer of this thread's worker, with a payload of at most so many bytes."""
    try:
        process = own_process()
    except (TimeoutError, EOFError, OSError, ValueError) as error:
        raise UnreadableScan(
            "The process that decodes DICOM files does not start. medtl doctor says what is missing.",
            reason="decoder_crashed",
        ) from error
    line = json.dumps({"verb": verb, "bytes": len(content), **request}).encode() + b"\n"
    try:
        answer, payload = process.exchange(line, content, seconds=seconds, most=most)
    except TimeoutError:
        retire(process, patience=0.0)
        raise UnreadableScan(
            f"The DICOM file was not read within {seconds:.0f} seconds: its decoder hangs. "
            "Save it uncompressed (gdcmconv --raw), or leave it out.",
            reason="decoder_timeout",
        ) from None
    except (OSError, EOFError, ValueError):
        raise _crashed(retire(process, patience=PATIENCE_SECONDS)) from None
    if fault := answer.get("fault"):
        if fault in UNTRUSTWORTHY_AFTER:
            retire(process, patience=0.0)
            raise _crashed(fault)
        raise _unreadable(fault, answer)
    return answer, payload


def _unreadable(fault: str, answer: dict[str, Any]) -> UnreadableScan:
    if fault == "InvalidDicomError":
        return UnreadableScan(REFUSALS["not_dicom"], reason="not_dicom")
    words = str(answer["words"])
    missing = answer["is_end"] or any(sign in words.lower() for sign in TRUNCATION_SIGNS)
    reason, verdict = ("truncated", "is cut short") if missing else ("undecodable", "cannot be decoded")
    return UnreadableScan(f"The DICOM file {verdict} ({fault}). Get the file again from its source.", reason=reason)


def _crashed(how: str) -> UnreadableScan:
    return UnreadableScan(
        f"The decoder of the DICOM file broke down ({how}); it runs in a process of its own, and nothing else was "
        "harmed. "
        "Get the file again from its source, or save it uncompressed.",
        reason="decoder_crashed",
    )
