"""What is found near a picture's border, against drawings whose marks and frames are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from medtl.imaging.border import border_of
from medtl.imaging.scan import Scan


def scan(picture: np.ndarray) -> Scan:
    return Scan(pixels=picture[None].astype(np.float32), spacing_mm=None, affine=None, reader="drawn")


def body(side: int = 256, *, seed: int = 0) -> np.ndarray:
    """A smooth bright blob on dark grey with noise: anatomy has no thin strokes."""
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    blob = 140 * np.exp(-6 * (rows**2 + columns**2))
    return np.asarray(40 + blob + np.random.default_rng(seed).normal(0, 2, (side, side)))


@pytest.mark.parametrize(("across", "down"), [(12, 12), (216, 12), (12, 216), (216, 216)])
def test_a_letter_in_a_corner_is_one_mark_where_it_was_drawn(across: int, down: int) -> None:
    picture = Image.fromarray(body().astype(np.uint8))
    ImageDraw.Draw(picture).text((across, down), "R", fill=255, font_size=26)
    drawn = np.argwhere(np.asarray(picture).astype(int) - body().astype(np.uint8) > 40)
    found = border_of(scan(np.asarray(picture)))
    assert found is not None
    (box,) = found.marks
    expected = (*drawn.min(axis=0) / 256, *(drawn.max(axis=0) + 1) / 256)
    assert box == pytest.approx(expected, abs=0.02)


def test_a_letter_in_the_middle_and_a_body_alone_are_no_marks() -> None:
    picture = Image.fromarray(body().astype(np.uint8))
    ImageDraw.Draw(picture).text((120, 118), "R", fill=255, font_size=20)
    for each in (body(), np.asarray(picture)):
        found = border_of(scan(each))
        assert found is not None
        assert found.marks == ()


def test_frames_have_the_widths_they_were_drawn_with() -> None:
    picture = body()
    picture[:16], picture[:, -32:] = 0, 0
    found = border_of(scan(picture))
    assert found is not None
    assert found.black_frame == pytest.approx((16 / 256, 32 / 256, 0, 0))
    assert found.white_frame == (0, 0, 0, 0)
    white = border_of(scan(255 - picture))
    assert white is not None
    assert white.white_frame == pytest.approx(found.black_frame)


def test_the_border_does_not_depend_on_brightness_and_contrast() -> None:
    picture = Image.fromarray(body().astype(np.uint8))
    ImageDraw.Draw(picture).text((12, 12), "L", fill=255, font_size=26)
    first, second = (border_of(scan(values)) for values in (np.asarray(picture) * 1.0, np.asarray(picture) * 4.0 - 512))
    assert first == second


def test_a_flat_picture_and_a_volume_have_no_border() -> None:
    assert border_of(scan(np.full((64, 64), 7.0))) is None
    volume = Scan(
        pixels=np.zeros((1, 8, 8, 8), np.float32), spacing_mm=(1.0, 1.0, 1.0), affine=np.eye(4), reader="drawn"
    )
    assert border_of(volume) is None
