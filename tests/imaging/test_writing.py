"""What is written holds the pixels and the geometry of the scan, read back the same, and not a word more."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from medtl.imaging.formats.geometry import NO_ORIENTATION
from medtl.imaging.reading import decode_scan
from medtl.imaging.scan import Scan, UnreadableScan
from medtl.imaging.thumbnail import thumbnail
from medtl.imaging.writing import encoded, nifti_bytes

AFFINE = np.array([[-0.7, 0.1, 0.2, 31.5], [0.05, 0.9, -0.3, -80.25], [0.1, 0.25, 2.4, 402.0], [0, 0, 0, 1.0]])
AFFINE[:3, :3] = np.linalg.qr(AFFINE[:3, :3])[0] * (0.7, 0.9, 2.4)


def volume(values: np.ndarray) -> Scan:
    sizes = tuple(np.linalg.norm(AFFINE[:3, :3], axis=0))
    return Scan(np.asarray(values, np.float32)[None], sizes, "test", affine=AFFINE)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["uint8", "int16", "int32", "float32"]))
@settings(max_examples=30, deadline=None)
def test_a_volume_comes_back_exactly_in_the_narrowest_number_type(seed: int, kind: str) -> None:
    chance = np.random.default_rng(seed)
    ranges = {"uint8": (0, 256), "int16": (-32768, 32768), "int32": (-(2**23), 2**23)}
    low, high = ranges.get(kind, (0, 1))
    values = chance.normal(size=(4, 5, 6)) if kind == "float32" else chance.integers(low, high, (4, 5, 6))
    if kind != "float32":
        values[0, 0, :2] = low, high - 1
    scan = replace(volume(values), full_scale=255.0 if kind == "uint8" else None)
    content = nifti_bytes(scan)
    back = decode_scan(content)
    np.testing.assert_array_equal(back.pixels, scan.pixels)
    np.testing.assert_allclose(back.affine, AFFINE, atol=5e-5)
    assert nibabel.Nifti1Image.from_bytes(gzip.decompress(content)).get_data_dtype() == np.dtype(kind)


def test_the_header_has_no_text_and_the_bytes_are_the_same_each_time() -> None:
    content = nifti_bytes(volume(np.arange(120).reshape(4, 5, 6)))
    assert content == nifti_bytes(volume(np.arange(120).reshape(4, 5, 6)))
    header = nibabel.Nifti1Image.from_bytes(gzip.decompress(content)).header
    assert all(
        not bytes(header[name].tobytes()).strip(b"\0") for name in ("descrip", "aux_file", "db_name", "intent_name")
    )
    assert not header.extensions
    assert content[3:8] == bytes(5), "no file name and no time in the gzip header"


def test_axes_that_were_only_assumed_stay_assumed() -> None:
    data = nibabel.Nifti1Image(np.ones((3, 4, 5), np.int16), None)
    data.header.set_zooms((1.0, 2.0, 3.0))
    scan = decode_scan(data.to_bytes())
    back = decode_scan(nifti_bytes(scan))
    assert back.notes == scan.notes == (NO_ORIENTATION,)
    np.testing.assert_array_equal(back.affine, scan.affine)


@pytest.mark.parametrize(("full_scale", "mode"), [(255.0, "L"), (65535.0, "I;16")])
def test_a_grey_picture_of_8_or_16_bits_becomes_png(full_scale: float, mode: str) -> None:
    values = np.random.default_rng(0).integers(0, int(full_scale) + 1, (1, 20, 30)).astype(np.float32)
    file = encoded(Scan(values, None, "test", full_scale=full_scale))
    assert (file.ending, file.notes, Image.open(io.BytesIO(file.content)).mode) == (".png", (), mode)
    back = decode_scan(file.content)
    np.testing.assert_array_equal(back.pixels, values)
    assert back.full_scale == full_scale


@pytest.mark.parametrize("spacing", [None, (0.1, 0.2)])
@pytest.mark.parametrize("window", [None, (1500.5, 801.0)])
def test_a_picture_with_spacing_window_or_other_values_becomes_nifti_of_one_slice(
    spacing: tuple[float, float] | None, window: tuple[float, float] | None
) -> None:
    values = np.random.default_rng(0).integers(-1000, 3000, (1, 20, 30)).astype(np.float32)
    file = encoded(Scan(values, spacing, "test", window=window, full_scale=None))
    back = decode_scan(file.content)
    assert file.ending == ".nii.gz"
    np.testing.assert_array_equal(back.pixels, values)
    assert back.window == window
    assert back.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert back.affine is None


def test_colour_becomes_png_and_says_what_16_bits_lost() -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 20, 30)).astype(np.float32)
    whole = encoded(Scan(values, (1.0, 1.0), "test", full_scale=255.0))
    np.testing.assert_array_equal(decode_scan(whole.content).pixels, values)
    assert whole.notes == ()
    reduced = encoded(Scan(values * 257, None, "test", full_scale=65535.0))
    np.testing.assert_array_equal(decode_scan(reduced.content).pixels, values)
    assert reduced.notes == ("16-bit colour reduced to 8 bits per channel",)


def test_a_thumbnail_shows_left_on_the_right_and_anterior_on_top() -> None:
    """A bright corner at the patient's left, anterior: upper right on the picture, whatever the stored axes are."""
    values = np.zeros((20, 24, 8), np.float32)
    values[:5, 18:, :] = 100
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    for flip in (1, -1):
        turned = np.diag([flip * 1.0, 1.0, 4.0, 1.0])
        stored = values[::flip]
        scan = Scan(stored[None].copy(), (1.0, 1.0, 4.0), "test", affine=turned if flip < 0 else affine)
        picture = np.asarray(Image.open(io.BytesIO(thumbnail(scan))), dtype=float)
        assert picture.shape == (128, 107)
        assert picture[:20, -15:].mean() > 200
        assert picture[-60:].mean() < 20
        assert picture[:, :60].mean() < 20


def test_a_thumbnail_of_an_oblique_scan_and_of_a_strip_keeps_its_proportions() -> None:
    scan = volume(np.random.default_rng(0).normal(size=(30, 20, 4)))
    assert max(Image.open(io.BytesIO(thumbnail(scan))).size) == 128
    strip = replace(scan, pixels=np.zeros((3, 10, 40), np.float32), affine=None, spacing_mm=(2.0, 1.0))
    assert Image.open(io.BytesIO(thumbnail(strip))).size == (128, 64)


def test_a_gzip_that_cannot_hold_what_its_header_claims_is_refused_at_once() -> None:
    image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.float64), np.eye(4))
    image.header["dim"][1:4], image.header["vox_offset"] = 700, 352
    with pytest.raises(UnreadableScan, match="bytes expected, got at most") as caught:
        decode_scan(gzip.compress(image.header.binaryblock + bytes(4)))
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("aspect", [2.0, 0.5, 0.143 / 0.2])
@pytest.mark.parametrize("kind", ["grey of 8 bits", "grey of 12 bits", "colour", "colour with a spacing"])
def test_pixels_that_are_not_square_keep_their_shape(kind: str, aspect: float) -> None:
    chance = np.random.default_rng(1)
    colour = kind.startswith("colour")
    pixels = chance.integers(0, 256, (3 if colour else 1, 9, 7)).astype(np.float32)
    spacing_mm = (0.2 * aspect, 0.2) if "spacing" in kind else None
    full_scale = 4095.0 if "12" in kind else 255.0
    scan = Scan(pixels, spacing_mm, "pydicom", full_scale=full_scale, pixel_aspect=aspect)
    again = decode_scan(encoded(scan).content)
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.spacing_mm is None
    assert again.pixel_size == (pytest.approx(aspect, rel=1e-5), 1.0)
    square = Scan(pixels, None, "pydicom", full_scale=full_scale)
    assert decode_scan(encoded(square).content).pixel_size == (1.0, 1.0)


@pytest.mark.parametrize("spacing_mm", [None, (0.5, 0.5)])
@pytest.mark.parametrize(("full_scale", "again"), [(255.0, 255.0), (65535.0, 65535.0), (4095.0, None), (None, None)])
def test_a_dark_picture_is_not_taken_for_one_of_8_bits(
    full_scale: float | None, again: float | None, spacing_mm: tuple[float, float] | None
) -> None:
    pixels = np.random.default_rng(1).integers(0, 200, (1, 9, 7)).astype(np.float32)
    found = decode_scan(encoded(Scan(pixels, spacing_mm, "pydicom", full_scale=full_scale)).content)
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.full_scale == again
    if full_scale != 255:
        volume = Scan(np.repeat(pixels[..., None], 3, axis=3), (1.0, 1.0, 1.0), "pydicom", affine=np.eye(4))
        assert decode_scan(encoded(volume).content).full_scale is None
