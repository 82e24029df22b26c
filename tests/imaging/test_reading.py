"""Scans come out of their files as independent libraries see them, or are refused with a reason."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imageio.v3 as imageio
import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from medtl.imaging.formats.format import Choice
from medtl.imaging.formats.picture import decode_picture
from medtl.imaging.reading import MAX_FILE_BYTES, decode_scan, read_scan
from medtl.imaging.scan import Scan, UnreadableScan, refuse_too_large

GREY = np.random.default_rng(1).integers(0, 256, (40, 60), dtype=np.uint8)
COLOUR = np.random.default_rng(2).integers(0, 256, (40, 60, 3), dtype=np.uint8)
WIDE = np.random.default_rng(3).integers(0, 65536, (40, 60), dtype=np.uint16)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def nifti(array: np.ndarray, affine: np.ndarray | None, *, packed: bool = False) -> bytes:
    data = nibabel.Nifti1Image(array, affine).to_bytes()
    return gzip.compress(data) if packed else data


def refused(data: bytes, reason: str, match: str) -> UnreadableScan:
    with pytest.raises(UnreadableScan, match=match) as caught:
        decode_scan(data)
    assert caught.value.reason == reason
    assert caught.value.exit_code == 3
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_pictures_of_8_bits_are_what_imageio_reads(kind: str, array: np.ndarray) -> None:
    data = saved(Image.fromarray(array), kind)
    scan = decode_scan(data)
    witness = imageio.imread(data)
    np.testing.assert_array_equal(scan.pixels, np.atleast_3d(witness).transpose(2, 0, 1))
    assert (scan.reader, scan.full_scale, scan.notes) == (f"Pillow {kind}", 255.0, ())
    assert scan.pixels.dtype == np.float32


@pytest.mark.parametrize("data", [saved(Image.fromarray(WIDE), "PNG"), tiff(WIDE), tiff(WIDE, byteorder=">")])
def test_grey_of_16_bits_keeps_every_level(data: bytes) -> None:
    scan = decode_scan(data)
    np.testing.assert_array_equal(scan.pixels[0], WIDE)
    assert scan.full_scale == 65535.0


def test_a_16_bit_tiff_with_0_as_white_is_inverted_once() -> None:
    scan = decode_scan(tiff(WIDE, photometric="miniswhite"))
    np.testing.assert_array_equal(scan.pixels[0], 65535 - WIDE.astype(np.float32))
    assert scan.notes == ("inverted once: stored with 0 as white",)


def test_an_8_bit_tiff_with_0_as_white_is_inverted_by_pillow() -> None:
    scan = decode_scan(tiff(GREY, photometric="miniswhite"))
    np.testing.assert_array_equal(scan.pixels[0], 255 - GREY.astype(np.float32))


def test_16_bit_colour_says_what_was_lost() -> None:
    data = tiff(np.stack([WIDE] * 3, axis=-1), photometric="rgb")
    scan = decode_scan(data)
    assert scan.notes == ("16-bit colour reduced to 8 bits per channel by Pillow",)
    np.testing.assert_allclose(scan.pixels[0], WIDE // 256, atol=1)


def test_float_tiff_keeps_its_values() -> None:
    values = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    scan = decode_scan(tiff(values))
    np.testing.assert_array_equal(scan.pixels[0], values)
    assert scan.full_scale is None


def test_alpha_is_laid_on_black() -> None:
    half = np.concatenate([COLOUR, np.full((40, 60, 1), 128, np.uint8)], axis=-1)
    half[:, :30, 3] = 0
    scan = decode_scan(saved(Image.fromarray(half), "PNG"))
    assert scan.pixels.shape == (3, 40, 60)
    assert (scan.pixels[:, :, :30] == 0).all()
    np.testing.assert_allclose(scan.pixels[:, :, 30:], COLOUR.transpose(2, 0, 1)[:, :, 30:] * (128 / 255), atol=1)
    assert scan.notes == ("transparency laid on black",)


def test_grey_with_alpha_stays_grey() -> None:
    scan = decode_scan(saved(Image.merge("LA", [Image.fromarray(GREY), Image.new("L", (60, 40), 255)]), "PNG"))
    np.testing.assert_array_equal(scan.pixels[0], GREY)
    assert scan.pixels.shape[0] == 1


def test_a_palette_becomes_its_colours() -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    scan = decode_scan(saved(image, "PNG"))
    np.testing.assert_array_equal(scan.pixels, np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    assert scan.notes == ("palette turned into RGB",)


def test_cmyk_becomes_rgb_with_a_note() -> None:
    scan = decode_scan(saved(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"))
    np.testing.assert_array_equal(scan.pixels, COLOUR.transpose(2, 0, 1))
    assert scan.notes == ("CMYK turned into RGB without a colour profile",)


def test_one_bit_is_black_and_white() -> None:
    scan = decode_scan(saved(Image.fromarray(GREY > 127), "PNG"))
    np.testing.assert_array_equal(scan.pixels[0], (GREY > 127) * 255.0)


def test_the_exif_orientation_is_applied() -> None:
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = 6  # stored lying; to be turned 90 degrees clockwise
    scan = decode_scan(saved(image, "PNG", exif=exif))
    np.testing.assert_array_equal(scan.pixels[0], np.rot90(GREY, k=-1))
    assert scan.notes == ("turned upright as the EXIF orientation says",)


@pytest.mark.parametrize("name", ["a b.png", "ü ñ 漢.png", "quote'\"s.png", "<script>alert(1)<.png", "looks-like.dcm"])
def test_any_file_name_is_read_by_content(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(saved(Image.fromarray(GREY), "PNG"))
    np.testing.assert_array_equal(read_scan(tmp_path / name).pixels[0], GREY)


def test_a_picture_of_13000_by_13000_is_refused_from_its_header(recwarn: pytest.WarningsRecorder) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 13000, 13000, 8, 0, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(13001 * 13000), 1)) + chunk(b"IEND", b"")
    error = refused(data, "too_large", "13000 x 13000 = 169,000,000 pixels; at most 100,000,000")
    assert error.facts["sides"] == (13000, 13000)
    assert not recwarn.list


def test_an_impossible_size_is_refused() -> None:
    with pytest.raises(UnreadableScan, match="0 x 5 pixels; an image has at least one"):
        refuse_too_large(0, 5)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_truncated_picture_is_refused(kind: str) -> None:
    data = saved(Image.fromarray(GREY), kind)
    with pytest.raises(UnreadableScan, match=f"The {kind} file (is cut short|cannot be decoded)") as caught:
        decode_scan(data[: len(data) // 2])
    assert caught.value.reason in ("truncated", "undecodable")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_several_frames_are_refused() -> None:
    refused(
        tiff(np.stack([GREY] * 3), photometric="minisblack"),
        "several_pages",
        r"holds 3 pages; a case is one picture or one volume\. Take it in as one volume with medtl intake --pages-mm",
    )


def test_a_pixel_type_of_no_meaning_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medtl.imaging.formats.picture.GREY_8", ())
    with pytest.raises(UnreadableScan, match="pixel type is 'L'; grey, RGB"):
        decode_picture(saved(Image.fromarray(GREY), "PNG"), Choice())


@pytest.mark.parametrize(
    "data", [b"\x07\x03", b"GIF89a" + bytes(200), b"\x1f\x8b", gzip.compress(bytes(1000), mtime=0)]
)
def test_other_content_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableScan) as caught:
        decode_scan(data)
    assert caught.value.reason in ("unsupported_format", "undecodable", "truncated")


def test_what_cannot_be_opened_is_named_by_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "huge.png").touch()
    os.truncate(tmp_path / "huge.png", MAX_FILE_BYTES + 1)
    expected = {
        tmp_path / "none.png": ("missing_file", "does not exist"),
        tmp_path / "empty.png": ("empty_file", "empty \\(0 bytes\\)"),
        tmp_path / "pipe.png": ("not_a_file", "got a pipe or device"),
        tmp_path: ("file_too_large", "The folder has 2 files of 1,073,741,825 bytes"),
        Path("/dev/zero"): ("not_a_file", "got a pipe or device"),
        tmp_path / "huge.png": ("file_too_large", "at most 1,073,741,824 are read"),
        tmp_path / ("x" * 5000): ("unreadable_file", "cannot be opened: File name too long"),
        tmp_path / "nul\0": ("unreadable_file", "cannot be opened: not a possible file name"),
    }
    for path, (reason, words) in expected.items():
        with pytest.raises(UnreadableScan, match=words) as caught:
            read_scan(path)
        assert caught.value.reason == reason
        assert str(tmp_path) not in str(caught.value)


def turned(stored: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """The display array by the definition: look up each stored voxel's position in the patient and sort by it."""
    index = np.indices(stored.shape).reshape(3, -1)
    position = nibabel.affines.apply_affine(affine, index.T)
    axes = [axis for axis in range(3) if np.ptp(position[:, axis]) > 0]
    columns, rows = position[:, axes[0]], position[:, axes[1]]
    order = np.lexsort((-columns, -rows))  # right before left (front before back), high before low
    sides = (len(np.unique(rows)), len(np.unique(columns)))
    return stored.reshape(-1)[order].reshape(sides)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (-1, 1, -1), (1, -1, 1)])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("packed", [False, True], ids=["nii", "nii.gz"])
def test_a_nifti_slice_is_turned_as_a_radiologist_sees_it(
    signs: tuple[int, ...], axes: tuple[int, ...], packed: bool
) -> None:
    stored = np.arange(20 * 30, dtype=np.int16).reshape(20, 30, 1)
    affine = np.zeros((4, 4))
    for column, (row, sign, size) in enumerate(zip(axes, signs, (0.5, 0.8, 3.0), strict=True)):
        affine[row, column] = sign * size
    affine[:, 3] = (5, 6, 7, 1)
    scan = decode_scan(nifti(stored, affine, packed=packed))
    np.testing.assert_array_equal(scan.pixels[0], turned(stored, affine))
    assert scan.reader == "nibabel"
    expected = (0.8, 0.5) if scan.pixels.shape[1:] == (30, 20) else (0.5, 0.8)
    np.testing.assert_allclose(scan.spacing_mm, expected, rtol=1e-6)


def test_a_nifti_of_two_axes_without_orientation_is_taken_as_stored() -> None:
    scan = decode_scan(nifti(WIDE.astype(np.float32), None))
    np.testing.assert_array_equal(scan.pixels[0], WIDE.T)
    assert "no usable orientation in the header" in scan.notes[0]


@pytest.mark.parametrize("packed", [False, True], ids=["nii", "nii.gz"])
def test_a_nifti_volume_keeps_its_order_and_its_affine(packed: bool) -> None:
    import nibabel

    stored = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
    affine = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -4], [0, 0, 3.0, 7], [0, 0, 0, 1]])
    data = nifti(stored, affine, packed=packed)
    scan = decode_scan(data)
    witness = nibabel.Nifti1Image.from_bytes(gzip.decompress(data) if packed else data)
    np.testing.assert_array_equal(scan.pixels[0], witness.get_fdata())
    np.testing.assert_allclose(scan.affine, witness.affine, atol=1e-6)
    assert scan.spacing_mm == pytest.approx((1.5, 2.0, 3.0))


def test_a_nifti_volume_without_orientation_says_so() -> None:
    scan = decode_scan(nifti(np.zeros((5, 6, 7), np.int16), None))
    assert scan.notes == ("no orientation in the header: the stored axes are taken as right, anterior, superior",)
    np.testing.assert_allclose(scan.affine, np.eye(4))


def test_a_nifti_of_four_axes_is_refused() -> None:
    refused(
        nifti(np.zeros((5, 6, 7, 9), np.int16), np.eye(4)),
        "several_volumes",
        r"holds 9 volumes .*; a case is one\. Choose with medtl intake --volume first",
    )


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.diag([1.0, 1.0, 400.0, 1.0]), r"voxels of 1 x 1 x 400 mm; 0\.01 to 100 mm are believed"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "voxels of 1 x 0 x 1 mm"),
        (np.diag([1.0, np.nan, 1.0, 1.0]), "not finite"),
        (np.array([[1, 0, 0, 0], [0, 1, 0.3, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "axes are not at right angles"),
    ],
)
def test_a_volume_whose_geometry_cannot_be_believed_is_refused(affine: np.ndarray, words: str) -> None:
    import nibabel

    data = bytearray(nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), np.eye(4)).to_bytes())
    data[252:256] = struct.pack("<2h", 0, 1)  # qform_code, sform_code
    data[280:328] = affine[:3].astype("<f4").tobytes()  # srow_x, srow_y, srow_z
    refused(bytes(data), "bad_geometry", words)


def test_two_orientations_that_disagree_are_refused_with_the_distance() -> None:
    import nibabel

    image = nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), np.eye(4))
    image.set_qform(np.diag([-1.0, 1.0, 1.0, 1.0]), code=1)
    image.set_sform(np.eye(4), code=1)
    refused(
        image.to_bytes(),
        "bad_geometry",
        "one is the mirror image of the other, so one of them has left and right wrong",
    )


def test_a_nifti_of_strange_voxels_is_refused() -> None:
    refused(
        nifti(np.zeros((5, 6, 1), np.complex64), np.eye(4)),
        "unsupported_format",
        "voxels are complex numbers; a scan has real ones",
    )


def test_a_nifti_bomb_is_refused_from_its_header() -> None:
    data = bytearray(nifti(np.zeros((5, 6, 1), np.int16), np.eye(4)))
    data[42:46] = struct.pack("<2h", 32000, 32000)
    refused(gzip.compress(bytes(data)), "too_large", "1,024,000,000")


def test_a_truncated_nifti_is_refused() -> None:
    for packed in (False, True):
        data = nifti(np.arange(3000, dtype=np.int16).reshape(50, 60, 1), np.eye(4), packed=packed)
        refused(data[:-200], "truncated", "The NIfTI file is cut short")


def test_a_nifti_that_goes_on_after_its_voxels_is_refused() -> None:
    content = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4)).to_bytes()
    layer = bytes(2 * 3 * 2)
    for data in (content + layer, gzip.compress(content + layer)):
        refused(data, "undecodable", "goes on after the voxels that its header promises")


def test_a_packed_nifti_with_a_wrong_checksum_is_refused() -> None:
    """The sum of RFC 1952 stands behind all voxels, where reading only them never comes."""
    packed = bytearray(gzip.compress(nibabel.Nifti1Image(np.ones((2, 3, 4), np.int16), np.eye(4)).to_bytes()))
    packed[-6] ^= 1
    refused(bytes(packed), "undecodable", r"cannot be decoded \(BadGzipFile\)")


def test_a_nifti_of_one_axis_is_refused() -> None:
    data = bytearray(nifti(np.zeros((5, 6, 1), np.int16), np.eye(4)))
    data[40:42] = struct.pack("<h", 1)
    refused(bytes(data), "undecodable", "an image has two axes")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_files_give_a_scan_or_an_error_and_nothing_else(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from(
            [
                saved(Image.fromarray(GREY), "PNG"),
                saved(Image.fromarray(COLOUR), "JPEG"),
                tiff(WIDE),
                nifti(WIDE.astype(np.float32)[..., None], np.eye(4)),
                nifti(GREY[..., None], np.eye(4), packed=True),
            ]
        )
    )
    damaged = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged), 600) - 1))] = data.draw(st.integers(0, 255))
    try:
        scan = decode_scan(bytes(damaged))
    except UnreadableScan as refusal:
        error = refusal
        scan = None
    assert (error.reason != "") if scan is None else isinstance(scan, Scan)


def test_reading_settings_and_a_filled_cache_import_neither_torch_nor_monai() -> None:
    code = (
        "import sys; from medtl.imaging import PreparationSettings, PreparedCache, prepare_cohort, inspect_cohort;"
        "import medtl.imaging.dicom.file, medtl.imaging.formats.known, medtl.imaging.facts;"
        "import medtl.imaging.intensity, medtl.imaging.display; print({'torch', 'monai'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "set()"
