"""The process that decodes may die, hang, panic or fill memory; the file is refused by name the next one is read."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dicom_phantom as phantoms
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from medtl.imaging.dicom import decode_process, decoding
from medtl.imaging.dicom.decode_process import DecodeProcess, own_process
from medtl.imaging.dicom.decoding import decoder_missing, dicom_header, dicom_pixels
from medtl.imaging.scan import UnreadableScan

STORED = np.random.default_rng(5).integers(0, 4096, (30, 40)).astype(np.uint16)
CONTENT = phantoms.as_bytes(phantoms.image(STORED))
SIZE = (1, 30, 40)


def refusal(content: bytes = CONTENT) -> UnreadableScan:
    with pytest.raises(UnreadableScan) as caught:
        dicom_pixels(content, expected=SIZE)
    return caught.value


def test_pixels_and_header_are_those_of_pydicom() -> None:
    np.testing.assert_array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)
    header = dicom_header(CONTENT)
    assert (header.rows, header.columns, header.modality, header.pixel_bytes) == (30, 40, "CT", 2400)


@pytest.mark.parametrize(
    "name",
    ["JPEGLSNearLossless_16.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm",
     "MR_small_bigendian.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "examples_palette.dcm"],
)  # fmt: skip
def test_every_compression_comes_out_as_pydicom_decodes_it(name: str) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    dataset = pydicom.dcmread(path)
    witness = dataset.pixel_array
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        witness = pydicom.pixels.apply_color_lut(witness, dataset)
    found = dicom_pixels(path.read_bytes(), expected=(1, dataset.Rows, dataset.Columns))
    np.testing.assert_allclose(found, witness, atol=2 if dataset.file_meta.TransferSyntaxUID.endswith(".50") else 0)


def test_a_thread_keeps_its_process_and_gets_a_fresh_one_after_a_death() -> None:
    dicom_header(CONTENT)
    first = own_process()
    dicom_header(CONTENT)
    assert own_process() is first
    first.popen.send_signal(signal.SIGSTOP)
    killer = threading.Timer(0.3, first.popen.send_signal, [signal.SIGKILL])
    killer.start()
    error = refusal()
    assert error.reason == "decoder_crashed"
    assert "broke down (SIGKILL); it runs in a process of its own, and nothing else was harmed" in str(error)
    np.testing.assert_array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)
    assert own_process() is not first


def test_a_decoder_that_hangs_is_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    process = own_process()
    monkeypatch.setattr(decoding, "FILE_SECONDS", 0.5)
    process.popen.send_signal(signal.SIGSTOP)
    error = refusal()
    assert error.reason == "decoder_timeout"
    assert "not read within 0 seconds: its decoder hangs" in str(error)
    assert process.popen.poll() == -signal.SIGKILL


def patched_worker(fault: str) -> dict[str, object]:
    """What the worker answers when its decoder does this."""
    code = (
        "import sys, os, medtl.imaging.dicom.decode_worker as worker\n"
        "class PanicException(BaseException): pass\n"
        f"def verb(request, content): {fault}\n"
        "worker.VERBS['pixels'] = verb\n"
        "sys.argv = ['worker', str(2**33)]\n"
        "worker.main()\n"
    )
    request = json.dumps({"verb": "pixels", "bytes": 3}).encode() + b"\nabc"
    done = subprocess.run([sys.executable, "-c", code], input=request, capture_output=True, timeout=600, check=True)
    lines = done.stdout.splitlines()
    assert not done.stderr
    return json.loads(lines[1])


def test_a_panic_that_is_no_exception_is_answered_and_the_process_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = patched_worker("raise PanicException('index out of bounds')")
    assert (answer["fault"], answer["words"], answer["payload"]) == ("PanicException", "index out of bounds", 0)
    process = own_process()
    monkeypatch.setattr(DecodeProcess, "exchange", lambda *_args, **_more: (answer, b""))
    error = refusal()
    assert error.reason == "decoder_crashed"
    assert "broke down (PanicException)" in str(error)
    assert process.popen.poll() is not None


def test_what_native_code_prints_does_not_reach_the_answers() -> None:
    answer = patched_worker("os.write(1, b'noise\\n'); os.write(2, b'noise\\n'); return {'shape': [1]}, b'x'")
    assert answer == {"shape": [1], "payload": 1}


def test_values_of_the_header_that_a_library_quotes_are_cut_out_of_the_words() -> None:
    answer = patched_worker("raise ValueError(\"could not convert 'DOE^JANE' born 19610203 to float\")")
    assert answer["words"] == "could not convert … born … to float"


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process, "MEMORY_BYTES", 2**30)
    side = 16_000
    wide = phantoms.image(np.zeros((4, 4), np.uint16))
    wide.Rows = wide.Columns = side
    wide.PixelData = bytes(2 * side * side)

    def read() -> UnreadableScan:
        with pytest.raises(UnreadableScan) as caught:
            dicom_pixels(phantoms.as_bytes(wide), expected=(1, side, side))
        return caught.value

    with ThreadPoolExecutor(1) as pool:  # a thread of its own, so a process with the lower limit
        error = pool.submit(read).result()
    assert error.reason == "decoder_crashed"
    assert "MemoryError" in str(error)


def test_each_thread_has_its_own_process_and_ends_it() -> None:
    found: list[subprocess.Popen[bytes]] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        dicom_header(CONTENT)
        found.append(own_process().popen)
        barrier.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    assert found[0].pid != found[1].pid
    assert [popen.wait(10) is not None for popen in found] == [True, True]


def test_a_forked_process_does_not_share_the_pipes() -> None:
    dicom_header(CONTENT)
    parent = own_process().popen.pid
    pid = os.fork()
    if pid == 0:  # pragma: no cover - runs in the child
        try:
            same = np.array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)
            os._exit(0 if same and own_process().popen.pid != parent else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    np.testing.assert_array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)


def test_a_folder_named_dl_in_the_working_folder_does_not_stop_the_decoder(tmp_path: Path) -> None:
    """python-gdcm imports `dl` where it can; the worker does not look for modules in the working folder."""
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl" / "__init__.py").write_text("raise SystemExit('imported')")
    code = (
        "from medtl.imaging.dicom.decode_process import own_process\n"
        'print(own_process().exchange(b\'{"verb": "headers", "bytes": 0, "path": "none"}\\n\', b\'\', seconds=30)[0])'
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "FileNotFoundError" in done.stdout


def test_a_deflated_file_is_refused_by_its_meta_header_before_anything_is_inflated() -> None:
    dataset = phantoms.image(STORED)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = bytes(100_000)
    packed = zlib.compressobj(wbits=-15)
    bomb = phantoms.as_bytes(phantoms.image(STORED))[:132]
    stream = io.BytesIO()
    pydicom.filewriter.write_file_meta_info(stream, dataset.file_meta)
    content = bomb + stream.getvalue() + b"".join(packed.compress(bytes(2**24)) for _ in range(10)) + packed.flush()
    tracemalloc.start()
    with pytest.raises(UnreadableScan, match="deflated as a whole, which can hide any size") as caught:
        dicom_header(content)
    assert caught.value.reason == "deflated"
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_an_answer_larger_than_the_header_allows_is_not_taken() -> None:
    error = refusal(phantoms.as_bytes(phantoms.image(np.zeros((300, 400), np.uint16))))
    assert error.reason in ("decoder_crashed", "undecodable")
    np.testing.assert_array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)


def test_pixels_of_another_shape_than_the_header_says_are_refused() -> None:
    with pytest.raises(UnreadableScan, match="came out as 30 x 40, the header says 40 x 30") as caught:
        dicom_pixels(CONTENT, expected=(1, 40, 30))
    assert caught.value.reason == "undecodable"


def test_impossible_header_values_and_what_is_no_dicom_are_named() -> None:
    with pytest.raises(UnreadableScan, match=r"impossible values \(frames\)"):
        dicom_header(phantoms.as_bytes(_with(NumberOfFrames="-3")))
    with pytest.raises(UnreadableScan, match="no DICOM file") as caught:
        dicom_header(b"x" * 500)
    assert caught.value.reason == "not_dicom"


def _with(**tags: object) -> pydicom.FileDataset:
    dataset = phantoms.image(STORED)
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def test_a_worker_that_cannot_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise EOFError

    monkeypatch.setattr(decoding, "own_process", broken)
    with pytest.raises(UnreadableScan, match=r"does not start\. medtl doctor says what is missing"):
        dicom_header(CONTENT)


def test_transfer_syntaxes_without_a_decoder_are_named() -> None:
    assert decoder_missing("1.2.840.10008.1.2.5") is None
    assert "MPEG-4 AVC/H.264 High Profile" in (decoder_missing("1.2.840.10008.1.2.4.102") or "")
    assert "names no transfer syntax" in (decoder_missing("") or "")
    assert "names no transfer syntax" in (decoder_missing("1.2.3") or "")


def test_a_sequence_nested_a_thousandfold_is_refused_or_read_and_harms_nothing() -> None:
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff"
    content = CONTENT[:-2412] + b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff" + item * 1500
    with pytest.raises(UnreadableScan) as caught:
        dicom_header(content)
    assert caught.value.reason in ("undecodable", "truncated", "decoder_crashed")
    np.testing.assert_array_equal(dicom_pixels(CONTENT, expected=SIZE), STORED)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless, ExplicitVRLittleEndian])
@pytest.mark.parametrize("is_signed", [False, True])
def test_bits_above_the_stored_ones_are_no_values_in_any_lossless_compression(syntax: str, is_signed: bool) -> None:
    """An overlay in two of the upper bits, which was compressed with the pixels (pydicom's issue 2260)."""
    stored = np.random.default_rng(1).integers(0, 4096, (40, 32)) - (2048 if is_signed else 0)
    dataset = phantoms.image(((stored & 0xFFF) | 0x3000).astype(np.uint16))
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, int(is_signed)
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.BitsStored, dataset.HighBit = 12, 11
    np.testing.assert_array_equal(dicom_pixels(phantoms.as_bytes(dataset), expected=(1, 40, 32)), stored)
