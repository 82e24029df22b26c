"""Single DICOM files: modality values, MONOCHROME1 turned once, the window of the header."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian
from shared_data import SHARED

from medtl.imaging.prepared.preparation import prepare
from medtl.imaging.reading import decode_scan, read_scan
from medtl.imaging.scan import UnreadableScan
from medtl.imaging.settings import PreparationSettings

SINGLE_FILES = SHARED / "data" / "dicom" / "single_files"
STORED = np.random.default_rng(5).integers(0, 4096, (30, 40)).astype(np.uint16)


def bundled(name: str) -> Path:
    return Path(str(get_testdata_file(name, download=False)))


def dicom(stored: np.ndarray = STORED, *, syntax: str = ExplicitVRLittleEndian, **tags: object) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    header = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    header.Rows, header.Columns = stored.shape[:2]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = int(stored.dtype.kind == "i")
    header.PixelData = stored.tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(header, name)
        else:
            setattr(header, name, value)
    stream = io.BytesIO()
    header.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def refused(data: bytes, reason: str, match: str) -> None:
    with pytest.raises(UnreadableScan, match=match) as caught:
        decode_scan(data)
    assert caught.value.reason == reason


def test_hounsfield_units_and_spacing_of_a_ct_are_those_of_pydicom() -> None:
    path = bundled("CT_small.dcm")
    scan, header = read_scan(path), pydicom.dcmread(path)
    np.testing.assert_allclose(scan.pixels[0], header.pixel_array * header.RescaleSlope + header.RescaleIntercept)
    assert scan.spacing_mm == tuple(header.PixelSpacing)
    assert scan.reader == "pydicom"
    assert scan.full_scale is None


def test_monochrome1_is_inverted_once_and_its_window_with_it() -> None:
    window = {"WindowCenter": 1500, "WindowWidth": 800, "RescaleSlope": 2, "RescaleIntercept": -100}
    plain = decode_scan(dicom(**window))
    turned = decode_scan(dicom(4095 - STORED, PhotometricInterpretation="MONOCHROME1", **window))
    np.testing.assert_array_equal(plain.pixels, turned.pixels)
    assert turned.notes == ("inverted once: MONOCHROME1 stores low as white",)
    mirror = 2 * (0 + 4095) - 200
    assert plain.window == (1499.5, 799.0)
    assert turned.window == (mirror - 1499.5, 799.0)


def test_signed_monochrome1_is_inverted_over_its_signed_range() -> None:
    signed = (STORED.astype(np.int32) - 2048).astype(np.int16)
    plain = decode_scan(dicom(signed))
    turned = decode_scan(dicom((-1 - signed).astype(np.int16), PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(plain.pixels, turned.pixels)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT"])
def test_the_window_makes_the_brightness_that_pydicom_shows(function: str) -> None:
    data = dicom(WindowCenter=1500, WindowWidth=801, VOILUTFunction=function)
    header = pydicom.dcmread(io.BytesIO(data))
    witness = apply_voi_lut(header.pixel_array, header) / 4095
    prepared = prepare(decode_scan(data), PreparationSettings(size_px=(30, 40)))
    np.testing.assert_allclose(prepared[0], witness, atol=1e-6)


@pytest.mark.parametrize(
    ("tags", "window", "note"),
    [
        ({"WindowCenter": [10, 20], "WindowWidth": [11, 30]}, (9.5, 10.0), "first of 2 display windows taken"),
        ({"WindowCenter": 10, "WindowWidth": 0.5}, None, "window .width 0.5. is impossible and was left aside"),
        (
            {"WindowCenter": 10, "WindowWidth": 0, "VOILUTFunction": "LINEAR_EXACT"},
            None,
            "impossible and was left aside",
        ),
        ({"WindowCenter": 10, "WindowWidth": "nan"}, None, "impossible and was left aside"),
        ({"WindowCenter": 10, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"}, (10.0, 0.5), None),
        ({"WindowCenter": 10, "WindowWidth": 9, "VOILUTFunction": "GAMMA"}, (9.5, 8.0), "none of the standard's"),
        ({"WindowCenter": 1, "WindowWidth": 9, "VOILUTFunction": "SIGMOID", "Modality": "CT"}, (1.0, 9.0), "as linear"),
        ({"VOILUTSequence": [pydicom.Dataset()]}, None, "lookup table cannot be read and was left aside"),
        ({"VOILUTSequence": [pydicom.Dataset()], "Modality": "PT"}, None, "lookup table was not applied"),
    ],
)
def test_odd_windows_are_noted(tags: dict[str, object], window: tuple[float, float] | None, note: str | None) -> None:
    scan = decode_scan(dicom(**tags))
    assert scan.window == window
    assert re.search(note, scan.notes[0]) if note else not scan.notes


@pytest.mark.parametrize(
    ("tags", "spacing", "note"),
    [
        ({"PixelSpacing": [0.5, 0.7]}, (0.5, 0.7), None),
        ({"ImagerPixelSpacing": [0.1, 0.2]}, (0.1, 0.2), "that of the detector"),
        ({"PixelSpacing": [0, 0.7]}, None, "PixelSpacing is impossible"),
        ({"PixelSpacing": [1e9, 0.7]}, None, "PixelSpacing is impossible"),
    ],
)
def test_spacing_is_between_rows_then_between_columns(
    tags: dict[str, object], spacing: tuple[float, float] | None, note: str | None
) -> None:
    scan = decode_scan(dicom(**tags))
    assert scan.spacing_mm == spacing
    assert note is None or note in scan.notes[0]


def test_unusable_headers_are_refused() -> None:
    cine = dicom(PixelData=2 * STORED.tobytes(), NumberOfFrames=2)
    refused(cine, "multi_frame_without_geometry", "It has 2 frames and does not say where they lie")
    refused(dicom(Rows=50000, Columns=50000), "too_large", "50000 x 50000")
    refused(dicom(PixelData=None), "truncated", "it ends before its pixels do")
    refused(dicom(PixelData=None, Rows=None), "unsupported_format", "holds no image")
    refused(dicom(RescaleSlope=0, RescaleIntercept=5), "undecodable", "rescale is slope 0, intercept 5")
    refused(dicom()[:-500], "truncated", "The DICOM file is cut short")
    refused(bundled("image_dfl.dcm").read_bytes(), "unsupported_format", "deflated as a whole")
    refused(bundled("no_meta.dcm").read_bytes(), "unsupported_format", "none of DICOM")
    refused(bundled("badVR.dcm").read_bytes(), "undecodable", "DICOM file cannot be decoded")


def test_a_compression_without_decoder_is_named() -> None:
    mpeg = dicom(PixelData=encapsulate([bytes(100)]), syntax="1.2.840.10008.1.2.4.100")
    refused(mpeg, "unsupported_format", "compressed as MPEG2 Main Profile .* for which no decoder is installed")


@pytest.mark.parametrize("name", ["SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm"])
def test_colour_comes_out_as_rgb(name: str) -> None:
    scan = read_scan(bundled(name))
    witness = read_scan(bundled("SC_rgb_rle.dcm"))
    assert scan.pixels.shape == (3, 100, 100)
    np.testing.assert_allclose(scan.pixels[:, 5, 50], witness.pixels[:, 5, 50], atol=3)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_dicom_gives_a_scan_or_an_error_and_nothing_else(seed: int) -> None:
    chance = np.random.default_rng(seed)
    whole = bundled(["CT_small.dcm", "MR_small_RLE.dcm", "JPEGLSNearLossless_16.dcm"][seed % 3]).read_bytes()
    damaged = bytearray(whole[: chance.integers(132, len(whole))])
    for index in chance.integers(132, len(damaged), 20):
        damaged[index] = chance.integers(256)
    try:
        scan = decode_scan(bytes(damaged))
    except UnreadableScan as refusal:
        error = refusal
        scan = None
    assert (error.reason != "") if scan is None else (scan.pixels.ndim == 3)


@pytest.mark.real_data
@pytest.mark.skipif(not SINGLE_FILES.is_dir(), reason="the shared DICOM files are not beside the checkout")
def test_real_files_are_read_or_refused_as_their_manifest_says() -> None:
    expected = {
        "RG3_J2KR.dcm": (1, 1760, 1760),
        "OBXXXX1A.dcm": (3, 600, 800),
        "gdcm-US-ALOKA-16_big.dcm": (3, 480, 640),
        "SC_ybr_full_uncompressed.dcm": (3, 100, 100),
        "HTJ2KLossless_08_RGB.dcm": (3, 480, 640),
        "MR2_J2KI.dcm": (1, 1024, 1024),
        "emri_small_RLE.dcm": "multi_frame_without_geometry",
        "OT-PAL-8-face.dcm": "unsupported_format",
    }
    found: dict[str, object] = {}
    for path in sorted(SINGLE_FILES.glob("*.dcm")):
        try:
            found[path.name] = read_scan(path).pixels.shape
        except UnreadableScan as error:
            found[path.name] = error.reason
    assert found == expected
    radiograph, header = read_scan(SINGLE_FILES / "RG3_J2KR.dcm"), pydicom.dcmread(SINGLE_FILES / "RG3_J2KR.dcm")
    np.testing.assert_array_equal(radiograph.pixels[0], 1023 - header.pixel_array.astype(np.float32))


def test_pixels_of_floating_point_are_read_without_stored_bits() -> None:
    values = STORED.astype(np.float32) / 7
    tags = dict.fromkeys(("BitsStored", "HighBit", "PixelRepresentation", "PixelData"))
    scan = decode_scan(dicom(STORED, BitsAllocated=32, FloatPixelData=values.tobytes(), **tags))
    np.testing.assert_array_equal(scan.pixels[0], values)


def test_impossible_bits_are_refused_by_name() -> None:
    refused(dicom(HighBit=9), "bad_header", "12 of 16 bits, the highest of them number 9, which cannot be")
    refused(dicom(HighBit=16), "bad_header", "12 of 16 bits, the highest of them number 16, which cannot be")
