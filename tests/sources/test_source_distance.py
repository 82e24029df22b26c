"""How far a target lies from a source: against scipy's matrix root, the law of rotations, and simulated targets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import ortho_group
from sklearn.covariance import LedoitWolf

from medtl.encoders.feature_statistics import FeatureStatistics, feature_statistics, principal_axes
from medtl.sources.source_distance import (
    Moments,
    drawn_distances,
    frechet_distance,
    source_distance,
)

WIDTH = 12


def drawn(cases: int, *, seed: int, width: int = WIDTH, shift: float = 0.0) -> np.ndarray:
    """Features with spread-out variances and dependent columns; `shift` moves their mean along the first."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(0).normal(size=(width, width)) / np.sqrt(width)
    values = rng.gamma(2.0, size=(cases, width)) * np.geomspace(3.0, 0.1, width) @ mixing
    values[:, 0] += shift
    return values


def statistics_of(features: np.ndarray, **more: np.ndarray) -> FeatureStatistics:
    return feature_statistics(features, [f"p{number}" for number in range(len(features))], **more)


@pytest.mark.parametrize("cases", [(200, 90), (8, 9)])
def test_the_frechet_distance_is_the_formula_with_the_root_of_a_matrix(cases: tuple[int, int]) -> None:
    one, other = (drawn(number, seed=number, shift=number / 100) for number in cases)
    covariances = [np.cov(rows.T) for rows in (one, other)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    found = frechet_distance(Moments(*principal_axes(one)), Moments(*principal_axes(other)))
    assert found == pytest.approx(expected, rel=1e-6)
    for rows, covariance in zip((one, other), covariances, strict=True):
        axes = principal_axes(rows)[1]
        np.testing.assert_allclose(axes.T @ axes, covariance, atol=1e-12)


def test_of_identical_statistics_it_is_zero_and_of_a_shift_alone_its_square() -> None:
    own = Moments(*principal_axes(drawn(60, seed=1)))
    assert frechet_distance(own, own) == pytest.approx(0.0, abs=1e-12)
    moved = Moments(own.mean + np.array([3.0, 4.0, *[0.0] * (WIDTH - 2)]), own.axes)
    assert frechet_distance(own, moved) == pytest.approx(25.0, abs=1e-12)
    assert frechet_distance(moved, own) == frechet_distance(own, moved)
    constant = Moments(*principal_axes(np.ones((5, WIDTH))))
    assert frechet_distance(own, constant) == pytest.approx(((own.mean - 1) ** 2).sum() + (own.axes**2).sum())


def test_no_rotation_of_the_features_changes_anything() -> None:
    source, target = drawn(150, seed=2), drawn(80, seed=3, shift=1.0)
    turn = ortho_group.rvs(WIDTH, random_state=4)
    patients = [f"p{number}" for number in range(80)]
    plain, turned = (
        source_distance(statistics_of(source @ by), target @ by, patients, seed=1) for by in (np.eye(WIDTH), turn)
    )
    assert plain is not None
    assert turned is not None
    assert turned.frechet == pytest.approx(plain.frechet, rel=1e-4)
    assert turned.outside == plain.outside
    assert turned.of_draws == pytest.approx(plain.of_draws, rel=0.05)


@pytest.mark.parametrize(("images", "width"), [(300, 12), (120, 12), (80, 64), (60, 256)])
def test_of_a_target_like_its_source_five_in_a_hundred_lie_outside(images: int, width: int) -> None:
    """Also where features outnumber images: distances from statistics that an image had a part in are too short."""
    shares = [
        statistics_of(drawn(images, seed=seed, width=width)).outside(drawn(500, seed=1000 + seed, width=width)) / 500
        for seed in range(20)
    ]
    assert 0.03 < np.mean(shares) < 0.065


@pytest.mark.parametrize(("images", "width", "cases"), [(200, 12, 120), (1000, 12, 30), (1000, 64, 120)])
def test_a_target_like_its_source_is_as_far_as_a_draw_and_another_farther(images: int, width: int, cases: int) -> None:
    """Also where the source had few images: the draws have the error of both sides."""
    source = statistics_of(drawn(images, seed=5, width=width))
    patients = [f"p{number}" for number in range(cases)]
    near = [
        found
        for seed in range(10, 30)
        if (found := source_distance(source, drawn(cases, seed=seed, width=width), patients, seed=seed))
    ]
    ratio = np.mean([one.frechet for one in near]) / np.mean([one.of_draws for one in near])
    assert 0.7 < ratio < 1.35
    assert np.mean([one.frechet > one.largest_of_draws for one in near]) <= 0.25
    other = source_distance(source, drawn(cases, seed=40, width=width, shift=5.0), patients, seed=1)
    assert other is not None
    assert other.frechet > 2 * other.largest_of_draws
    assert other.outside > 0.5 * cases


def test_more_images_of_a_patient_do_not_pass_for_more_patients() -> None:
    source, own = statistics_of(drawn(400, seed=6)), drawn(40, seed=7)
    once = source_distance(source, own, [f"p{number}" for number in range(40)], seed=1)
    thrice = source_distance(source, np.repeat(own, 3, axis=0), [f"p{number // 3}" for number in range(120)], seed=1)
    assert once is not None
    assert thrice is not None
    assert (thrice.frechet, thrice.of_draws, thrice.patients) == (once.frechet, once.of_draws, 40)
    assert (thrice.cases, thrice.outside) == (120, 3 * once.outside)
    assert source_distance(source, own, ["p0", "p1"] * 20, seed=1) is None


def test_the_draws_are_the_same_again_and_shrink_with_their_number() -> None:
    source = statistics_of(drawn(4000, seed=8))
    few, again, many = (drawn_distances(source, images, seed=1) for images in (20, 20, 200))
    assert (few == again).all()
    assert many.mean() < few.mean() / 3


def test_the_variances_of_the_draws_are_those_of_the_shrunk_covariance() -> None:
    source = statistics_of(drawn(60, seed=9, width=128))
    share, covariance = source.summary.shrinkage, source.axes.T @ source.axes
    shrunk = (1 - share) * covariance + share * np.trace(covariance) / 128 * np.eye(128)
    np.testing.assert_allclose(np.sort(source.variances), np.linalg.eigvalsh(shrunk), atol=1e-5)
    witness = np.linalg.inv(shrunk)
    rows = drawn(5, seed=10, width=128)
    expected = [np.sqrt((row - source.mean) @ witness @ (row - source.mean)) for row in rows]
    np.testing.assert_allclose(source.distances(rows), expected, rtol=1e-6)
    assert share == pytest.approx(LedoitWolf().fit(drawn(60, seed=9, width=128)).shrinkage_)
    assert source.axes.shape == (59, 128)
