"""A map comes back to the scan's own grid where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl.errors import ConfigurationError
from medtl.imaging.placement import Placement
from medtl.imaging.preparation import prepare
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings

SIDES = st.integers(1, 3000)
SIZES = st.tuples(st.integers(16, 512), st.integers(16, 512))


@given(SIDES, SIDES, SIZES)
def test_the_scan_fits_touches_two_borders_and_lies_centred(height: int, width: int, size_px: tuple[int, int]) -> None:
    place = Placement.of(height, width, size_px=size_px)
    assert place.top + place.scaled_height + place.bottom == size_px[0]
    assert place.left + place.scaled_width + place.right == size_px[1]
    assert place.scaled_height == size_px[0] or place.scaled_width == size_px[1]
    assert 0 <= place.bottom - place.top <= 1
    assert 0 <= place.right - place.left <= 1


@given(st.integers(30, 400), st.integers(30, 400))
def test_coming_back_is_what_torch_interpolates_on_half_pixels(height: int, width: int) -> None:
    place = Placement.of(height, width, size_px=(64, 48))
    prepared = np.random.default_rng(height * width).random((64, 48)).astype(np.float32)
    inside = prepared[place.top : 64 - place.bottom, place.left : 48 - place.right]
    witness = torch.nn.functional.interpolate(
        torch.from_numpy(inside.copy())[None, None], size=(height, width), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(
        place.to_scan_grid(prepared), witness[0, 0], atol=1e-4
    )  # torch keeps positions in float32


@pytest.mark.parametrize(("height", "width"), [(1760, 1430), (100, 301), (224, 224), (60, 64)])
def test_a_blob_comes_back_within_a_tenth_of_a_prepared_pixel(height: int, width: int) -> None:
    """There by MONAI's resize, back by ours: the centre of mass in mm."""
    spacing_mm = (0.2, 0.2)
    centre = (0.3 * height, 0.7 * width)
    rows, columns = np.mgrid[:height, :width]
    spread = 0.06 * min(height, width)
    blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (2 * spread**2)).astype(np.float32)
    scan = Scan(blob[None] * 255, spacing_mm, "Pillow PNG", full_scale=255.0)
    size_px = (224, 224)
    prepared = prepare(scan, PreparationSettings(size_px=size_px))[0]
    place = Placement.of(height, width, size_px=size_px)
    back = place.to_scan_grid(prepared)
    found = np.array([(back * rows).sum(), (back * columns).sum()]) / back.sum()
    truth = np.array([(blob * rows).sum(), (blob * columns).sum()]) / blob.sum()
    prepared_pixel_mm = spacing_mm[0] * max(height, width) / 224
    assert np.abs((found - truth) * spacing_mm[0]).max() < 0.1 * prepared_pixel_mm
    peak = np.unravel_index(int(prepared.argmax()), prepared.shape)
    position = place.to_scan_position(float(peak[0]), float(peak[1]))
    assert np.abs(np.subtract(position, centre)).max() * spacing_mm[0] <= 1.01 * prepared_pixel_mm


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Expected a map of \(height, width\) = \(32, 32\).*got \(7, 7\)"):
        Placement.of(10, 20, size_px=(32, 32)).to_scan_grid(np.zeros((7, 7)))
