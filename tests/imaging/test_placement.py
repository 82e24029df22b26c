"""A map comes back to the scan's own grid where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medtl.errors import ConfigurationError
from medtl.imaging.facts import inspect_scan, placement_of
from medtl.imaging.placement import Placement
from medtl.imaging.prepared.preparation import prepare
from medtl.imaging.scan import Scan
from medtl.imaging.settings import PreparationSettings

SIDES = st.integers(1, 3000)
SIZES = st.tuples(st.integers(16, 512), st.integers(16, 512))


@given(SIDES, SIDES, SIZES)
def test_the_scan_fits_touches_two_borders_and_lies_centred(height: int, width: int, size_px: tuple[int, int]) -> None:
    placement = Placement.fitted((height, width), size_px=size_px)
    filled = []
    for axis, side in zip(placement.axes, size_px, strict=True):
        inside = np.flatnonzero(axis.prepared_from_scan().any(axis=1))
        before, behind = inside[0], side - 1 - inside[-1]
        assert 0 <= behind - before <= 1
        assert len(inside) == inside[-1] - inside[0] + 1
        assert axis.seen().all()
        filled.append(len(inside) == side)
    assert any(filled)


@given(st.integers(30, 400), st.integers(30, 400))
def test_coming_back_is_what_torch_interpolates_on_half_pixels(height: int, width: int) -> None:
    placement = Placement.fitted((height, width), size_px=(64, 48))
    prepared = np.random.default_rng(height * width).random((64, 48)).astype(np.float32)
    scale = min(64 / height, 48 / width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (64 - rows) // 2, (48 - columns) // 2
    inside = prepared[top : top + rows, left : left + columns]
    witness = torch.nn.functional.interpolate(
        torch.from_numpy(inside.copy())[None, None], size=(height, width), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(
        placement.to_scan_grid(prepared), witness[0, 0], atol=1e-4
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
    placement = Placement.fitted((height, width), size_px=size_px)
    back = placement.to_scan_grid(prepared)
    found = np.array([(back * rows).sum(), (back * columns).sum()]) / back.sum()
    truth = np.array([(blob * rows).sum(), (blob * columns).sum()]) / blob.sum()
    prepared_pixel_mm = spacing_mm[0] * max(height, width) / 224
    assert np.abs((found - truth) * spacing_mm[0]).max() < 0.1 * prepared_pixel_mm
    peak = np.unravel_index(int(prepared.argmax()), prepared.shape)
    position = placement.to_scan_position(peak)
    assert np.abs(np.subtract(position, centre)).max() * spacing_mm[0] <= 1.01 * prepared_pixel_mm


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Expected a map of shape \(32, 32\).*got \(7, 7\)"):
        Placement.fitted((10, 20), size_px=(32, 32)).to_scan_grid(np.zeros((7, 7)))


# Volumes


def oblique(degrees: float = 20.0, *, spacing_mm: tuple[float, float, float] = (0.7, 1.1, 3.0)) -> np.ndarray:
    """An affine turned about an odd axis, its first axis towards the left, its last one downwards."""
    axis = np.array([0.3, -0.5, 0.8]) / np.linalg.norm([0.3, -0.5, 0.8])
    angle = np.radians(degrees)
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turned = np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew
    affine = np.eye(4)
    affine[:3, :3] = turned @ np.diag([-1.0, 1.0, -1.0]) @ np.diag(spacing_mm)
    affine[:3, 3] = (31.0, -12.5, 88.0)
    return affine


AFFINES = {
    "straight": np.diag([1.0, 1.0, 1.0, 1.0]),
    "flipped and anisotropic": np.diag([-0.5, -0.5, 5.0, 1.0]),
    "axes exchanged": np.array([[0, 0, 2.0, 4], [-1.5, 0, 0, 5], [0, 1.0, 0, 6], [0, 0, 0, 1]]),
    "oblique": oblique(),
}


def point_mm(affine: np.ndarray, index: tuple[float, ...]) -> np.ndarray:
    return (affine @ (*index, 1.0))[:3]


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES.keys())
def test_a_prepared_voxel_lies_where_its_affine_says_and_its_axes_run_right_anterior_superior(
    affine: np.ndarray,
) -> None:
    shape, spacing_mm = (20, 31, 12), (1.3, 0.9, 2.2)
    placement = Placement.in_patient(shape, affine, spacing_mm=spacing_mm, lengths=(17, 40, 9))
    prepared = placement.affine(affine)
    for index in [(0, 0, 0), (3, 20, 8), (16, 39, 0)]:
        witness = point_mm(affine, placement.to_scan_position(index))
        np.testing.assert_allclose(point_mm(prepared, index), witness, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(prepared[:3, :3], axis=0), spacing_mm, atol=1e-9)
    assert (np.diag(prepared[:3, :3]) > 0).all()
    middle = point_mm(prepared, (8, 19.5, 4))
    np.testing.assert_allclose(middle, point_mm(affine, tuple((count - 1) / 2 for count in shape)), atol=1e-9)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES.keys())
def test_the_same_grid_is_nibabels_reorientation_to_ras(affine: np.ndarray) -> None:
    import nibabel

    volume = np.random.default_rng(1).random((7, 9, 8)).astype(np.float32)
    witness = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume, affine))
    placement = Placement.in_patient(volume.shape, affine, spacing_mm=witness.header.get_zooms(), lengths=witness.shape)
    np.testing.assert_allclose(placement.affine(affine), witness.affine, atol=1e-5)
    np.testing.assert_allclose(placement.to_scan_grid(witness.get_fdata(dtype=np.float32)), volume, atol=1e-5)
    assert placement.seen().all()


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES.keys())
def test_a_blob_goes_to_the_prepared_grid_and_back_to_its_position_in_mm(affine: np.ndarray) -> None:
    shape = (60, 50, 40)
    target = point_mm(affine, (35.0, 20.0, 18.0))
    indices = np.moveaxis(np.indices(shape), 0, -1).astype(float)
    positions_mm = indices @ affine[:3, :3].T + affine[:3, 3]
    spread_mm = 3.0 * np.linalg.norm(affine[:3, :3], axis=0).max()
    blob = np.exp(-(((positions_mm - target) ** 2).sum(axis=-1)) / (2 * spread_mm**2)).astype(np.float32)
    extent_mm = tuple(
        1.2 * count * size for count, size in zip(shape, np.linalg.norm(affine[:3, :3], axis=0), strict=True)
    )
    largest = max(extent_mm)
    settings = PreparationSettings(
        preset="mr", spacing_mm=(largest / 48, largest / 48, largest / 40), extent_mm=(largest,) * 3
    )
    scan = Scan(np.sqrt(blob)[None], None, "nibabel", affine=affine)
    placement = placement_of(scan, settings)
    prepared = prepare(scan, settings)[0]
    assert prepared.shape == settings.shape
    grid_mm = (
        np.moveaxis(np.indices(prepared.shape), 0, -1) @ placement.affine(affine)[:3, :3].T
        + placement.affine(affine)[:3, 3]
    )
    weight = np.where(prepared > 0.6, prepared, 0.0)
    found = (grid_mm * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    assert np.linalg.norm(found - target) < 0.25 * max(settings.spacing_mm or ())
    back = placement.to_scan_grid(prepared)
    assert back.shape == shape
    weight = np.where(back > 0.6, back, 0.0)
    found = (positions_mm * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    assert np.linalg.norm(found - target) < 0.25 * max(settings.spacing_mm or ())


def test_what_a_crop_left_out_is_zero_and_unseen() -> None:
    affine = np.diag([-1.0, 1.0, 2.0, 1.0])
    placement = Placement.in_patient(
        (30, 20, 10), affine, spacing_mm=(1, 1, 2), lengths=(10, 20, 4), centre=(7, 9.5, 4.5)
    )
    back = placement.to_scan_grid(np.ones((10, 20, 4), np.float32))
    seen = placement.seen()
    np.testing.assert_array_equal(back > 0, seen)
    assert back[seen].min() == pytest.approx(1.0)
    rows, columns, slices = np.nonzero(seen)
    assert (rows.min(), rows.max()) == (2, 12)
    assert (columns.min(), columns.max()) == (0, 19)
    assert (slices.min(), slices.max()) == (3, 6)


@given(
    st.tuples(*[st.integers(1, 12)] * 3), st.tuples(*[st.integers(1, 12)] * 3), st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3), st.tuples(*[st.floats(0.3, 4.0)] * 3),
)  # fmt: skip
def test_any_placement_keeps_a_constant_where_it_sees_and_is_black_elsewhere(
    shape: tuple[int, ...],
    lengths: tuple[int, ...],
    order: list[int],
    signs: tuple[float, ...],
    spacing: tuple[float, ...],
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, order] @ np.diag(signs)
    placement = Placement.in_patient(shape, affine, spacing_mm=spacing, lengths=lengths)
    for axis in placement.axes:
        there, back = axis.prepared_from_scan(), axis.scan_from_prepared()
        sums = there.sum(axis=1)
        assert np.isclose(sums, 0).sum() + np.isclose(sums, 1, atol=1e-5).sum() == axis.length
        sums = back.sum(axis=1)
        np.testing.assert_allclose(sums, axis.seen().astype(float), atol=1e-5)


def test_a_grid_around_the_foreground_follows_it() -> None:
    volume = np.zeros((40, 40, 40), np.float32)
    volume[25:35, 3:9, 10:30] = 100
    volume += np.random.default_rng(0).random(volume.shape).astype(np.float32)
    scan = Scan(volume[None], (1.0, 1.0, 1.0), "nibabel", affine=np.eye(4))
    settings = {"preset": "mr", "spacing_mm": (1, 1, 1), "extent_mm": (12, 8, 22)}
    around = placement_of(scan, PreparationSettings.model_validate({**settings, "around": "foreground"}))
    assert around.to_scan_position((5.5, 3.5, 10.5)) == pytest.approx((29.5, 5.5, 19.5))
    middle = placement_of(scan, PreparationSettings.model_validate(settings))
    assert middle.to_scan_position((5.5, 3.5, 10.5)) == pytest.approx((19.5, 19.5, 19.5))


# Pixels that are not square


@pytest.mark.parametrize(("spacing_mm", "aspect"), [((0.4, 0.1), 1.0), ((0.15, 0.45), 1.0), (None, 2.5), (None, 0.3)])
@pytest.mark.parametrize("preset", ["radiograph", "photograph"])
def test_a_disc_in_millimetres_is_a_disc_when_prepared_and_comes_back_to_its_position(
    spacing_mm: tuple[float, float] | None, aspect: float, preset: str
) -> None:
    row_mm, column_mm = spacing_mm or (aspect, 1.0)
    shape = (round(60 / row_mm), round(80 / column_mm))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    down_mm, right_mm, radius_mm = (rows + 0.5) * row_mm, (columns + 0.5) * column_mm, 12.0
    away = np.hypot(down_mm - 22.0, right_mm - 51.0)
    disc = np.clip(radius_mm - away, 0, 1).astype(np.float32)
    scan = Scan(disc[None] * 255, spacing_mm, "pydicom", full_scale=255.0, pixel_aspect=aspect)
    settings = PreparationSettings.model_validate({"preset": preset, "size_px": (120, 120)})
    prepared = prepare(scan, settings)[0]
    side_mm = 80 / 120
    tall = np.ptp(np.flatnonzero(prepared.max(axis=1) > 0.5)) + 1
    wide = np.ptp(np.flatnonzero(prepared.max(axis=0) > 0.5)) + 1
    assert abs(tall - wide) <= 2
    assert abs(wide * side_mm - 2 * radius_mm) <= 2 * side_mm
    facts = inspect_scan(scan, sha256="")
    assert facts.placement(settings) == placement_of(scan, settings)
    back = facts.placement(settings).to_scan_grid(prepared)
    assert back.shape == shape
    found_mm = np.array([(back * down_mm).sum(), (back * right_mm).sum()]) / back.sum()
    np.testing.assert_allclose(found_mm, (22.0, 51.0), atol=0.1 * side_mm + 0.1 * max(row_mm, column_mm))
    peak = facts.placement(settings).to_scan_position((22.0 / side_mm - 0.5 + 15, 51.0 / side_mm - 0.5))
    np.testing.assert_allclose((np.array(peak) + 0.5) * (row_mm, column_mm), (22.0, 51.0), atol=side_mm)


def test_square_pixels_of_any_size_lie_as_without_a_size() -> None:
    for side in (0.1, 0.143, 7.0):
        assert Placement.fitted((301, 200), size_px=(64, 48), pixel_size=(side, side)) == Placement.fitted(
            (301, 200), size_px=(64, 48)
        )
