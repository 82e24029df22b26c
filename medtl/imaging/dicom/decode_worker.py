"""The process that parses and decodes foreign DICOM bytes, so that a crash there is not ours.

Started by `decoding` as `python -m medtl.imaging.dicom.decode_worker MEMORY_BYTES`. It answers requests until its input
ends. A request is one line of JSON, then as many bytes as its `bytes` says; an answer is one line, then as many bytes
as its `payload` says. Nothing is pickled. Native decoders may abort, panic or fill memory: then the parent starts
another process.
"""

from __future__ import annotations

import io
import json
import os
import re
import resource
import sys
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    from pydicom import Dataset

QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|b'[^']*'|\d{5,}[\d.]*")
"""Values that a library quotes from a header: a name or a number of a patient may be among them."""

DECODERS_IN_ORDER = ("pyjpegls", "pylibjpeg", "pillow", "pydicom", "gdcm")
"""gdcm last: it aborts the process on some damaged files, and what the others read needs no gdcm."""


def main() -> None:
    """Answer requests on standard input until it ends."""
    _keep_limits(memory_bytes=int(sys.argv[1]))
    requests, answers = sys.stdin.buffer, _own_standard_output()
    warnings.simplefilter("ignore")
    import pydicom.pixels  # slow to import, so before the first request is timed

    _send(answers, {"ready": pydicom.__version__})
    while line := requests.readline():
        request = json.loads(line)
        content = requests.read(request.get("bytes", 0))
        try:
            answer, payload = VERBS[request["verb"]](request, content)
        except BaseException as error:  # noqa: BLE001 - decoders written in Rust raise what is no Exception
            answer, payload = _fault(error), b""
        _send(answers, {**answer, "payload": len(payload)})
        answers.write(payload)
        answers.flush()


def _keep_limits(*, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold a patient's image


def _own_standard_output() -> BinaryIO:
    """Standard output for answers alone: what native code prints there goes nowhere."""
    own = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return own


def _send(answers: BinaryIO, answer: dict[str, object]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _fault(error: BaseException) -> dict[str, object]:
    words = QUOTED.sub("…", " ".join(str(error).split()))
    return {"fault": type(error).__name__, "words": words[:200], "is_end": isinstance(error, EOFError)}


def _headers(request: dict[str, Any], content: bytes) -> tuple[dict[str, object], bytes]:
    """The header of a file, by `path` or by its bytes, as `image_header.ImageHeader` wants it."""
    from medtl.imaging.dicom.header_extraction import extract_header

    if "path" in request:
        with open(request["path"], "rb") as stream:
            return {"header": extract_header(stream)}, b""
    return {"header": extract_header(io.BytesIO(content))}, b""


def _pixels(request: dict[str, Any], content: bytes) -> tuple[dict[str, object], bytes]:
    """The stored values of a file, or of its frame number `frame`, colour as RGB.

    (frames, rows, columns, samples) without axes of one.
    """
    import numpy as np
    from pydicom import dcmread
    from pydicom.pixels import apply_color_lut, get_decoder, pixel_array

    dataset = dcmread(io.BytesIO(content))
    syntax, which = dataset.file_meta.TransferSyntaxUID, {"index": request["frame"]} if "frame" in request else {}
    spare = _spare_low_bits(dataset)
    if syntax.is_compressed:
        values = _first_that_decodes(dataset, get_decoder(syntax).available_plugins, which)
    else:
        values = pixel_array(dataset, **which)
    values = values >> spare if spare else _stored_bits_only(values, dataset)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)
    plain = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return {"shape": plain.shape, "dtype": plain.dtype.str}, plain.tobytes()


def _spare_low_bits(dataset: Dataset) -> int:
    """How far stored values lie above the lowest bit (HighBit + 1 - BitsStored), after making room for them to be read.

    Bits above HighBit are dropped by pydicom, which looks at BitsStored alone. Compressed values begin at the lowest
    bit, but for RLE, which packs the cells as they are.
    """
    from pydicom.uid import RLELossless

    syntax, high = dataset.file_meta.TransferSyntaxUID, dataset.get("HighBit")
    if "PixelData" not in dataset or high in (None, "") or (syntax.is_compressed and syntax != RLELossless):
        return 0
    spare = int(high) + 1 - int(dataset.BitsStored)
    if spare:
        dataset.BitsStored = int(high) + 1
    return spare


def _stored_bits_only(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Losslessly compressed values without what lies above BitsStored, such as overlays (PS3.5, section 8.1.1).

    Of other values pydicom drops it. Lossy ones may overshoot by a little, and would turn from white to black.
    """
    from pydicom import uid

    lossless = (uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.HTJ2KLossless,
                uid.HTJ2KLosslessRPCL)  # fmt: skip
    unused = 8 * values.dtype.itemsize - int(dataset.get("BitsStored") or 0)
    if dataset.file_meta.TransferSyntaxUID not in lossless or values.dtype.kind not in "iu":
        return values
    return (values << unused) >> unused if 0 < unused < 8 * values.dtype.itemsize else values


def _first_that_decodes(dataset: Dataset, plugins: tuple[str, ...], which: dict[str, int]) -> np.ndarray:
    """The values by the first decoder that can read the file; the last one's error when none can."""
    from pydicom.pixels import pixel_array

    *others, last = sorted(plugins, key=DECODERS_IN_ORDER.index)
    for plugin in others:
        try:
            return pixel_array(dataset, decoding_plugin=plugin, **which)
        except (RuntimeError, ValueError, TypeError, AttributeError, OSError, NotImplementedError):
            continue
    return pixel_array(dataset, decoding_plugin=last, **which)


VERBS = {"headers": _headers, "pixels": _pixels}

if __name__ == "__main__":
    main()
