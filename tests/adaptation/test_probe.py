"""The probe is a converged convex fit; its head says the same as the probe."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from medtl.adaptation.probe import C_GRID, fit_centroids, fit_probe
from medtl.errors import IntegrityFailure


def table(*, cases: int = 90, features: int = 12, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(cases) % classes
    values = rng.normal(size=(cases, features)) * rng.uniform(0.01, 100, features) + 5
    values[:, 0] += labels * values[:, 0].std()
    return values.astype(np.float32), labels


def groups(cases: int) -> list[str]:
    return [f"p{index // 2}" for index in range(cases)]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_is_scikit_learns_optimum_on_standardised_features(classes: int) -> None:
    features, labels = table(classes=classes)
    probe = fit_probe(features, labels, groups=groups(len(labels)), classes=classes, seed=1)
    standardised = (features - features.mean(0, dtype=float)) / features.std(0, dtype=float)
    oracle = LogisticRegression(C=probe.c, solver="newton-cholesky", tol=1e-10).fit(standardised, labels)
    assert probe.converged
    np.testing.assert_allclose(probe.probabilities(features), oracle.predict_proba(standardised), atol=2e-4)


def test_no_other_weights_give_a_smaller_penalised_loss() -> None:
    features, labels = table(features=4)
    probe = fit_probe(features, labels, groups=groups(len(labels)), classes=2, seed=1)
    standardised = (features - probe.mean) / probe.scale

    def loss(parameters: np.ndarray) -> float:
        half = standardised @ parameters[:-1] / 2 + parameters[-1] / 2
        fit = -log_softmax(np.stack([-half, half], 1), axis=1)[np.arange(len(labels)), labels].sum()
        return probe.c * fit + 0.5 * float(parameters[:-1] @ parameters[:-1])

    ours = np.append(2 * probe.weight[1], 2 * probe.bias[1])
    best = minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9})
    assert loss(ours) == pytest.approx(best.fun, rel=1e-7)


def test_c_is_the_one_with_the_least_inner_log_loss() -> None:
    features, labels = table()
    probe = fit_probe(features, labels, groups=groups(len(labels)), classes=2, seed=1)
    assert probe.c == C_GRID[int(np.argmin(probe.inner_log_loss))]
    assert probe.inner_folds == 5


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([2, 3]))
def test_scaling_and_shifting_a_feature_changes_nothing(seed: int, classes: int) -> None:
    features, labels = table(seed=seed, features=5, classes=classes)
    rng = np.random.default_rng(seed)
    moved = (features * rng.uniform(0.5, 4, 5) + rng.normal(size=5)).astype(np.float64)
    one = fit_probe(features.astype(np.float64), labels, groups=groups(90), classes=classes, seed=2)
    other = fit_probe(moved, labels, groups=groups(90), classes=classes, seed=2)
    np.testing.assert_allclose(one.probabilities(features.astype(np.float64)), other.probabilities(moved), atol=5e-4)


def test_a_feature_that_never_varies_is_harmless() -> None:
    features, labels = table()
    features[:, 3] = 7.0
    probe = fit_probe(features, labels, groups=groups(len(labels)), classes=2, seed=1)
    assert np.isfinite(probe.probabilities(features)).all()


def test_one_linear_layer_on_raw_features_says_the_same() -> None:
    features, labels = table(classes=3)
    probe = fit_probe(features, labels, groups=groups(len(labels)), classes=3, seed=1)
    weight, bias = probe.folded()
    np.testing.assert_allclose(
        features.astype(float) @ weight.T + bias, probe.logits(features.astype(float)), atol=1e-9
    )


def test_a_feature_that_is_no_number_is_refused_by_row() -> None:
    features, labels = table()
    features[17, 2] = np.nan
    with pytest.raises(IntegrityFailure, match="1 of 90 rows are not, first in row 17"):
        fit_probe(features, labels, groups=groups(len(labels)), classes=2, seed=1)
    with pytest.raises(IntegrityFailure, match="first in row 17"):
        fit_centroids(features, labels, classes=2)


def test_the_nearest_centroid_is_scikit_learns_on_centred_normalised_features() -> None:
    features, labels = table(classes=3)
    centroids = fit_centroids(features, labels, classes=3)
    centred = features - features.mean(0, dtype=float)
    sphere = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    oracle = NearestCentroid().fit(sphere, labels)
    np.testing.assert_array_equal(centroids.probabilities(features).argmax(1), oracle.predict(sphere))


def test_without_two_groups_of_a_class_the_middle_of_the_grid_is_taken() -> None:
    features, labels = table(cases=8)
    alone = ["rare" if label else f"p{index}" for index, label in enumerate(labels)]
    probe = fit_probe(features, labels, groups=alone, classes=2, seed=1)
    assert probe.inner_folds == 0
    assert probe.inner_log_loss == ()
    assert probe.c == 1e-2
