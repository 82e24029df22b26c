"""Pictures as cameras, microscopes and collections save them, with Pillow, tifffile or imageio as the witness."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from PIL import Image

from medtl.imaging.facts import refuse_unusable
from medtl.imaging.formats.format import Choice
from medtl.imaging.reading import decode_scan
from medtl.imaging.scan import UnreadableScan

CHANCE = np.random.default_rng(5)
GREY = CHANCE.integers(1, 256, (40, 60), dtype=np.uint8)
COLOUR = CHANCE.integers(1, 256, (40, 60, 3), dtype=np.uint8)
WIDE = CHANCE.integers(0, 65536, (40, 60), dtype=np.uint16)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()


def tiff(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def refused(data: bytes, reason: str, words: str, choice: Choice | None = None) -> None:
    with pytest.raises(UnreadableScan, match=words) as caught:
        decode_scan(data, choice or Choice())
    assert caught.value.reason == reason


@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize(
    "write",
    [
        lambda a: saved(Image.fromarray(a), "BMP"),
        lambda a: tiff(a, bigtiff=True),
        lambda a: saved(Image.fromarray(a), "TIFF", compression="tiff_lzw"),
        lambda a: saved(Image.fromarray(a), "TIFF", compression="tiff_deflate"),
        lambda a: tiff(a, tile=(16, 16)),
    ],
    ids=["BMP", "BigTIFF", "LZW", "deflate", "tiles"],
)
def test_bmp_bigtiff_and_packed_tiff_keep_every_value(array: np.ndarray, write: Callable[[np.ndarray], bytes]) -> None:
    data = write(array)
    scan = decode_scan(data)
    np.testing.assert_array_equal(scan.pixels, np.atleast_3d(array).transpose(2, 0, 1))
    assert (scan.full_scale, scan.notes) == (255.0, ())


@pytest.mark.parametrize(
    "array",
    [
        WIDE,
        WIDE.astype(np.int16),
        WIDE.astype(np.int32) - 30000,
        WIDE.astype(np.uint32) * 60000,
        GREY.view(np.int8),
        WIDE.astype(np.float32) / 7,
    ],
    ids=["uint16", "int16", "int32", "uint32", "int8", "float32"],
)
def test_tiff_of_any_grey_number_type_keeps_its_values(array: np.ndarray) -> None:
    for order in ("<", ">") if array.dtype != np.uint32 else ("<",):
        scan = decode_scan(tiff(array, byteorder=order, photometric="minisblack"))
        np.testing.assert_allclose(scan.pixels[0], array.astype(np.float32), rtol=1e-7)


@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_alpha_that_hides_every_pixel_is_left_aside(array: np.ndarray) -> None:
    image = Image.fromarray(array)
    image.putalpha(0)
    scan = decode_scan(saved(image, "PNG"))
    np.testing.assert_array_equal(scan.pixels, np.atleast_3d(array).transpose(2, 0, 1))
    assert scan.notes == ("transparency that hides every pixel left aside",)
    refuse_unusable(scan)


def test_nan_around_a_float_tiff_is_background() -> None:
    values = WIDE.astype(np.float32)
    values[:5] = np.nan
    scan = decode_scan(tiff(values))
    assert float(scan.pixels[0, :5].max()) == float(np.nanmin(values))
    assert "300 of 2,400 pixels are NaN" in scan.notes[0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize(("turn", "expected"), [(3, np.rot90(GREY, 2)), (6, np.rot90(GREY, -1)), (2, GREY[:, ::-1])])
def test_the_exif_orientation_is_applied_once(kind: str, turn: int, expected: np.ndarray) -> None:
    image = Image.fromarray(GREY)
    exif = image.getexif()
    exif[0x0112] = turn
    options = {"quality": 100} if kind == "JPEG" else {}
    scan = decode_scan(saved(image, kind, exif=exif, **options))
    np.testing.assert_allclose(scan.pixels[0], expected, atol=6)
    assert scan.notes == ("turned upright as the EXIF orientation says",)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_as_pillow_says(kind: str) -> None:
    data = saved(Image.fromarray(COLOUR).convert("CMYK"), kind)
    witness = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decode_scan(data).pixels, witness.transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["P", "palette of greys"])
def test_a_palette_becomes_its_colours(mode: str) -> None:
    image = Image.fromarray(COLOUR).quantize(16) if mode == "P" else Image.fromarray(GREY).convert("P")
    scan = decode_scan(saved(image, "PNG"))
    np.testing.assert_array_equal(scan.pixels, np.asarray(image.convert("RGB")).transpose(2, 0, 1))


def test_the_first_picture_of_a_telephones_jpeg_is_the_photograph() -> None:
    data = saved(Image.fromarray(COLOUR), "MPO", save_all=True, append_images=[Image.fromarray(COLOUR[::2, ::2])])
    scan = decode_scan(data)
    np.testing.assert_array_equal(scan.pixels, np.asarray(imageio.imread(data, index=0)).transpose(2, 0, 1))


PAGES = CHANCE.integers(0, 65536, (5, 30, 20), dtype=np.uint16)


def test_pages_are_refused_with_their_number_or_taken_as_a_volume() -> None:
    data = tiff(PAGES, photometric="minisblack")
    refused(data, "several_pages", r"holds 5 pages; .* Take it in as one volume with medtl intake --pages-mm")
    scan = decode_scan(data, Choice(page_mm=(0.5, 0.7, 2.0)))
    assert scan.pixels.shape == (1, 20, 30, 5)
    assert scan.spacing_mm == (0.7, 0.5, 2.0)
    for row, column, page in ((0, 0, 0), (29, 19, 4), (3, 11, 2)):
        right_mm, anterior_mm, superior_mm = scan.affine[:3, :3] @ (19 - column, 29 - row, page)
        assert scan.pixels[0, 19 - column, 29 - row, page] == PAGES[page, row, column]
        np.testing.assert_allclose(
            (right_mm, anterior_mm, superior_mm), (0.7 * (19 - column), 0.5 * (29 - row), 2 * page)
        )
    assert scan.notes[0].startswith("no orientation in the header")


def test_a_volume_of_pages_shows_each_page_as_it_was(tmp_path: object) -> None:
    from medtl.imaging.thumbnail import _flat

    scan = decode_scan(tiff(PAGES, photometric="minisblack"), Choice(page_mm=(1.0, 1.0, 4.0)))
    shown, _ = _flat(scan)
    np.testing.assert_array_equal(shown, PAGES[2])


def test_pages_that_do_not_belong_to_one_volume_are_refused() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(PAGES[0], photometric="minisblack")
        writer.write(PAGES[1, :10], photometric="minisblack")
    words = "Page 2 of the TIFF is not a grey picture of the same size"
    refused(stream.getvalue(), "several_pages", words, Choice(page_mm=(1, 1, 1)))


def test_images_that_imagej_hides_behind_one_page_are_not_lost() -> None:
    description = "ImageJ=1.53t\nimages=48\nslices=48\nloop=false\n"
    refused(tiff(GREY, description=description, metadata=None), "several_pages", "holds 48 images behind a single page")
    one = tiff(GREY, description=description.replace("48", "1"), metadata=None)
    np.testing.assert_array_equal(decode_scan(one).pixels[0], GREY)


def test_reduced_copies_of_a_page_are_left_aside() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(WIDE, photometric="minisblack")
        writer.write(WIDE[::2, ::2], photometric="minisblack", subfiletype=1)
    np.testing.assert_array_equal(decode_scan(stream.getvalue()).pixels[0], WIDE)


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    refused(data, "several_pages", r"holds 2 frames \(an animation\); .* Save the one that is meant")


@pytest.mark.parametrize("array", [WIDE / 7, WIDE.astype(np.float16), WIDE.astype(np.uint64)])
def test_numbers_that_pillow_does_not_have_are_named(array: np.ndarray) -> None:
    refused(
        tiff(array), "unsupported_format", r"pixels of a kind that Pillow does not read .* Save it with grey values"
    )


def test_colours_stored_plane_by_plane_are_right_or_refused() -> None:
    planes = np.ascontiguousarray(COLOUR.transpose(2, 0, 1))
    np.testing.assert_array_equal(decode_scan(tiff(planes, photometric="rgb", planarconfig="separate")).pixels, planes)
    wide = tiff(planes.astype(np.uint16) * 257, photometric="rgb", planarconfig="separate")
    refused(wide, "unsupported_format", "colours of 16 bits stored plane by plane, which Pillow reads wrongly")


def test_a_bigtiff_of_the_other_byte_order_is_named() -> None:
    refused(tiff(GREY, bigtiff=True, byteorder=">"), "unsupported_format", "a BigTIFF of the other byte order")


def test_a_damaged_picture_prints_nothing() -> None:
    code = (
        "import io, sys\nimport tifffile, numpy\nfrom medtl.imaging.reading import decode_scan\n"
        "from medtl.imaging.scan import UnreadableScan\nstream = io.BytesIO()\n"
        "tifffile.imwrite(stream, numpy.zeros((9, 9), numpy.uint16))\n"
        "for index in range(8, 200, 3):\n    damaged = bytearray(stream.getvalue())\n    damaged[index] ^= 0x7F\n"
        "    try:\n        decode_scan(bytes(damaged))\n    except UnreadableScan:\n        pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
