"""Curves are scikit-learn's curves; their bands contain them; what is empty says why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics as oracle
from sklearn.calibration import calibration_curve

from medtl.errors import ConfigurationError
from medtl.evaluation.curves import precision_recall_curve, reliability_curve, roc_curve
from medtl.evaluation.units import Units, units_of
from medtl.outcomes.log_loss import log_losses
from medtl.predictions import PredictionTable

MakeTable = Callable[..., PredictionTable]


def one_model(make_table: MakeTable, **changes: object) -> PredictionTable:
    return make_table(patients=100, images=(1, 1), **changes).of(model="lp_ft", role="test")


@pytest.mark.parametrize(("spacing", "strategy"), [("quantile", "quantile"), ("fixed", "uniform")])
def test_the_reliability_curve_is_scikit_learns(make_table: MakeTable, spacing: str, strategy: str) -> None:
    table = one_model(make_table)
    units = units_of(table)
    own = reliability_curve(table, bins=7, spacing=spacing)  # type: ignore[arg-type]
    observed, mean = calibration_curve(units.truth, units.probabilities[:, 1], n_bins=7, strategy=strategy)
    assert own.observed == pytest.approx(observed, abs=1e-10)
    assert own.mean_probability == pytest.approx(mean, abs=1e-10)
    assert own.count.sum() == 100
    assert ((own.low <= own.observed) & (own.observed <= own.high)).all()


def test_tied_probabilities_merge_their_bins(make_table: MakeTable) -> None:
    table = one_model(make_table)
    constant = PredictionTable(table.rows.assign(p_no=0.25, p_yes=0.75))
    curve = reliability_curve(constant)
    assert curve.count.tolist() == [100]
    assert curve.mean_probability.tolist() == [0.75]


def test_the_roc_and_precision_recall_curves_are_scikit_learns(make_table: MakeTable) -> None:
    table = one_model(make_table)
    units = units_of(table)
    score = units.probabilities[:, 1]
    roc = roc_curve(table)
    false_rate, true_rate, _ = oracle.roc_curve(units.truth, score, drop_intermediate=False)
    assert np.array_equal(roc.false_positive_rate, false_rate)
    assert np.array_equal(roc.true_positive_rate, true_rate)
    precision_recall = precision_recall_curve(table)
    precision, recall, _ = oracle.precision_recall_curve(units.truth, score)
    assert np.array_equal(precision_recall.precision, precision[::-1])
    assert np.array_equal(precision_recall.recall, recall[::-1])
    assert len(precision_recall.thresholds) == len(recall)
    assert precision_recall.prevalence == 0.5


def test_the_band_holds_the_curve_and_follows_the_seed(make_table: MakeTable) -> None:
    table = one_model(make_table)
    roc = roc_curve(table, resamples=300, seed=1)
    height = np.interp(roc.band.grid, roc.false_positive_rate, roc.true_positive_rate)
    shown = ~np.isnan(roc.band.low)
    assert ((roc.band.low <= height) & (height <= roc.band.high))[shown].all()
    assert (roc.band.high - roc.band.low)[shown].min() > 0.01
    assert np.array_equal(roc.band.low, roc_curve(table, resamples=300, seed=1).band.low, equal_nan=True)
    assert np.isnan(roc.band.low[roc.band.grid * 50 < 2]).all()
    assert not np.isnan(roc.band.low[roc.band.grid * 50 >= 2]).any()
    assert roc_curve(table).band.reason == "no interval: no resamples were asked for"


def test_a_curve_of_one_class_is_empty_with_its_reason(make_table: MakeTable) -> None:
    table = one_model(make_table)
    sick = PredictionTable(table.rows[table.rows["truth"] == "yes"])
    well = PredictionTable(table.rows[table.rows["truth"] == "no"])
    assert roc_curve(sick).reason == "all 50 judged are yes"
    assert precision_recall_curve(well).reason == "no yes among the 50 judged"
    empty = PredictionTable(table.rows.iloc[:0])
    assert roc_curve(empty).reason == "no predictions"
    assert reliability_curve(empty).reason == "no predictions"


def test_a_curve_is_drawn_for_any_class_and_an_unknown_one_is_refused(make_table: MakeTable) -> None:
    table = one_model(make_table, classes=("a", "b", "c"))
    assert roc_curve(table, of_class="a").of_class == "a"
    assert reliability_curve(table).of_class == "c"
    with pytest.raises(ConfigurationError, match="There is no class 'd'; there is a, b, c"):
        roc_curve(table, of_class="d")
    with pytest.raises(ConfigurationError, match="at least 1 bin for the reliability curve, got 0"):
        reliability_curve(table, bins=0)


def test_a_certain_error_is_finite() -> None:
    units = Units(("a",), ("a",), np.array([0]), np.array([[0.0, 1.0]]), ("no", "yes"))
    assert log_losses(units.probabilities, units.truth)[0] == pytest.approx(
        oracle.log_loss([0], [[0.0, 1.0]], labels=[0, 1]), abs=1e-10
    )
