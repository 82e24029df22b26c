"""Folds are described by their spread and compared with the correction they need."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from medtl.evaluation.across_folds import compare_over_folds, spread_of


def test_the_spread_leaves_undefined_folds_out_and_counts_them() -> None:
    spread = spread_of([0.5, None, 0.75, 1.0])
    assert (spread.mean, spread.sd, spread.minimum, spread.maximum) == (0.75, 0.25, 0.5, 1.0)
    assert (spread.folds, spread.undefined, spread.reason) == (3, 1, None)
    assert spread_of([0.5]).sd is None
    assert spread_of([None, None]).reason == "undefined in all 2 folds"
    assert spread_of([]).reason == "no folds"


def test_without_shared_training_patients_the_correction_is_the_paired_t_test() -> None:
    differences = [0.02, 0.05, -0.01, 0.03, 0.04]
    theirs = scipy.stats.ttest_1samp(differences, 0.0)
    own = compare_over_folds(differences, test_to_training=0.0)
    interval = theirs.confidence_interval(0.95)
    assert own.p_value == pytest.approx(theirs.pvalue, abs=1e-10)
    assert (own.low, own.high) == pytest.approx((interval.low, interval.high), abs=1e-10)
    assert own.wins == 4


def test_five_folds_widen_the_naive_error_by_one_and_a_half() -> None:
    differences = np.random.default_rng(1).normal(0.02, 0.01, 5).tolist()
    naive = compare_over_folds(differences, test_to_training=0.0)
    corrected = compare_over_folds(differences, test_to_training=0.25)
    assert naive.high is not None
    assert naive.low is not None
    assert corrected.high is not None
    assert corrected.low is not None
    assert corrected.high - corrected.low == pytest.approx(1.5 * (naive.high - naive.low), abs=1e-12)


@pytest.mark.parametrize(
    ("differences", "ratio", "reason"),
    [
        ([0.1], 0.25, "1 fold with both models defined, at least 2 needed"),
        ([None, None], 0.25, "0 folds with both models defined, at least 2 needed"),
        ([0.1, 0.2], None, "the number of training patients cannot be read from the predictions"),
        ([0.1, 0.1], 0.25, "the difference is the same in every fold"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(
    differences: list[float | None], ratio: float | None, reason: str
) -> None:
    assert compare_over_folds(differences, test_to_training=ratio).reason == reason


def test_a_tie_is_no_win() -> None:
    comparison = compare_over_folds([0.0, 0.1, None, -0.1], test_to_training=0.25)
    assert (comparison.wins, comparison.folds) == (1, 3)
