"""NIfTI as writers really leave it: each kind is taken with the value that nibabel gives, or refused by what it is."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medtl.imaging.formats.format import Choice, FilePair
from medtl.imaging.reading import decode_scan, read_scan
from medtl.imaging.scan import UnreadableScan

VALUES = np.random.default_rng(0).integers(-500, 1500, (6, 7, 5)).astype(np.int16)
AFFINE = np.array([[-1.0, 0, 0, 30], [0, 1.2, 0, -40], [0, 0, 2.5, 7], [0, 0, 0, 1]])
MOVED = np.array([[-0.98, 0.2388, 0, 33], [0.1990, 1.176, 0, -44], [0, 0, 2.5, 9], [0, 0, 0, 1]])
"""The same voxels turned by 11.5 degrees and shifted, as after a registration."""


def image(values: np.ndarray = VALUES, *, sform: int = 1, qform: int = 1, kind: type = nibabel.Nifti1Image) -> object:
    made = kind(values, AFFINE)
    made.set_sform(AFFINE, code=sform)
    made.set_qform(AFFINE, code=qform)
    made.header.set_xyzt_units("mm")
    return made


def refused(data: bytes | FilePair, reason: str, words: str, choice: Choice | None = None) -> None:
    with pytest.raises(UnreadableScan, match=words) as caught:
        decode_scan(data, choice or Choice())
    assert caught.value.reason == reason
    assert not any(word in str(caught.value) for word in ("int16", "float32", "complex64", "dtype", "('R',"))


@pytest.mark.parametrize("codes", [(2, 1), (4, 1), (3, 2), (1, 2), (2, 0)])
def test_an_sform_wins_over_a_qform_of_another_code_as_in_spm(codes: tuple[int, int]) -> None:
    made = image()
    made.set_qform(AFFINE, code=codes[1])
    made.set_sform(MOVED, code=codes[0])
    scan = decode_scan(made.to_bytes())
    np.testing.assert_allclose(scan.affine, nibabel.Nifti1Image.from_bytes(made.to_bytes()).affine, atol=1e-5)
    np.testing.assert_allclose(scan.affine, MOVED, atol=1e-3)
    notes = [note for note in scan.notes if f"the sform (code {codes[0]}) is taken" in note]
    assert len(notes) == (1 if codes[1] else 0)


def test_two_orientations_of_one_code_that_disagree_are_refused() -> None:
    made = image()
    made.set_sform(MOVED, code=1)
    corners = [(i, j, k, 1) for i in (0, 5) for j in (0, 6) for k in (0, 4)]
    distance = max(np.linalg.norm((MOVED - AFFINE) @ corner) for corner in corners)
    refused(made.to_bytes(), "bad_geometry", f"have the same code 1 and put a corner {distance:.3g} mm apart")


def test_a_mirror_image_is_refused_whatever_the_codes() -> None:
    made = image()
    made.set_sform(np.diag([1.0, 1.2, 2.5, 1.0]), code=2)
    refused(made.to_bytes(), "bad_geometry", "one is the mirror image of the other")


def test_an_sform_of_zeros_says_nothing_and_the_qform_holds() -> None:
    data = bytearray(image(sform=2).to_bytes())
    data[280:328] = bytes(48)
    np.testing.assert_allclose(decode_scan(bytes(data)).affine, AFFINE, atol=1e-5)


def test_an_unknown_code_says_nothing() -> None:
    data = bytearray(image().to_bytes())
    data[254:256] = struct.pack("<h", 77)
    data[280:328] = np.eye(4)[:3].astype("<f4").tobytes()
    scan = decode_scan(bytes(data))
    np.testing.assert_allclose(scan.affine, AFFINE, atol=1e-5)
    assert "an orientation code that NIfTI does not know was left aside" in scan.notes


@pytest.mark.parametrize("size", [0.0, -2.0, np.nan, np.inf])
@pytest.mark.parametrize("codes", [(0, 0), (0, 1)])
def test_a_voxel_size_that_is_none_is_refused(size: float, codes: tuple[int, int]) -> None:
    data = bytearray(image(sform=codes[0], qform=codes[1]).to_bytes())
    data[88:92] = struct.pack("<f", size)  # pixdim[3]
    refused(bytes(data), "bad_geometry", "pixdim says voxels of 1 x 1.2 x .* mm and no sform says otherwise")


@pytest.mark.parametrize("size", [0.0, -2.0, np.nan, 9.0])
def test_an_sform_gives_the_voxel_size_that_pixdim_does_not(size: float) -> None:
    data = bytearray(image(qform=0).to_bytes())
    data[88:92] = struct.pack("<f", size)
    scan = decode_scan(bytes(data))
    assert scan.spacing_mm == pytest.approx((1.0, 1.2, 2.5))
    assert any("voxel sizes are those of the sform; pixdim says" in note for note in scan.notes)


def test_a_picture_may_have_any_size_across_it() -> None:
    data = bytearray(image(VALUES[:, :, :1], sform=0).to_bytes())
    data[88:92] = struct.pack("<f", 0.0)
    scan = decode_scan(bytes(data))
    assert scan.spacing_mm == pytest.approx((1.2, 1.0))
    assert scan.pixels.shape == (1, 7, 6)


@pytest.mark.parametrize("shape", [(64, 48, 3), (48, 64, 4), (3, 64, 48)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_an_array_that_may_be_a_photograph_is_no_volume(shape: tuple[int, ...], kind: type) -> None:
    values = np.random.default_rng(0).integers(0, 256, shape).astype(kind)
    words = f"{' x '.join(map(str, shape))} with voxels of one size: an axis of {min(shape)} may be the colours"
    refused(nibabel.Nifti1Image(values, np.eye(4)).to_bytes(), "colour_or_slices", words)


def test_three_slices_with_their_own_distance_are_a_volume() -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.int16)
    assert decode_scan(nibabel.Nifti1Image(values, AFFINE).to_bytes()).pixels.shape == (1, 64, 48, 3)


def test_a_colour_slice_is_a_colour_picture_and_a_volume_of_colours_is_refused() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (20, 24, 3, 3), dtype=np.uint8)
    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    volume = np.ascontiguousarray(colours).view(kind)[..., 0]
    scan = decode_scan(nibabel.Nifti1Image(volume[:, :, :1], None).to_bytes())
    np.testing.assert_array_equal(scan.pixels, colours[:, :, 0].transpose(2, 1, 0))
    assert scan.full_scale == 255.0
    refused(nibabel.Nifti1Image(volume, AFFINE).to_bytes(), "vector_voxels", r"voxels are colours \(RGB\)")


def with_nan(share: float, *, inside: bool) -> np.ndarray:
    values = np.random.default_rng(1).uniform(50, 600, (20, 20, 10)).astype(np.float32)
    if inside:
        where = np.argwhere(np.ones((16, 16, 6))) + 2
        chosen = where[np.random.default_rng(2).permutation(len(where))[: int(share * values.size)]]
        values[tuple(chosen.T)] = np.nan
    else:
        values[: int(share * 20)] = np.nan
    return values


def test_nan_around_the_body_is_background_with_the_smallest_value() -> None:
    values = with_nan(0.3, inside=False)
    scan = decode_scan(nibabel.Nifti1Image(values, AFFINE).to_bytes())
    lowest = np.nanmin(values)
    np.testing.assert_array_equal(scan.pixels[0], np.where(np.isnan(values), lowest, values))
    assert any("1,200 of 4,000 pixels are NaN: taken as background" in note for note in scan.notes)


def test_a_few_nan_inside_are_counted_and_many_are_refused() -> None:
    scan = decode_scan(nibabel.Nifti1Image(with_nan(0.005, inside=True), AFFINE).to_bytes())
    assert any("20 of 4,000 pixels are NaN, 20 of them inside" in note for note in scan.notes)
    many = nibabel.Nifti1Image(with_nan(0.05, inside=True), AFFINE).to_bytes()
    refused(many, "non_finite", r"5\.00% of the pixels inside the scan are NaN")


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("length", [10, 200, 347, 419, 539])
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_is_cut_inside_its_header_is_one_refusal(kind: type, length: int, packed: bool) -> None:
    data = image(kind=kind).to_bytes()[:length]
    with pytest.raises(UnreadableScan, match="cut short") as caught:
        decode_scan(gzip.compress(data) if packed else data)
    assert caught.value.reason == "truncated"


def test_vox_offset_0_is_the_end_of_the_header() -> None:
    data = bytearray(image().to_bytes())
    data[108:112] = struct.pack("<f", 0)
    scan = decode_scan(bytes(data))
    np.testing.assert_array_equal(scan.pixels[0], VALUES)
    assert "the header does not say where the voxels begin (vox_offset 0): byte 352 is taken" in scan.notes
    data[108:112] = struct.pack("<f", 100)
    refused(bytes(data), "undecodable", "the voxels begin at byte 100; 348 to 1,048,576 is possible")


@pytest.mark.parametrize("packed", [False, True])
def test_a_few_bytes_behind_the_voxels_are_noted(packed: bool) -> None:
    data = image().to_bytes() + b"\n\0"
    scan = decode_scan(gzip.compress(data) if packed else data)
    np.testing.assert_array_equal(scan.pixels[0], VALUES)
    assert "2 bytes after the voxels left aside, fewer than a row or layer" in scan.notes


def pair(tmp_path: Path, ending: str = ".img") -> Path:
    made = nibabel.Nifti1Pair(VALUES, AFFINE)
    made.header.set_xyzt_units("mm")
    nibabel.save(made, tmp_path / f"one{ending}")
    return tmp_path


@pytest.mark.parametrize(
    ("ending", "names"), [(".img", ("one.hdr", "one.img")), (".img.gz", ("one.hdr.gz", "one.img.gz"))]
)
def test_a_header_and_its_voxels_are_read_under_either_name(
    tmp_path: Path, ending: str, names: tuple[str, str]
) -> None:
    pair(tmp_path, ending)
    for name in names:
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.pixels[0], VALUES)
        np.testing.assert_allclose(scan.affine, AFFINE, atol=1e-5)
    (tmp_path / names[1]).unlink()
    with pytest.raises(UnreadableScan, match=r"header has its pixels in another file, which does not lie beside it"):
        read_scan(tmp_path / names[0])


def test_a_pair_is_distinguished_from_another_with_the_same_header(tmp_path: Path) -> None:
    from medtl.imaging.reading import read_content, sha256_of_content

    pair(tmp_path)
    before = sha256_of_content(read_content(tmp_path / "one.hdr"))
    voxels = bytearray((tmp_path / "one.img").read_bytes())
    voxels[0] ^= 1
    (tmp_path / "one.img").write_bytes(voxels)
    assert sha256_of_content(read_content(tmp_path / "one.hdr")) != before


def test_an_analyze_header_is_named(tmp_path: Path) -> None:
    made = nibabel.AnalyzeImage(VALUES, None)
    nibabel.save(made, tmp_path / "old.img")
    with pytest.raises(UnreadableScan, match=r"Analyze 7\.5 header, which does not say left from right"):
        read_scan(tmp_path / "old.hdr")


SERIES = np.random.default_rng(3).integers(0, 3000, (6, 7, 5, 4)).astype(np.int16)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("volume", "value", "note"),
    [
        ("first", SERIES[..., 0], "volume 1 of 4"),
        (3, SERIES[..., 2], "volume 3 of 4"),
        (4, SERIES[..., 3], "volume 4 of 4"),
        ("mean", SERIES.mean(axis=-1), "mean of the 4 volumes"),
    ],
)
def test_one_of_several_volumes_is_taken_as_it_was_chosen(
    packed: bool, volume: object, value: np.ndarray, note: str
) -> None:
    data = nibabel.Nifti1Image(SERIES, AFFINE).to_bytes()
    scan = decode_scan(gzip.compress(data) if packed else data, Choice(volume=volume))  # type: ignore[arg-type]
    np.testing.assert_allclose(scan.pixels[0], value, rtol=1e-6)
    assert any(note in line for line in scan.notes)


def test_several_volumes_are_refused_without_a_choice_or_cut_short_with_one() -> None:
    data = nibabel.Nifti1Image(SERIES, AFFINE).to_bytes()
    refused(data, "several_volumes", r"holds 4 volumes .* Choose with medtl intake --volume first, --volume mean")
    refused(data, "several_volumes", "--volume 5 was asked for, and the file holds 4 volumes", Choice(volume=5))
    refused(data[:-100], "truncated", "cut short", Choice(volume="first"))


def vectors(shape: tuple[int, ...], intent: str) -> bytes:
    made = nibabel.Nifti1Image(np.zeros(shape, np.float32), AFFINE)
    made.header.set_intent(intent)
    return made.to_bytes()


@pytest.mark.parametrize(("shape", "intent"), [((6, 7, 5, 1, 3), "vector"), ((6, 7, 5, 3), "vector")])
def test_vectors_are_refused_even_with_a_choice(shape: tuple[int, ...], intent: str) -> None:
    refused(vectors(shape, intent), "vector_voxels", "has 3 numbers in each voxel", Choice(volume="first"))


def strange(change: Callable[[bytearray], None]) -> bytes:
    data = bytearray(image().to_bytes())
    change(data)
    return bytes(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d.__setitem__(slice(70, 72), struct.pack("<h", 99)),
            "says number type 99, which NIfTI does not have",
        ),
        (lambda d: d.__setitem__(slice(42, 44), struct.pack("<h", -5)), "says a size of -5 x 7 x 5"),
        (lambda d: d.__setitem__(slice(112, 120), struct.pack("<2f", 1, np.inf)), "cannot be decoded"),
    ],
)
def test_a_damaged_header_is_refused_by_its_fault(change: Callable[[bytearray], None], words: str) -> None:
    refused(strange(change), "undecodable", words)


def test_nibabel_prints_nothing(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    for index in range(40, 348, 2):
        data = bytearray(image().to_bytes())
        data[index : index + 2] = b"\x00\x00"
        with suppress(UnreadableScan):
            decode_scan(bytes(data))
    with suppress(nibabel.spatialimages.HeaderDataError):
        data[80:92] = bytes(12)
        nibabel.Nifti1Header.from_fileobj(io.BytesIO(data))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_values_and_scaling_are_those_of_nibabel() -> None:
    made = nibabel.Nifti1Image(VALUES.astype(np.float64) * 0.37 - 3, AFFINE)
    made.set_data_dtype(np.int16)
    for order in ("<", ">"):
        stream = io.BytesIO()
        swapped = nibabel.Nifti1Image(np.asarray(made.dataobj), AFFINE, made.header.as_byteswapped(order))
        swapped.to_stream(stream)
        witness = nibabel.Nifti1Image.from_bytes(stream.getvalue())
        np.testing.assert_array_equal(
            decode_scan(stream.getvalue()).pixels[0], np.asarray(witness.dataobj).astype(np.float32)
        )
