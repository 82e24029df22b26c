"""Intervals come from patients, cover what they promise, and are absent where they would be a guess."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as oracle

from medtl.errors import ConfigurationError
from medtl.evaluation.classification_metrics import classification_metrics
from medtl.evaluation.clusters import effective_trials, patients_of_a_class, too_few
from medtl.evaluation.comparison import paired_difference
from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.intervals import combined, least_share, share_interval, wilson
from medtl.evaluation.metrics.average_precision import average_precision_draws
from medtl.evaluation.operating_points import predictive_values, proportions
from medtl.evaluation.resampling import DrawnError, Resampling, error_of, resample_patients
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units
from medtl.evaluation.weighted import Ranking

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


def test_the_bootstrap_error_agrees_with_scipys_on_one_image_per_patient(make_units: MakeUnits) -> None:
    units = simulated(make_units, 120, seed=2)
    score, truth = units.probabilities[:, 1], units.truth
    own = error_of(average_precision_draws(units, resample_patients(units, resamples=2000, seed=1, scope="x")))
    assert isinstance(own, DrawnError)
    theirs = scipy.stats.bootstrap(
        (score, truth), lambda s, t: oracle.average_precision_score(t, s), n_resamples=1000, method="percentile",
        paired=True, vectorized=False, rng=np.random.default_rng(4),
    ).standard_error  # fmt: skip
    assert own.error == pytest.approx(theirs, rel=0.08)


def test_every_image_follows_its_patient_and_the_mix_of_classes_varies(make_units: MakeUnits) -> None:
    units = simulated(make_units, 30, seed=1, images=3)
    resampling = resample_patients(units, resamples=2000, seed=3, scope="x")
    shares = []
    for weights in resampling.weights(units.patients):
        per_patient = weights.reshape(len(weights), 30, 3)
        assert (per_patient == per_patient[:, :, :1]).all()
        assert (weights.sum(axis=1) == 90).all()
        shares += (weights[:, units.truth == 1].sum(axis=1) / 90).tolist()
    assert np.std(shares) == pytest.approx((0.5 * 0.5 / 30) ** 0.5, rel=0.08)  # as in new patients, not held fixed


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
    whole = average_precision_draws(units, resample_patients(units, resamples=30, seed=3, scope="x"))
    monkeypatch.setattr("medtl.evaluation.resampling.CHUNK_CELLS", 70)
    parts = average_precision_draws(units, resample_patients(units, resamples=30, seed=3, scope="x"))
    assert np.array_equal(whole, parts)


def test_a_patient_with_two_labels_is_drawn_with_both(make_units: MakeUnits) -> None:
    truth = [0, 1] * 6 + [0] * 6 + [1] * 6
    patients = [f"both{i // 2}" for i in range(12)] + [f"n{i}" for i in range(6)] + [f"y{i}" for i in range(6)]
    units = make_units(truth, np.linspace(0, 1, 24), patients=patients)
    assert patients_of_a_class(units) == (12, 12)
    resampling = resample_patients(units, resamples=20, seed=0, scope="x")
    assert len(resampling.patients) == 18
    drawn = next(iter(resampling.weights(units.patients)))
    assert (drawn[:, 0:12:2] == drawn[:, 1:12:2]).all()


@pytest.mark.parametrize(("have", "of_class"), [(9, "yes"), (1, "yes"), (51, "no")])
def test_too_few_patients_of_a_class_give_no_interval_but_a_reason(
    make_units: MakeUnits, have: int, of_class: str
) -> None:
    units = make_units([1] * have + [0] * (60 - have), np.linspace(0, 1, 60))
    fewest = min(have, 60 - have)
    resampling = resample_patients(units, resamples=100, seed=0, scope="x")
    assert resampling.reason == (
        f"no interval: {fewest} patient{'s' if fewest > 1 else ''} of {of_class}, and with fewer than 10 patients in a "
        "class none is reliable"
    )
    metrics = classification_metrics(units, Undefined("no threshold"), resampling)
    assert (metrics["auroc"].low, metrics["auroc"].reason) == (None, resampling.reason)
    assert metrics["mcc"] == Estimate(value=None, reason="no threshold", n=60)


def test_ten_patients_of_a_class_are_counted_as_patients_and_not_as_images(make_units: MakeUnits) -> None:
    owners = [f"y{i // 3}" for i in range(30)] + [f"n{i}" for i in range(30)]
    units = make_units([1] * 30 + [0] * 30, np.linspace(0, 1, 60), patients=owners)
    assert too_few(units) is None
    nine = units.among(np.arange(60) >= 3)
    assert str(too_few(nine)).startswith("no interval: 9 patients of yes")


def test_numbers_that_depend_on_the_mix_need_sixty_patients(make_units: MakeUnits) -> None:
    for patients in (59, 60):
        units = simulated(make_units, patients, seed=1)
        metrics = classification_metrics(
            units, Undefined("no threshold"), resample_patients(units, resamples=50, seed=0, scope="x")
        )
        assert metrics["auroc"].low is not None
        for one in (metrics["average_precision"], metrics["brier"], metrics["log_loss"]):
            assert (one.low is None) == (patients < 60)
            if patients < 60:
                assert one.reason == "no interval: 59 patients, and with fewer than 60 none is reliable"


def test_losses_have_a_t_interval_of_their_logarithm(make_units: MakeUnits) -> None:
    units = simulated(make_units, 80, seed=3)
    loss = np.square(units.probabilities[:, 1] - units.truth)
    found = classification_metrics(units, Undefined("x"), resample_patients(units, resamples=9, seed=0, scope="x"))[
        "brier"
    ]
    error = loss.std(ddof=1) / 80**0.5 / loss.mean()
    ends = loss.mean() * np.exp(np.array([-1, 1]) * scipy.stats.t.ppf(0.975, 39) * error)
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-9)


def test_a_share_of_images_is_worth_fewer_trials_the_more_alike_a_patients_images_are() -> None:
    chance = np.random.default_rng(0)
    right, owners = chance.random(60) < 0.7, tuple(f"p{i}" for i in range(60))
    assert effective_trials(right, owners) == 60  # Wilson's interval itself
    assert effective_trials(np.repeat(right, 3), tuple(np.repeat(owners, 3))) == pytest.approx(60, rel=0.02)
    own = chance.random(3000) < 0.7
    assert effective_trials(own, tuple(np.repeat([f"p{i}" for i in range(1000)], 3))) > 2500
    assert effective_trials(np.ones(9, dtype=bool), tuple("aaabbbccc")) == 3


def test_one_sensitivity_has_one_interval_wherever_it_stands(make_units: MakeUnits) -> None:
    units = simulated(make_units, 60, seed=5, images=2)
    called = (units.probabilities[:, 1] > 0.6).astype("int64")
    decisions = Decisions(units.patients, units.truth, called, units.classes)
    metrics = classification_metrics(units, decisions, resample_patients(units, resamples=50, seed=0, scope="x"))
    told = proportions(decisions)
    assert not isinstance(told, Undefined)
    for name in ("sensitivity", "specificity"):
        one, other = metrics[name], getattr(told, name)
        assert (one.value, one.low, one.high) == (other.value, other.low, other.high)


def test_the_sum_of_two_independent_parts_has_the_interval_of_mover() -> None:
    parts, low, high = np.array([0.4, 0.3]), np.array([0.3, 0.25]), np.array([0.6, 0.5])
    found = combined(parts, low, high)
    assert found == pytest.approx((0.7 - np.hypot(0.1, 0.05), 0.7 + np.hypot(0.2, 0.2)))
    together = combined(parts, low, high, correlation=1.0)
    assert together == pytest.approx((0.7 - 0.15, 0.7 + 0.4))


def test_predictive_values_at_a_prevalence_stay_within_0_and_1_and_cover_the_certain() -> None:
    truth, called = np.repeat([1, 0], [30, 60]), np.repeat([1, 0], [27, 63])
    owners = tuple(f"p{i}" for i in range(90))
    told = proportions(Decisions(owners, truth, called, ("no", "yes")))
    assert not isinstance(told, Undefined)
    drawn = Resampling(owners, np.ones((2, 90), dtype="uint16"))
    found = predictive_values(told, drawn, prevalence=0.1)
    assert not isinstance(found, Undefined)
    assert (found.positive.value, found.positive.high) == (1.0, 1.0)  # nobody was called wrongly
    assert 0.3 < (found.positive.low or 0) < 0.9
    assert 0.9 < (found.negative.low or 0) < (found.negative.value or 0) < (found.negative.high or 0) < 1.0


def test_no_resamples_is_said_and_a_negative_number_refused(make_units: MakeUnits) -> None:
    units = simulated(make_units, 20, seed=1)
    assert resample_patients(units, resamples=0, seed=0, scope="x").reason == "no interval: no resamples were asked for"
    with pytest.raises(ConfigurationError, match="Expected 0 or more resamples, got -1"):
        resample_patients(units, resamples=-1, seed=0, scope="x")


def test_undefined_resamples_are_counted_and_too_many_leave_no_interval() -> None:
    draws = np.linspace(0.0, 1.0, 100)
    few, many = draws.copy(), draws.copy()
    few[:5], many[:6] = np.nan, np.nan
    found = error_of(few)
    assert isinstance(found, DrawnError)
    assert (found.skipped, found.error) == (5, pytest.approx(np.std(draws[5:], ddof=1)))
    assert error_of(many) == Undefined("no interval: undefined in 6 of 100 resamples")


def test_an_estimate_is_whole_or_explained() -> None:
    with pytest.raises(ValueError, match="two ends around a value"):
        Estimate(value=0.5, low=0.4, n=3)
    with pytest.raises(ValueError, match="exactly when the value or its interval is missing"):
        Estimate(value=None, n=3)
    with pytest.raises(ValueError, match="finite number"):
        Estimate(value=float("nan"), reason="x", n=3)


def test_paired_models_that_are_the_same_differ_by_nothing_and_have_no_interval_of_no_width(
    make_units: MakeUnits,
) -> None:
    units = simulated(make_units, 40, seed=6)
    same = paired_difference(units, units, resamples=200, seed=1)
    assert (same.value, same.low, same.reason) == (0.0, None, "no interval: both rank all patients alike")


def test_wilsons_interval_is_scipys() -> None:
    successes, trials = np.array([0, 3, 10, 97]), np.array([7, 10, 10, 100])
    low, high = wilson(successes, trials)
    for index, (count, total) in enumerate(zip(successes, trials, strict=True)):
        theirs = scipy.stats.binomtest(int(count), int(total)).proportion_ci(method="wilson")
        assert (low[index], high[index]) == pytest.approx((theirs.low, theirs.high), abs=1e-10)


def test_the_exact_one_sided_limit_is_scipys() -> None:
    successes, trials = np.array([0.0, 3.0, 10.0, 97.0]), np.array([7.0, 10.0, 10.0, 100.0])
    for count, total, own in zip(successes, trials, least_share(successes, trials), strict=True):
        theirs = scipy.stats.binomtest(int(count), int(total), alternative="greater").proportion_ci(method="exact")
        assert own == pytest.approx(theirs.low, abs=1e-10)


@pytest.mark.parametrize(("patients", "truth"), [(15, 0.99), (45, 0.997), (45, 0.99), (20, 0.98), (150, 0.998)])
def test_a_share_near_one_lies_in_its_interval_in_more_than_93_of_100_samples_where_wilsons_fails(
    patients: int, truth: float
) -> None:
    counts = np.arange(patients + 1)
    chance = scipy.stats.binom.pmf(counts, patients, truth)
    value = counts / patients
    low, high = share_interval(value, value * (1.0 - value) / patients, at_most=float(patients))
    assert chance[(low <= truth) & (truth <= high)].sum() >= 0.93
    worst = min(
        scipy.stats.binom.pmf(counts, patients, near)[(own[0] <= near) & (near <= own[1])].sum()
        for own in [wilson(counts, np.full(patients + 1, patients))]
        for near in np.linspace(0.98, 0.999, 50)
    )
    assert worst < 0.91


def test_a_difference_is_widened_where_folds_share_their_training_patients(make_units: MakeUnits) -> None:
    first, second = simulated(make_units, 60, seed=2), simulated(make_units, 60, seed=3)
    plain = paired_difference(first, second, resamples=9, seed=1)
    shared = paired_difference(first, second, resamples=9, seed=1, test_to_training=1 / 3)
    widths = [(one.high or 0.0) - (one.low or 0.0) for one in (plain, shared)]
    assert widths[1] / widths[0] == pytest.approx((4 / 3) ** 0.5)
    assert plain.value == shared.value
