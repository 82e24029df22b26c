"""Variation by seed: the same bytes for the same seed, never mirrored where sides matter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.ndimage
import torch

from medtl.imaging.augmentation import VARIATIONS, RandBrightness, RandMildAffine, Variation, augment
from medtl.imaging.settings import AugmentationSettings, PreparationSettings

AUTO = AugmentationSettings()
PRESETS = tuple(VARIATIONS)


def preparation(preset: str) -> PreparationSettings:
    return PreparationSettings.model_validate({"preset": preset})


def picture(preset: str, side: int = 96) -> np.ndarray:
    rough = np.random.default_rng(0).random((preparation(preset).channels, side, side))
    smooth = scipy.ndimage.gaussian_filter(rough, (0, 4, 4))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_seed_alone_decides_on_any_thread_and_in_any_order(preset: str) -> None:
    scan, prepared_as = picture(preset), preparation(preset)

    def vary(seed: int) -> bytes:
        return augment(scan, seed=seed, settings=AUTO, preparation=prepared_as).tobytes()

    forward = [vary(seed) for seed in range(20)]
    backward = [vary(seed) for seed in reversed(range(20))]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(vary, range(20)))
    assert forward == backward[::-1] == threaded
    assert len(set(forward)) == 20
    assert scan.tobytes() == picture(preset).tobytes()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_result_stays_a_prepared_scan(preset: str) -> None:
    for seed in range(30):
        varied = augment(picture(preset), seed=seed, settings=AUTO, preparation=preparation(preset))
        assert varied.shape == picture(preset).shape
        assert varied.dtype == np.float32
        assert varied.min() >= 0
        assert varied.max() <= 1


def test_none_leaves_the_scan_as_it_is_but_hands_out_a_copy() -> None:
    scan = picture("mr")
    same = augment(scan, seed=1, settings=AugmentationSettings(preset="none"), preparation=preparation("mr"))
    np.testing.assert_array_equal(scan, same)
    assert same is not scan


def columns_of_two_marks(preset: str, seed: int) -> tuple[float, float]:
    """Where a bright and a dim mark, left and right in the picture, come to lie."""
    scan = np.zeros((preparation(preset).channels, 96, 96), np.float32)
    scan[:, 44:52, 20:28], scan[:, 44:52, 68:76] = 1.0, 0.5
    varied = augment(scan, seed=seed, settings=AUTO, preparation=preparation(preset))[0]
    middle = varied[:, 46:50].mean() * 0 + 0.75 * varied.max()
    bright, dim = varied > middle, (varied > 0.2 * varied.max()) & (varied < 0.6 * varied.max())
    return float(np.nonzero(bright)[1].mean()), float(np.median(np.nonzero(dim)[1]))


@pytest.mark.parametrize("preset", ["radiograph", "ultrasound", "ct", "mr"])
def test_left_stays_left_where_anatomy_has_sides(preset: str) -> None:
    assert all(left < right for left, right in (columns_of_two_marks(preset, seed) for seed in range(40)))


def test_photographs_are_mirrored_about_half_the_time() -> None:
    mirrored = sum(left > right for left, right in (columns_of_two_marks("photograph", seed) for seed in range(60)))
    assert 15 <= mirrored <= 45


def test_a_volume_is_mirrored_from_left_to_right_and_never_from_head_to_foot() -> None:
    """A bright block on the patient's right, one less bright above the middle: which side each comes to lie on."""
    scan = np.zeros((1, 48, 48, 48), np.float32)
    scan[0, 36:42, 20:28, 20:28], scan[0, 20:28, 20:28, 36:42] = 1.0, 0.6
    settings = PreparationSettings(preset="mr", spacing_mm=(1, 1, 1), extent_mm=(48, 48, 48))
    sides = []
    for seed in range(40):
        varied = augment(scan, seed=seed, settings=AugmentationSettings(preset="photograph"), preparation=settings)[0]
        one = np.argwhere(varied > 0.8 * varied.max()).mean(axis=0)
        other = np.argwhere((varied > 0.35 * varied.max()) & (varied < 0.65 * varied.max())).mean(axis=0)
        assert other[2] > one[2] + 5, "what was above stays above"
        sides.append(bool(one[0] > other[0]))
    assert 8 <= sum(sides) <= 32


def test_ct_values_are_moved_but_never_changed() -> None:
    flat = np.full((1, 96, 96), 0.4, np.float32)
    for seed in range(20):
        varied = augment(flat, seed=seed, settings=AUTO, preparation=preparation("ct"))[0, 30:66, 30:66]
        np.testing.assert_allclose(varied, 0.4, atol=1e-6)
    for preset in ("radiograph", "ultrasound", "mr"):
        centres = {
            float(augment(flat, seed=seed, settings=AUTO, preparation=preparation(preset))[0, 48, 48]).__round__(3)
            for seed in range(20)
        }
        assert len(centres) > 5


@pytest.mark.parametrize("shape", [(1, 60, 60), (1, 50, 90)])
@pytest.mark.parametrize("seed", range(5))
def test_the_affine_is_the_one_scipy_computes_from_the_same_numbers(shape: tuple[int, ...], seed: int) -> None:
    variation = Variation(rotation_degrees=15, shift=0.1, zoom=0.2)
    scan = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), (0, 3, 3))
    step = RandMildAffine(variation, tuple(map(float, shape[1:])))
    step.set_random_state(seed=seed)
    angle, zoom, *shift = np.random.RandomState(seed).uniform(-1, 1, 4)
    turn, size = np.deg2rad(15 * angle), 1 + 0.2 * zoom
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    sides = np.array(shape[1:])
    centre = (sides - 1) / 2
    offset = centre - matrix @ centre + 0.1 * np.array(shift) * sides
    witness = scipy.ndimage.affine_transform(scan[0], matrix, offset, order=1)
    varied = step(torch.from_numpy(scan)).numpy()[0]
    inner = varied[8:-8, 8:-8] * (witness[8:-8, 8:-8] > 0)
    whole = (inner > 0) & (scipy.ndimage.minimum_filter(witness, 3)[8:-8, 8:-8] > 0)
    assert whole.mean() > 0.4
    assert np.abs(varied[8:-8, 8:-8] - witness[8:-8, 8:-8])[whole].max() < 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_a_volume_is_turned_in_millimetres_about_three_axes(seed: int) -> None:
    """scipy resamples with the matrix that turns physical space; voxels are 1 x 1 x 3 mm."""
    variation = Variation(rotation_degrees=12, shift=0.05, zoom=0.1)
    shape, voxel_mm = (40, 36, 14), np.array([1.0, 1.0, 3.0])
    scan = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).random((1, *shape)), (0, 4, 4, 1.5))
    step = RandMildAffine(variation, tuple(float(side) for side in shape * voxel_mm))
    step.set_random_state(seed=seed)
    *angles, zoom, first, second, third = np.random.RandomState(seed).uniform(-1, 1, 7)
    turn = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(12 * np.array(angles))):
        plane = np.eye(3)
        a, b = [(1, 2), (0, 2), (0, 1)][axis]
        sign = -1.0 if axis == 1 else 1.0
        plane[a, a] = plane[b, b] = np.cos(angle)
        plane[a, b], plane[b, a] = -sign * np.sin(angle), sign * np.sin(angle)
        turn = turn @ plane
    matrix = np.diag(1 / voxel_mm) @ ((1 + 0.1 * zoom) * turn) @ np.diag(voxel_mm)
    centre = (np.array(shape) - 1) / 2
    offset = centre - matrix @ centre + 0.05 * np.array([first, second, third]) * shape
    witness = scipy.ndimage.affine_transform(scan[0], matrix, offset, order=1)
    varied = step(torch.from_numpy(scan)).numpy()[0]
    whole = (varied > 0) & (scipy.ndimage.minimum_filter(witness, 3) > 0)
    assert whole.mean() > 0.3
    assert np.abs(varied - witness)[whole].max() < 1e-5


def test_a_volume_stays_a_prepared_volume_for_any_seed() -> None:
    volume = np.random.default_rng(0).random((1, 20, 24, 8)).astype(np.float32)
    prepared_as = PreparationSettings(preset="mr", spacing_mm=(1, 1, 4), extent_mm=(20, 24, 32))
    seen = set()
    for seed in range(10):
        varied = augment(volume, seed=seed, settings=AUTO, preparation=prepared_as)
        assert varied.shape == volume.shape
        assert 0 <= varied.min() < varied.max() <= 1
        seen.add(varied.tobytes())
    assert len(seen) == 10
    assert augment(volume, seed=3, settings=AUTO, preparation=prepared_as).tobytes() in seen


def test_brightness_follows_gamma_gain_and_field_within_their_limits() -> None:
    step = RandBrightness(Variation(gamma=1.25, gain=0.1))
    values = set()
    for seed in range(200):
        step.set_random_state(seed=seed)
        values.add(round(float(step(torch.full((1, 4, 4), 0.5))[0, 0, 0]), 6))
    assert min(values) >= 0.5**1.25 * 0.9 - 1e-6
    assert max(values) <= 0.5**0.8 * 1.1 + 1e-6
    assert 0.5 in values
    assert len(values) > 100


def test_strong_variation_doubles_every_range_and_squares_the_factor_of_gamma() -> None:
    mild, strong = VARIATIONS["mr"], VARIATIONS["mr"].stronger()
    assert (strong.rotation_degrees, strong.shift, strong.zoom) == (20.0, 0.1, 0.2)
    assert strong.gamma == pytest.approx(mild.gamma**2)
    assert strong.bias == pytest.approx(2 * mild.bias)
    assert VARIATIONS["ct"].stronger().gamma == 1.0
    assert VARIATIONS["ct"].stronger().gain == 0.0


def test_strong_variation_is_the_same_draw_taken_further() -> None:
    scan = np.random.default_rng(0).random((1, 32, 32)).astype(np.float32)
    preparation = PreparationSettings(preset="ct", size_px=(32, 32))
    mild, strong = (
        augment(scan, seed=5, settings=AugmentationSettings(strength=strength), preparation=preparation)
        for strength in (None, "strong")
    )
    assert np.abs(strong - scan).mean() > np.abs(mild - scan).mean() > 0
