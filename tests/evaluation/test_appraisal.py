"""Calibration, use and comparison, each held against an independent witness."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from scipy.optimize import brentq
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score, roc_curve

from medtl.audit.multiplicity import holm
from medtl.evaluation import EvaluationSettings, StudyMetrics, evaluate
from medtl.evaluation.brier_parts import brier_parts
from medtl.evaluation.calibration_line import calibration_line, fit_line, fit_offset, logits
from medtl.evaluation.conformal import conformal_of, conformal_sets
from medtl.evaluation.delong import Areas, delong, delong_of, difference_estimate, half_width
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.metrics.auroc import auroc_estimate
from medtl.evaluation.net_benefit import decision_curve
from medtl.evaluation.operating_points import predictive_values, proportions, readings
from medtl.evaluation.paired_decisions import paired_decisions
from medtl.evaluation.recalibration import recalibrated
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.settings import ThresholdRule
from medtl.evaluation.smooth_calibration import smooth_error
from medtl.evaluation.subgroups import subgroups
from medtl.evaluation.thresholds import choose_threshold, decide
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable, per_patient

MakeTable = Callable[..., PredictionTable]
AS_RISKS = EvaluationSettings()


def _units(n: int = 120, *, seed: int = 0, shift: float = 1.2, stretch: float = 1.0) -> Units:
    chance = np.random.default_rng(seed)
    truth = (np.arange(n) % 3 == 0).astype("int64")
    risk = 1.0 / (1.0 + np.exp(-stretch * (chance.normal(size=n) + shift * truth - 0.8)))
    ids = tuple(f"p{index}" for index in range(n))
    return Units(ids, ids, truth, np.stack([1.0 - risk, risk], axis=1), ("no", "yes"))


def test_delongs_covariance_is_the_one_counted_pair_by_pair() -> None:
    chance = np.random.default_rng(3)
    positive = np.arange(50) < 18
    scores = np.round(chance.normal(size=(2, 50)) + positive, 1)
    pairs = [
        (row[positive][:, None] > row[~positive]) + 0.5 * (row[positive][:, None] == row[~positive]) for row in scores
    ]
    of_positive, of_negative = (np.array([part.mean(axis=axis) for part in pairs]) for axis in (1, 0))
    expected = np.cov(of_positive) / 18 + np.cov(of_negative) / 32
    found = delong(positive, scores)
    assert isinstance(found, Areas)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-14)
    np.testing.assert_allclose(found.values, [roc_auc_score(positive, row) for row in scores], atol=1e-14)


@pytest.mark.parametrize(("auroc", "published"), [(0.70, 10.2), (0.80, 8.7), (0.90, 6.3), (0.95, 4.5)])
def test_the_half_width_is_that_of_the_published_table_for_100_patients(auroc: float, published: float) -> None:
    assert round(100 * half_width(auroc, positives=50, negatives=50), 1) == published


def test_delong_says_why_it_cannot() -> None:
    units = _units(30)
    twice = Units(units.ids, ("p0", *units.patients[:-1]), units.truth, units.probabilities, units.classes)
    assert delong_of(twice) == Undefined("a patient counts more than once, so the units are not independent")
    few = delong(np.arange(4) < 1, np.arange(4.0)[None])
    assert few == Undefined("1 positive and 3 negative, at least 2 of each needed for a variance")


def test_the_aurocs_interval_is_a_t_interval_of_delongs_variance_on_the_logit_scale() -> None:
    units = _units(120)
    area = delong_of(units)
    assert isinstance(area, Areas)
    found = auroc_estimate(units, reason=None)
    value, error = float(area.values[0]), float(area.covariance[0, 0]) ** 0.5
    half = stats.t.ppf(0.975, 40 - 1) * error / (value * (1 - value))
    ends = 1 / (1 + np.exp(-(np.log(value / (1 - value)) + np.array([-half, half]))))
    assert found.value == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose([found.low, found.high], ends, atol=1e-9)


def test_images_of_a_patient_say_less_than_as_many_patients_and_copies_say_nothing_more() -> None:
    units = _units(120)
    copies = Units(
        tuple(f"{name}-{copy}" for copy in "ab" for name in units.ids),
        units.patients * 2,
        np.tile(units.truth, 2),
        np.tile(units.probabilities, (2, 1)),
        units.classes,
    )
    once, twice = auroc_estimate(units, reason=None), auroc_estimate(copies, reason=None)
    np.testing.assert_allclose([twice.low, twice.high], [once.low, once.high], atol=1e-9)
    apart = Units(copies.ids, copies.ids, copies.truth, copies.probabilities, copies.classes)
    narrow = auroc_estimate(apart, reason=None)
    assert (narrow.high or 1) - (narrow.low or 0) < 0.75 * ((once.high or 1) - (once.low or 0))


def test_no_interval_leaves_0_to_1_and_none_has_no_width_where_every_pair_is_in_order() -> None:
    units = _units(60)
    perfect = Units(units.ids, units.patients, units.truth, np.eye(2)[units.truth], units.classes)
    found = auroc_estimate(perfect, reason=None)
    theirs = stats.binomtest(20, 20).proportion_ci(method="wilson")  # 20 of the rarer class
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(theirs.low, abs=1e-9)
    near = np.eye(2)[units.truth]
    near[[0, 1]] = near[[1, 0]]
    close = auroc_estimate(Units(units.ids, units.patients, units.truth, near, units.classes), reason=None)
    assert 0.0 < (close.low or 0) < (close.value or 0) < (close.high or 0) < 1.0


def test_the_difference_of_two_areas_has_delongs_paired_variance() -> None:
    units, other = _units(150), _units(150, seed=4)
    positive, score = units.against_the_rest(1)
    second = np.random.default_rng(1).permutation(score) * 0.5 + 0.5 * score
    other = Units(units.ids, units.patients, units.truth, np.stack([1 - second, second], axis=1), units.classes)
    areas = delong(positive, np.stack([score, second]))
    assert isinstance(areas, Areas)
    value = float(areas.values[0] - areas.values[1])
    variance = areas.covariance[0, 0] + areas.covariance[1, 1] - 2 * areas.covariance[0, 1]
    half = stats.t.ppf(0.975, 50 - 1) * variance**0.5
    found = difference_estimate(units, other, value=value, reason=None)
    np.testing.assert_allclose([found.low, found.high], [value - half, value + half], atol=1e-9)
    same = difference_estimate(units, units, value=0.0, reason=None)
    assert (same.low, same.reason) == (None, "no interval: both rank all patients alike")


def test_intercept_and_slope_are_those_of_a_logistic_regression_without_penalty() -> None:
    units = _units(200, stretch=1.7)
    positive, score = units.against_the_rest(1)
    x = logits(score)
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(x[:, None], positive)
    line = calibration_line(positive, score, units.patients, reason=None)
    assert line.slope.value == pytest.approx(float(fitted.coef_[0, 0]), abs=1e-5)
    shift = brentq(lambda a: (1.0 / (1.0 + np.exp(-a - x)) - positive).sum(), -10, 10, xtol=1e-14)
    assert line.intercept.value == pytest.approx(shift, abs=1e-10)
    risk = 1.0 / (1.0 + np.exp(-shift - x))
    error = np.sqrt(np.square(positive - risk).sum() * 200 / 199) / (risk * (1 - risk)).sum()
    assert line.intercept.high == pytest.approx(shift + stats.norm.ppf(0.975) * error, abs=1e-9)


def test_the_slopes_interval_is_that_of_a_jackknife_within_a_tenth() -> None:
    units = _units(200, stretch=1.7)
    positive, score = units.against_the_rest(1)
    x, y = logits(score), positive.astype("float64")
    without = fit_line(x, y, 1.0 - np.eye(200))[:, 1]
    jackknife = np.sqrt(199 / 200 * np.square(without - without.mean()).sum())
    slope = calibration_line(positive, score, units.patients, reason=None).slope
    assert slope.high is not None
    assert slope.value is not None
    error = (slope.high - slope.value) / stats.t.ppf(0.975, 67 - 1)
    assert error == pytest.approx(jackknife, rel=0.1)


def test_the_line_of_images_is_as_unsure_as_that_of_their_patients() -> None:
    units = _units(90)
    positive, score = units.against_the_rest(1)
    once = calibration_line(positive, score, units.patients, reason=None)
    four = calibration_line(np.tile(positive, 4), np.tile(score, 4), units.patients * 4, reason=None)
    for name in ("intercept", "slope"):
        alone, copied = getattr(once, name), getattr(four, name)
        assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high), rel=0.08), name


def test_a_unit_drawn_twice_counts_twice_in_the_calibration_line() -> None:
    units = _units(80)
    positive, score = units.against_the_rest(1)
    times = np.random.default_rng(0).integers(0, 3, size=80)
    x, y = logits(score), positive.astype("float64")
    weighted = fit_line(x, y, times[None].astype("float64"))[0]
    repeated = fit_line(np.repeat(x, times), np.repeat(y, times), np.ones((1, times.sum())))[0]
    np.testing.assert_allclose(weighted, repeated, atol=1e-9)
    shifts = (
        fit_offset(x, y, times[None].astype("float64")),
        fit_offset(np.repeat(x, times), np.repeat(y, times), np.ones((1, times.sum()))),
    )
    np.testing.assert_allclose(shifts[0], shifts[1], atol=1e-9)


def test_probabilities_that_separate_the_classes_have_no_slope() -> None:
    units = _units(40)
    score = np.where(units.truth == 1, 0.8, 0.3) + np.linspace(0, 0.1, 40)
    line = calibration_line(units.truth == 1, score, units.patients, reason=None)
    assert line.slope.value is None
    assert "separate the classes completely" in str(line.slope.reason)


SIX_DIGITS = partial(round, ndigits=6)
"""Between scores that differ in the last bit the witness interpolates to NaN (scikit-learn's IsotonicRegression)."""


@given(some.lists(some.tuples(some.booleans(), some.floats(0, 1).map(SIX_DIGITS)), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_briers_parts_add_up_to_it(pairs: list[tuple[bool, float]]) -> None:
    truth, score = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    parts = brier_parts(truth, score)
    assert parts.score == pytest.approx(
        float(brier_score_loss(truth, score, pos_label=True, labels=[False, True])), abs=1e-12
    )
    assert parts.miscalibration - parts.discrimination + parts.uncertainty == pytest.approx(parts.score, abs=1e-9)
    recalibrated = IsotonicRegression().fit_transform(score, truth.astype(float))
    assert brier_parts(truth, recalibrated).miscalibration == pytest.approx(0.0, abs=1e-9)


def test_the_limit_of_the_smooth_error_and_its_p_value_are_one_test() -> None:
    """Beyond the limit exactly when at most 5 of 100 perfect models reach the error, in cohorts on both sides of it."""
    chance, sides = np.random.default_rng(2), set()
    for seed in range(14):
        score = chance.uniform(0.05, 0.95, size=60)
        truth = chance.random(60) < score - 0.012 * seed * np.sign(score - 0.5)
        found = smooth_error(truth, score, seed=seed, scope="x")
        assert (found.value > found.null_high) == (found.exceeded <= 0.05)
        sides.add(found.exceeded <= 0.05)
    assert sides == {True, False}


def test_the_smooth_error_equals_its_bandwidth_by_plain_numerical_integration() -> None:
    units = _units(90, stretch=2.0)
    positive, score = units.against_the_rest(1)
    width = smooth_error(positive, score, seed=0, scope="x").value
    fine = (np.arange(4000) + 0.5) / 4000
    kernel = sum(
        stats.norm.pdf(fine[:, None], loc=sign * score + 2 * wrap, scale=width)
        for sign in (1, -1)
        for wrap in range(-2, 3)
    )
    error = np.abs(kernel @ (positive - score) / len(score)).mean()
    assert error == pytest.approx(width, abs=1e-3)


def test_a_perfect_model_stays_within_the_null_band_as_often_as_it_should() -> None:
    chance = np.random.default_rng(0)
    seen = []
    for seed in range(40):
        score = chance.random(100)
        seen.append(smooth_error(chance.random(100) < score, score, seed=seed, scope="x").exceeded)
    assert 0.3 < float(np.mean(seen)) < 0.7
    assert np.mean(np.array(seen) < 0.05) < 0.2
    wrong = np.clip(chance.random(100), 0.0, 1.0)
    assert smooth_error(chance.random(100) < 0.5 + 0.2 * (wrong - 0.5), wrong, seed=0, scope="x").exceeded < 0.05


def test_recalibration_is_a_logistic_regression_on_validation_and_never_sees_test_labels(make_table: MakeTable) -> None:
    table = per_patient(make_table(models=("probe",), folds=3, patients=90))
    found = recalibrated(table, method="platt")
    assert isinstance(found, Units)
    fold = units_of(table.of(role="validation", fold=0))
    fitted = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(
        logits(fold.probabilities[:, 1])[:, None], fold.truth
    )
    tested = units_of(table.of(role="test", fold=0))
    expected = dict(
        zip(tested.ids, fitted.predict_proba(logits(tested.probabilities[:, 1])[:, None])[:, 1], strict=True)
    )
    own = dict(zip(found.ids, found.probabilities[:, 1], strict=True))
    assert all(own[name] == pytest.approx(value, abs=1e-5) for name, value in expected.items())

    rows = table.rows.copy()
    of_test = (rows["role"] == "test") & (rows["fold"] == 0)
    first = set(rows.loc[of_test, "case_id"])
    flipped = rows["case_id"].isin(first) & (rows["fold"] == 0)
    rows.loc[flipped, "truth"] = np.where(rows.loc[flipped, "truth"] == "yes", "no", "yes")
    rows = rows[~(rows["case_id"].isin(first) & (rows["fold"] != 0))]
    other = recalibrated(PredictionTable(rows[rows["fold"] == 0]), method="platt")
    assert isinstance(other, Units)
    again = dict(zip(other.ids, other.probabilities[:, 1], strict=True))
    assert all(again[name] == own[name] for name in first)


def test_a_temperature_is_the_best_one_of_a_fine_grid(make_table: MakeTable) -> None:
    table = per_patient(make_table(models=("probe",), folds=3, patients=90, classes=("a", "b", "c")))
    found = recalibrated(table, method="temperature")
    assert isinstance(found, Units)
    fold = units_of(table.of(role="validation", fold=0))

    def loss(temperature: float) -> float:
        said = fold.probabilities ** (1 / temperature)
        said /= said.sum(axis=1, keepdims=True)
        return float(-np.log(said[np.arange(len(fold)), fold.truth]).mean())

    grid = np.exp(np.linspace(-2, 2, 4001))
    best = grid[np.argmin([loss(t) for t in grid])]
    tested = units_of(table.of(role="test", fold=0))
    said = tested.probabilities ** (1 / best)
    said /= said.sum(axis=1, keepdims=True)
    own = dict(zip(found.ids, found.probabilities, strict=True))
    for name, expected in zip(tested.ids, said, strict=True):
        np.testing.assert_allclose(own[name], expected, atol=2e-3)


def test_net_benefit_is_counted_from_the_confusion_matrix_at_each_risk() -> None:
    units = _units(150)
    curve = decision_curve(units, resample_patients(units, resamples=100, seed=0, scope="x"))
    for place, risk in enumerate(curve.risks):
        (_, false), (_, true) = confusion_matrix(units.truth, units.probabilities[:, 1] >= risk, labels=[0, 1])
        assert curve.model[place] == pytest.approx(true / 150 - false / 150 * risk / (1 - risk), abs=1e-12)
        share = float(units.truth.mean())
        assert curve.treat_all[place] == pytest.approx(share - (1 - share) * risk / (1 - risk), abs=1e-12)
        low, high = curve.low[place], curve.high[place]
        if true + false >= 5:
            assert low is not None
            assert high is not None
            assert low < curve.model[place] < high
        else:
            assert (low, high) == (None, None)


def test_the_band_of_net_benefit_at_a_certain_call_is_that_of_the_share() -> None:
    units = _units(150)
    curve = decision_curve(units, resample_patients(units, resamples=1, seed=0, scope="x"))
    assert (
        units.probabilities[:, 1] >= 0.01
    ).all()  # everybody is called: the benefit is the share less 1 % of the rest
    theirs = stats.binomtest(50, 150).proportion_ci(method="wilson")
    low, high = ((end - (1 - end) * 0.01 / 0.99) for end in (theirs.low, theirs.high))
    assert (curve.low[0], curve.high[0]) == pytest.approx((low, high), abs=1e-9)


def test_proportions_have_wilsons_interval_and_predictive_values_agree_at_the_own_prevalence() -> None:
    units = _units(150)
    decisions = decide(units, threshold=choose_threshold(_units(90, seed=9)))
    told = proportions(decisions)
    assert not isinstance(told, Undefined)
    assert not isinstance(decisions, Undefined)
    (_, false), (missed, found) = decisions.confusion
    theirs = stats.binomtest(int(found), int(found + missed)).proportion_ci(method="wilson")
    assert told.sensitivity.low == pytest.approx(theirs.low, abs=1e-12)
    assert told.sensitivity.high == pytest.approx(theirs.high, abs=1e-12)
    assert told.positive_predictive_value.value == pytest.approx(found / (found + false))
    resampling = resample_patients(units, resamples=100, seed=0, scope="x")
    values = predictive_values(told, resampling, prevalence=told.prevalence)
    assert not isinstance(values, Undefined)
    assert values.positive.value == pytest.approx(told.positive_predictive_value.value)
    assert values.negative.value == pytest.approx(told.negative_predictive_value.value)
    rarer = predictive_values(told, resampling, prevalence=0.01)
    assert not isinstance(rarer, Undefined)
    sensitivity, spared = found / (found + missed), told.specificity.value
    assert spared is not None
    assert rarer.positive.value == pytest.approx(sensitivity * 0.01 / (sensitivity * 0.01 + (1 - spared) * 0.99))


def test_sensitivity_at_fixed_specificity_is_read_from_the_roc_curve() -> None:
    units = _units(150)
    false, true, _ = roc_curve(units.truth, units.probabilities[:, 1], drop_intermediate=False)
    found = readings(units, resample_patients(units, resamples=60, seed=0, scope="x"), at_least=(0.9,))
    assert found[0].value.value == pytest.approx(true[1 - false >= 0.9].max())
    assert found[1].value.value == pytest.approx((1 - false)[true >= 0.9].max())


def test_mcnemar_and_the_chance_of_a_false_order() -> None:
    right = np.r_[np.ones(40), np.zeros(20)].astype(bool)
    other = np.r_[np.ones(28), np.zeros(12), np.ones(5), np.zeros(15)].astype(bool)
    found = paired_decisions(right, other)
    assert (found.only_model, found.only_reference, found.both) == (12, 5, 28)
    assert found.p_value == pytest.approx(2 * sum(stats.binom.pmf(k, 17, 0.5) for k in range(6)))
    draws = np.random.default_rng(0).dirichlet([13, 6, 60 - 17 + 2], size=400_000)
    assert found.order_false == pytest.approx(float((draws[:, 0] <= draws[:, 1]).mean()), abs=2e-3)
    same = paired_decisions(right, right)
    assert (same.p_value, same.order_false) == (1.0, None)


def test_conformal_sets_are_mapies_class_by_class() -> None:
    mapie = pytest.importorskip("mapie.classification")
    calibration, test = _units(150), _units(60, seed=8)

    class Said:
        classes_ = np.array([0, 1])

        def fit(self, x: np.ndarray, y: np.ndarray) -> Said:
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            return self.predict_proba(x).argmax(axis=1)

        def predict_proba(self, x: np.ndarray) -> np.ndarray:
            return np.stack([1 - x[:, 0], x[:, 0]], axis=1)

    own = conformal_sets(calibration, test.probabilities, coverage=0.9)
    for index in (0, 1):
        of_class = calibration.truth == index
        theirs = mapie.SplitConformalClassifier(Said(), confidence_level=0.9, conformity_score="lac", prefit=True)
        theirs.conformalize(calibration.probabilities[of_class, 1:], calibration.truth[of_class])
        _, sets = theirs.predict_set(test.probabilities[:, 1:])
        assert np.array_equal(own[:, index], sets[:, index, 0])


def test_conformal_sets_hold_each_class_as_often_as_declared_on_average() -> None:
    held = np.zeros((60, 2))
    for seed in range(60):
        sets = conformal_sets(
            _units(90, seed=seed), (other := _units(300, seed=1000 + seed)).probabilities, coverage=0.9
        )
        held[seed] = [sets[other.truth == index, index].mean() for index in (0, 1)]
    assert np.all(held.mean(axis=0) > 0.9 - 0.015)
    assert np.all(held.mean(axis=0) < 0.96)


def test_a_class_with_too_few_calibration_patients_is_in_every_set(make_table: MakeTable) -> None:
    table = per_patient(make_table(models=("probe",), folds=5, patients=40))
    found = conformal_of(table, coverage=0.95)
    assert not isinstance(found, Undefined)
    assert [one.fewest_calibration < 19 and one.promise_low is None for one in found.classes] == [True, True]
    assert found.several == 1.0


def test_holms_correction_is_by_the_definition() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
    assert holm([]) == []


def test_subgroups_that_differ_are_found_and_equal_ones_are_not() -> None:
    chance = np.random.default_rng(0)
    n = 600
    truth, sex = chance.random(n) < 0.5, np.where(np.arange(n) % 2, "F", "M")
    age = chance.uniform(1, 90, n)
    z = chance.normal(size=n) + truth * np.where(sex == "F", 2.5, 0.3)
    risk = 1 / (1 + np.exp(-z))
    table = PredictionTable(
        pd.DataFrame(
            {
                "case_id": [f"c{i}" for i in range(n)], "patient_id": [f"c{i}" for i in range(n)], "fold": 0,
                "role": "test", "model": "probe", "truth": np.where(truth, "yes", "no"), "p_no": 1 - risk,
                "p_yes": risk, "sex": sex, "age_years": age,
            }
        )
    )  # fmt: skip
    by_sex, by_age = subgroups(table, covariates=None, resamples=200, seed=0)
    assert (by_sex.covariate, by_age.covariate) == ("sex", "age_years")
    assert by_sex.adjusted is not None
    assert by_sex.adjusted == 0.002, "twice the least p value of 999 permutations"
    assert by_age.p_value is not None
    assert by_age.p_value > 0.01
    assert [one.name for one in by_age.groups] == ["below 18", "18 to below 40", "40 to below 65", "65 and above"]
    women = next(one for one in by_sex.groups if one.name == "F")
    assert women.auroc.value == pytest.approx(roc_auc_score(truth[sex == "F"], risk[sex == "F"]))
    assert women.patients == 300
    absent = subgroups(table, covariates=["scanner"], resamples=0, seed=0)
    assert absent[0].reason == "the predictions have no column scanner"


@pytest.mark.parametrize(
    "rule",
    [
        ThresholdRule(),
        ThresholdRule(rule="sensitivity", at_least=0.9),
        ThresholdRule(rule="specificity", at_least=0.85),
        ThresholdRule(rule="cost_ratio", cost_ratio=5.0),
    ],
)
def test_each_rules_threshold_is_the_best_of_all_there_are(rule: ThresholdRule) -> None:
    units = _units(80, seed=4)
    score, ill = units.probabilities[:, 1], units.truth == 1
    chosen = choose_threshold(units, rule=rule).value
    assert chosen is not None

    def worth(cut: float) -> float:
        found, spared = float((score[ill] >= cut).mean()), float((score[~ill] < cut).mean())
        if rule.rule == "sensitivity":
            return spared if found >= 0.9 else -1.0
        if rule.rule == "specificity":
            return found if spared >= 0.85 else -1.0
        if rule.rule == "cost_ratio":
            return -(5.0 * float((score[ill] < cut).sum()) + float((score[~ill] >= cut).sum()))
        return found + spared

    assert worth(chosen) == pytest.approx(max(worth(cut) for cut in [*score, 0.0, 2.0]))


def test_a_rule_needs_its_own_number_and_no_other() -> None:
    with pytest.raises(ValueError, match="the rule sensitivity needs at_least"):
        ThresholdRule(rule="sensitivity")
    with pytest.raises(ValueError, match="the rule youden takes no cost_ratio"):
        ThresholdRule(cost_ratio=2.0)


@pytest.mark.parametrize(
    "shape", [{}, {"classes": ("a", "b", "c")}, {"repeats": 2, "folds": 3}, {"patients": 12, "folds": 3}]
)
def test_every_shape_of_study_is_appraised_and_survives_json(make_table: MakeTable, shape: dict[str, object]) -> None:
    table = make_table(**shape)
    study = evaluate(table, resamples=60, seed=7, settings=EvaluationSettings(prevalence=(0.02,)))
    assert study.appraisal is not None
    assert StudyMetrics.from_json(json.loads(json.dumps(study.to_json(), allow_nan=False))) == study
    plain = evaluate(table, resamples=60, seed=7)
    assert plain.models == study.models
    for one in study.appraisal.models:
        assert one.proportions is not None or "proportions" in one.reasons
        assert one.recalibrated is not None or "mended" in one.reasons


def test_the_same_appraisal_whatever_the_order_of_rows(make_table: MakeTable) -> None:
    table = make_table(patients=40)
    mixed = PredictionTable(table.rows.sample(frac=1.0, random_state=1))
    first = evaluate(table, resamples=50, seed=1, settings=AS_RISKS).appraisal
    second = evaluate(mixed, resamples=50, seed=1, settings=AS_RISKS).appraisal
    assert first is not None
    assert second is not None
    for one in first.models:
        assert second.of(one.model) == one
