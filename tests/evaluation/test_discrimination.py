"""Ranking and sorting agree with scikit-learn, and what cannot be known is not a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.evaluation.estimate import Undefined
from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.auroc import auroc
from medtl.evaluation.metrics.average_precision import average_precision
from medtl.evaluation.metrics.mcc import mcc
from medtl.evaluation.metrics.metric import EvaluatedUnits
from medtl.evaluation.resampling import resample_patients
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable

MakeUnits = Callable[..., Units]


def several(n: int, classes: int, seed: int) -> Units:
    chance = np.random.default_rng(seed)
    truth = np.r_[np.arange(classes), chance.integers(classes, size=n - classes)]
    said = chance.dirichlet(np.ones(classes), n)
    ids = tuple(f"u{i}" for i in range(n))
    return Units(ids, ids, truth, said, tuple("abcdefgh"[:classes]))


def values(units: Units, called: np.ndarray) -> dict[str, float | None]:
    """Every metric's value, by name."""
    decisions = Decisions(units.patients, units.truth, called, units.classes)
    tested = EvaluatedUnits(units, decisions, resample_patients(units, resamples=0, seed=0, scope="x"))
    return {metric.name: metric.estimate(tested).value for metric in known.METRICS}


@pytest.mark.parametrize("seed", range(5))
def test_binary_metrics_are_scikit_learns(make_units: MakeUnits, seed: int) -> None:
    chance = np.random.default_rng(seed)
    truth = np.r_[0, 1, chance.integers(2, size=58)]
    score = np.round(chance.random(60), 2)
    units = make_units(truth, score)
    called = (score >= 0.5).astype(int)
    found = values(units, called)
    close = {"abs": 1e-10}
    assert found["auroc"] == pytest.approx(oracle.roc_auc_score(truth, score), **close)
    assert found["average_precision"] == pytest.approx(oracle.average_precision_score(truth, score), **close)
    assert found["brier"] == pytest.approx(oracle.brier_score_loss(truth, score), **close)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(truth, units.probabilities), **close)
    assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(truth, called), **close)
    assert found["mcc"] == pytest.approx(oracle.matthews_corrcoef(truth, called), **close)
    assert found["sensitivity"] == pytest.approx(oracle.recall_score(truth, called), **close)
    assert found["specificity"] == pytest.approx(oracle.recall_score(truth, called, pos_label=0), **close)


@pytest.mark.parametrize("classes", [3, 5])
def test_metrics_of_several_classes_are_scikit_learns(classes: int) -> None:
    units = several(80, classes, seed=classes)
    called = units.probabilities.argmax(axis=1)
    found = values(units, called)
    onehot = np.eye(classes)[units.truth]
    each = oracle.multilabel_confusion_matrix(units.truth, called)
    close = {"abs": 1e-10}
    expected = oracle.roc_auc_score(units.truth, units.probabilities, multi_class="ovr", average="macro")
    assert found["auroc"] == pytest.approx(expected, **close)
    precision = oracle.average_precision_score(onehot, units.probabilities, average="macro")
    assert found["average_precision"] == pytest.approx(precision, **close)
    assert found["mcc"] == pytest.approx(oracle.matthews_corrcoef(units.truth, called), **close)
    assert found["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(units.truth, called), **close)
    assert found["sensitivity"] == pytest.approx(oracle.recall_score(units.truth, called, average="macro"), **close)
    assert found["specificity"] == pytest.approx((each[:, 0, 0] / each[:, 0].sum(axis=1)).mean(), **close)
    assert found["brier"] == pytest.approx(((units.probabilities - onehot) ** 2).sum(1).mean(), **close)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(units.truth, units.probabilities), **close)


scores = st.lists(st.tuples(st.booleans(), st.integers(0, 40)), min_size=2, max_size=40).filter(
    lambda pairs: len({positive for positive, _ in pairs}) == 2
)


@settings(max_examples=80, deadline=None)
@given(pairs=scores)
def test_auroc_does_not_change_under_a_strictly_monotone_map(pairs: list[tuple[bool, int]]) -> None:
    from_conftest = [score / 40.0 for _, score in pairs]
    truth = np.array([positive for positive, _ in pairs], dtype="int64")
    assert auroc(_binary(truth, from_conftest)) == auroc(_binary(truth, [value**3 / 2.0 for value in from_conftest]))


@settings(max_examples=80, deadline=None)
@given(pairs=scores)
def test_swapping_truths_gives_one_minus_the_auroc(pairs: list[tuple[bool, int]]) -> None:
    truth = np.array([positive for positive, _ in pairs], dtype="int64")
    said = [score / 40.0 for _, score in pairs]
    straight, swapped = auroc(_binary(truth, said)), auroc(_binary(1 - truth, said))
    assert isinstance(straight, float)
    assert swapped == pytest.approx(1.0 - straight, abs=1e-12)


def _binary(truth: np.ndarray, said: list[float]) -> Units:
    ids = tuple(f"u{i}" for i in range(len(said)))
    positive = np.asarray(said)
    return Units(ids, ids, truth, np.stack([1.0 - positive, positive], axis=1), ("no", "yes"))


def test_one_class_is_undefined_with_its_reason_and_never_a_number(make_units: MakeUnits) -> None:
    units = make_units([0, 0, 0], [0.1, 0.2, 0.3])
    assert auroc(units) == Undefined("no yes among the 3 judged")
    assert average_precision(make_units([1, 1], [0.1, 0.2])) == Undefined("no no among the 2 judged")
    assert auroc(make_units([], [])) == Undefined("no no and no yes among the 0 judged")


def test_a_class_missing_among_several_is_named() -> None:
    units = several(9, 3, seed=1)
    assert auroc(units.among(units.truth != 1)) == Undefined(f"no b among the {(units.truth != 1).sum()} judged")


def test_undefined_rates_are_nan_inside_and_never_zero() -> None:
    assert np.isnan(mcc(np.array([[3, 0], [4, 0]])))


def test_monai_calls_a_nan_score_perfect_and_we_refuse_it() -> None:
    torch = pytest.importorskip("torch")
    compute_roc_auc = pytest.importorskip("monai.metrics").compute_roc_auc
    said, truth = [0.1, 0.4, 0.35, float("nan")], [0, 1, 0, 1]
    assert compute_roc_auc(torch.tensor(said), torch.tensor(truth)) == 1.0
    with pytest.raises(IntegrityFailure, match="NaN or infinity for case u3"):
        _binary(np.array(truth), said)


def test_many_units_without_a_score_are_counted(make_units: MakeUnits) -> None:
    with pytest.raises(IntegrityFailure, match="u7 and 4 more"):
        make_units([0] * 12, [float("inf")] * 12)


def test_units_of_unequal_parts_or_unknown_class_are_refused() -> None:
    with pytest.raises(IntegrityFailure, match="Expected 2 patients, truths and rows of 2 probabilities, got 2, 1"):
        Units(("a", "b"), ("a", "b"), np.array([1]), np.full((2, 2), 0.5), ("no", "yes"))
    with pytest.raises(IntegrityFailure, match="Expected truths from 0 to 1, got 0 to 2"):
        Units(("a", "b"), ("a", "b"), np.array([0, 2]), np.full((2, 2), 0.5), ("no", "yes"))


def test_units_come_from_one_model_and_role_only(make_table: Callable[..., PredictionTable]) -> None:
    with pytest.raises(ConfigurationError, match="one model in one role, got models probe, lp_ft and roles"):
        units_of(make_table())


def test_repeats_are_averaged_before_anything_is_judged(make_table: Callable[..., PredictionTable]) -> None:
    table = make_table(repeats=3).of(model="probe", role="test")
    units = units_of(table)
    assert len(units) == table.rows["case_id"].nunique()
    mean = table.rows.groupby("case_id")["p_yes"].mean()
    assert units.probabilities[:, 1] == pytest.approx(mean.loc[list(units.ids)].to_numpy(), abs=1e-12)
