"""Intervals come from patients, cover what they promise, and are absent where they would be a guess."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as oracle

from medtl.errors import ConfigurationError
from medtl.evaluation.comparison import paired_difference
from medtl.evaluation.discrimination import auroc
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import percentile_interval, wilson
from medtl.evaluation.measure import measure
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking, auroc_draws, ranking_draws

MakeUnits = Callable[..., Units]


def simulated(make_units: MakeUnits, n: int, seed: int, images: int = 1, apart: float = 1.0) -> Units:
    chance = np.random.default_rng(seed)
    label = np.arange(n) % 2
    truth = np.repeat(label, images)
    raw = chance.normal(size=n * images) + apart * truth + np.repeat(chance.normal(size=n), images)
    return make_units(truth, 1.0 / (1.0 + np.exp(-raw)), patients=[f"p{i}" for i in np.repeat(np.arange(n), images)])


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_metrics_are_scikit_learns_with_sample_weights(ties: bool) -> None:
    chance = np.random.default_rng(5)
    positive = chance.random(50) < 0.4
    score = np.round(chance.random(50), 1) if ties else chance.random(50)
    weights = chance.integers(0, 4, size=(20, 50)).astype("float64")
    steps = Ranking.of(positive, score).steps(weights)
    for draw, (area, precision) in enumerate(zip(steps.auroc(), steps.average_precision(), strict=True)):
        drawn = np.repeat(np.arange(50), weights[draw].astype(int))
        assert area == pytest.approx(oracle.roc_auc_score(positive[drawn], score[drawn]), abs=1e-10)
        assert precision == pytest.approx(oracle.average_precision_score(positive[drawn], score[drawn]), abs=1e-10)


def test_a_draw_without_one_class_is_nan_and_never_a_number() -> None:
    steps = Ranking.of(np.array([True, False]), np.array([0.9, 0.1])).steps(np.array([[2.0, 0.0], [0.0, 2.0]]))
    assert np.isnan(steps.auroc()).all()
    assert np.isnan(steps.average_precision()).all()


def test_the_bootstrap_agrees_with_scipys_on_one_image_per_patient(make_units: MakeUnits) -> None:
    units = simulated(make_units, 120, seed=2)
    score = units.probabilities[:, 1]
    own = percentile_interval(
        auroc(units), auroc_draws(units, resample_patients(units, resamples=2000, seed=1, scope="x")), n=120
    )

    def area(positive: np.ndarray, negative: np.ndarray) -> float:
        return float(scipy.stats.mannwhitneyu(positive, negative).statistic / (len(positive) * len(negative)))

    theirs = scipy.stats.bootstrap(
        (score[units.truth == 1], score[units.truth == 0]), area, n_resamples=2000, method="percentile",
        vectorized=False, rng=np.random.default_rng(4),
    ).confidence_interval  # fmt: skip
    assert own.low == pytest.approx(theirs.low, abs=0.012)
    assert own.high == pytest.approx(theirs.high, abs=0.012)


def test_every_image_follows_its_patient_and_each_class_keeps_its_patients(make_units: MakeUnits) -> None:
    units = simulated(make_units, 30, seed=1, images=3)
    resampling = resample_patients(units, resamples=50, seed=3, scope="x")
    for weights in resampling.weights(units.patients):
        per_patient = weights.reshape(len(weights), 30, 3)
        assert (per_patient == per_patient[:, :, :1]).all()
        assert (weights[:, units.truth == 1].sum(axis=1) == 45).all()
        assert (weights[:, units.truth == 0].sum(axis=1) == 45).all()


def test_draws_follow_the_seed_and_the_scope_and_not_the_order_of_rows(make_units: MakeUnits) -> None:
    units = simulated(make_units, 20, seed=1)
    backwards = Units(
        units.ids[::-1], units.patients[::-1], units.truth[::-1], units.probabilities[::-1], units.classes
    )
    first = resample_patients(units, resamples=9, seed=3, scope="x")
    assert np.array_equal(first.drawn, resample_patients(backwards, resamples=9, seed=3, scope="x").drawn)
    assert not np.array_equal(first.drawn, resample_patients(units, resamples=9, seed=4, scope="x").drawn)
    assert not np.array_equal(first.drawn, resample_patients(units, resamples=9, seed=3, scope="y").drawn)


def test_the_draws_do_not_depend_on_how_many_are_handled_at_once(
    make_units: MakeUnits, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = simulated(make_units, 20, seed=1)
    whole = ranking_draws(units, resample_patients(units, resamples=30, seed=3, scope="x"))
    monkeypatch.setattr("medtl.evaluation.resampling.CHUNK_CELLS", 70)
    parts = ranking_draws(units, resample_patients(units, resamples=30, seed=3, scope="x"))
    assert np.array_equal(whole, parts)


def test_a_patient_with_two_labels_is_drawn_with_both(make_units: MakeUnits) -> None:
    truth = [0, 1] * 6 + [0] * 6 + [1] * 6
    patients = [f"both{i // 2}" for i in range(12)] + [f"n{i}" for i in range(6)] + [f"y{i}" for i in range(6)]
    units = make_units(truth, np.linspace(0, 1, 24), patients=patients)
    resampling = resample_patients(units, resamples=20, seed=0, scope="x")
    assert len(resampling.patients) == 18
    drawn = next(iter(resampling.weights(units.patients)))
    assert (drawn[:, 0:12:2] == drawn[:, 1:12:2]).all()


def test_too_few_patients_of_a_class_give_no_interval_but_a_reason(make_units: MakeUnits) -> None:
    units = make_units([0] * 20 + [1] * 4, np.linspace(0, 1, 24))
    resampling = resample_patients(units, resamples=100, seed=0, scope="x")
    assert resampling.reason == "no interval: 4 patients of yes, at least 5 needed"
    metrics = measure(units, Undefined("no threshold"), resampling)
    assert metrics.auroc == Estimate(value=1.0, reason=resampling.reason, n=24)
    assert metrics.mcc == Estimate(value=None, reason="no threshold", n=24)


def test_no_resamples_is_said_and_a_negative_number_refused(make_units: MakeUnits) -> None:
    units = simulated(make_units, 20, seed=1)
    assert resample_patients(units, resamples=0, seed=0, scope="x").reason == "no interval: no resamples were asked for"
    with pytest.raises(ConfigurationError, match="Expected 0 or more resamples, got -1"):
        resample_patients(units, resamples=-1, seed=0, scope="x")


def test_undefined_resamples_are_counted_and_too_many_leave_no_interval() -> None:
    draws = np.linspace(0.0, 1.0, 100)
    few, many = draws.copy(), draws.copy()
    few[:5], many[:6] = np.nan, np.nan
    assert percentile_interval(0.5, few, n=9).skipped == 5
    lost = percentile_interval(0.5, many, n=9)
    assert (lost.low, lost.reason, lost.skipped) == (None, "no interval: undefined in 6 of 100 resamples", 6)


def test_an_estimate_is_whole_or_explained() -> None:
    with pytest.raises(ValueError, match="two ends around a value"):
        Estimate(value=0.5, low=0.4, n=3)
    with pytest.raises(ValueError, match="exactly when the value or its interval is missing"):
        Estimate(value=None, n=3)
    with pytest.raises(ValueError, match="finite number"):
        Estimate(value=float("nan"), reason="x", n=3)


def test_paired_models_that_are_the_same_differ_by_exactly_nothing(make_units: MakeUnits) -> None:
    units = simulated(make_units, 40, seed=6)
    same = paired_difference(units, units, resamples=200, seed=1)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_wilsons_interval_is_scipys() -> None:
    successes, trials = np.array([0, 3, 10, 97]), np.array([7, 10, 10, 100])
    low, high = wilson(successes, trials)
    for index, (count, total) in enumerate(zip(successes, trials, strict=True)):
        theirs = scipy.stats.binomtest(int(count), int(total)).proportion_ci(method="wilson")
        assert (low[index], high[index]) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


@pytest.mark.slow
def test_two_thousand_resamples_of_six_thousand_images_take_seconds(make_units: MakeUnits) -> None:
    units = simulated(make_units, 3000, seed=1, images=2)
    started = time.perf_counter()
    ranking_draws(units, resample_patients(units, resamples=2000, seed=1, scope="x"))
    assert time.perf_counter() - started < 15.0


@pytest.mark.slow
def test_the_interval_covers_the_true_auroc_as_often_as_it_says(make_units: MakeUnits) -> None:
    true_area = NormalDist().cdf(1.2 / 2.0)  # both classes normal with variance 2, means 1.2 apart
    covered = 0
    for repeat in range(200):
        units = simulated(make_units, 60, seed=1000 + repeat, apart=1.2)
        draws = auroc_draws(units, resample_patients(units, resamples=1000, seed=repeat, scope="x"))
        interval = percentile_interval(auroc(units), draws, n=60)
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= true_area <= interval.high
    assert 0.88 <= covered / 200 <= 0.99
