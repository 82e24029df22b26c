"""Does the curve rise with a signal, stay at chance without one, and does its band hold what fresh draws give?"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler

from medtl.adaptation.probe import fit_probe_at
from medtl.evaluation import evaluate
from medtl.predictions import concatenate
from medtl.sources.curve_data import CurveData, PooledPatients
from medtl.sources.curve_settings import CurveSettings
from medtl.sources.few_case_models import MODELS, centroid_probabilities, neighbour_probabilities
from medtl.sources.learning_curve import curve_point, draw_curve

Make = Callable[..., CurveData]
NAMES = [model.name for model in MODELS]


def test_with_a_planted_signal_every_curve_rises(make_data: Make) -> None:
    curve = draw_curve(make_data(patients=160, signal=1.2), CurveSettings((2, 8, 32), repeats=20))
    for name in NAMES:
        medians = [float(np.median(curve.drawn[name][size])) for size in (2, 8, 32)]
        assert medians == sorted(medians), (name, medians)
        assert medians[-1] > medians[0] + 0.1, (name, medians)
        assert curve.whole[name].value is not None
        assert curve.whole[name].low is not None
    assert curve.whole["probe"].value > 0.8  # type: ignore[operator]
    assert curve.whole_size == 53


def test_without_a_signal_chance_lies_in_every_band(make_data: Make) -> None:
    curve = draw_curve(make_data(patients=240, signal=0.0, seed=5), CurveSettings((4, 8), has_whole=False, repeats=50))
    for name in NAMES:
        for size, values in curve.drawn[name].items():
            point = curve_point(size, values)
            assert point.low < 0.5 < point.high, (name, point)
    assert not curve.whole


def test_the_band_holds_at_least_90_of_100_fresh_draws(make_data: Make) -> None:
    inside = []
    for seed in (1, 2, 3):
        data = make_data(patients=80, features=8, folds=2, seed=seed)
        known = draw_curve(data, CurveSettings((6,), has_whole=False, repeats=50))
        fresh = draw_curve(replace(data, seed=seed + 1000), CurveSettings((6,), has_whole=False, repeats=100))
        for name in NAMES:
            point = curve_point(6, known.drawn[name][6])
            inside.append(np.mean((fresh.drawn[name][6] >= point.low) & (fresh.drawn[name][6] <= point.high)))
    assert np.mean(inside) >= 0.9, inside


def test_the_same_seed_gives_the_same_curve_and_another_another(make_data: Make) -> None:
    data, settings = make_data(patients=40, features=8, folds=2), CurveSettings((4,), repeats=10)
    first, second = draw_curve(data, settings), draw_curve(data, settings)
    other = draw_curve(replace(data, seed=9), settings)
    assert first.as_table().equals(second.as_table())
    assert not first.as_table().equals(other.as_table())
    assert list(first.as_table().columns) == ["n", "model", "repeat", "auroc"]
    assert len(first.as_table()) == 3 * 11


def test_the_area_by_patient_is_that_of_the_evaluation(make_data: Make) -> None:
    data = make_data(patients=40, images=3, folds=2)
    chance = np.random.default_rng(4)
    parts = [chance.uniform(size=(len(fold.test), 1)).round(1) for fold in data.folds]  # rounded, so that some are tied
    parts = [np.hstack([1 - part, part]) for part in parts]
    table = concatenate([data.test_table(fold, part) for fold, part in zip(data.folds, parts, strict=True)])
    (judged,) = evaluate(table, resamples=100, seed=1).models
    expected = judged.patient.pooled.metrics.primary.value
    assert PooledPatients.of(data).auroc(np.concatenate(parts)) == pytest.approx(expected, abs=1e-12)
    assert judged.patient.pooled.metrics.primary.n == 40


def features() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    labels = np.arange(24) % 3
    return rng.normal(size=(24, 60)) + labels[:, None] / 3, labels, rng.normal(size=(50, 60)) + 0.3


@pytest.mark.parametrize("neighbours", [1, 4, 5])
def test_the_neighbours_are_those_of_scikit_learn(neighbours: int) -> None:
    training, labels, test = features()
    middle = training.mean(axis=0)
    witness = KNeighborsClassifier(neighbours, metric="cosine", algorithm="brute").fit(training - middle, labels)
    found = neighbour_probabilities(training, labels, test, classes=3, neighbours=neighbours)
    assert np.allclose(found, witness.predict_proba(test - middle))


def test_the_centroid_is_that_of_scikit_learn() -> None:
    training, labels, test = features()
    middle = training.mean(axis=0)

    def unit(rows: np.ndarray) -> np.ndarray:
        return (rows - middle) / np.linalg.norm(rows - middle, axis=1, keepdims=True)

    witness = NearestCentroid().fit(unit(training), labels)
    found = centroid_probabilities(training, labels, test, classes=3)
    assert np.array_equal(found.argmax(axis=1), witness.predict(unit(test)))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("width", [10, 60])
def test_the_probe_at_a_given_strength_is_the_logistic_regression_of_scikit_learn(classes: int, width: int) -> None:
    training, labels, test = features()
    training, test, labels = training[:, :width], test[:, :width], labels % classes
    scaler = StandardScaler().fit(training)
    witness = LogisticRegression(C=0.01, tol=1e-8, max_iter=5000).fit(scaler.transform(training), labels)
    found = fit_probe_at(training, labels, c=0.01, classes=classes)
    assert np.allclose(found.probabilities(test), witness.predict_proba(scaler.transform(test)), atol=2e-4)
    score = roc_auc_score(labels == 0, found.probabilities(training)[:, 0])
    assert score > 0.8
