"""Is each transferability score what its definition says, worked out the slow way?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import multivariate_normal, rankdata
from sklearn.metrics import roc_auc_score

from medtl.evaluation.estimate import Undefined
from medtl.sources.scores.known import SCORES
from medtl.sources.scores.score import TrainingFeatures

BY_NAME = {score.name: score.value for score in SCORES}


def drawn(*, cases: int = 60, width: int = 6, classes: int = 3, signal: float = 1.0, seed: int = 4) -> TrainingFeatures:
    rng = np.random.default_rng(seed)
    labels = np.arange(cases) % classes
    features = rng.normal(size=(cases, width)) * rng.uniform(0.5, 2.0, width) + 0.7
    features[:, 0] += signal * labels
    groups = tuple(f"p{number // 2}" for number in range(cases))
    source = softmax(rng.normal(size=(cases, 5)) + signal * np.eye(5)[labels], axis=1)
    return TrainingFeatures(features, labels, groups, classes, 7, source)


@pytest.mark.parametrize(("cases", "width"), [(60, 6), (12, 20)])
def test_logme_is_the_largest_marginal_likelihood_of_a_gaussian(cases: int, width: int) -> None:
    data = drawn(cases=cases, width=width)
    outer, largest = data.features @ data.features.T, []
    for target in data.one_hot.T:

        def minus_log(logs: np.ndarray, target: np.ndarray = target) -> float:
            covariance = np.exp(-logs[0]) * outer + np.exp(-logs[1]) * np.eye(cases)
            return -float(multivariate_normal(np.zeros(cases), covariance).logpdf(target))

        starts = [np.array([a, b]) for a in (-1.0, 2.0) for b in (0.0, 2.0)]
        options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000}
        found = [minimize(minus_log, start, method="Nelder-Mead", options=options).fun for start in starts]
        largest.append(-min(found) / cases)
    assert BY_NAME["logme"](data) == pytest.approx(np.mean(largest), abs=1e-5)


def slow_leep(source: np.ndarray, labels: np.ndarray, classes: int) -> float:
    total = 0.0
    joint = [[source[labels == y, z].sum() / len(labels) for z in range(source.shape[1])] for y in range(classes)]
    for row, label in zip(source, labels, strict=True):
        total += np.log(
            sum(row[z] * joint[label][z] / sum(joint[y][z] for y in range(classes)) for z in range(source.shape[1]))
        )
    return total / len(labels)


def test_leep_is_the_sum_over_source_classes_and_is_not_there_without_them() -> None:
    data = drawn()
    assert data.source_probabilities is not None
    expected = slow_leep(data.source_probabilities, data.labels, 3)
    assert BY_NAME["leep"](data) == pytest.approx(expected, abs=1e-12)
    without = TrainingFeatures(data.features, data.labels, data.groups, 3, 7)
    found = BY_NAME["leep"](without)
    assert isinstance(found, Undefined)
    assert "without a classifier of their source task" in found.reason


def test_leep_of_source_classes_that_are_the_targets_is_zero_and_of_none_the_entropy() -> None:
    data = drawn()
    sure = TrainingFeatures(data.features, data.labels, data.groups, 3, 7, data.one_hot)
    assert BY_NAME["leep"](sure) == pytest.approx(0.0, abs=1e-12)
    blind = TrainingFeatures(data.features, data.labels, data.groups, 3, 7, np.full((60, 4), 0.25))
    assert BY_NAME["leep"](blind) == pytest.approx(np.log(1 / 3), abs=1e-12)


def test_nleep_of_clusters_that_are_the_classes_is_zero_and_few_cases_have_none() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(120) % 2
    apart = rng.normal(size=(120, 3)) * 0.1 + 50.0 * labels[:, None]
    names = tuple(map(str, range(120)))
    assert BY_NAME["nleep"](TrainingFeatures(apart, labels, names, 2, 1)) == pytest.approx(0.0, abs=1e-6)
    noise = BY_NAME["nleep"](TrainingFeatures(rng.normal(size=(120, 3)), labels, names, 2, 1))
    assert isinstance(noise, float)
    assert np.log(0.5) <= noise < -0.3
    few = BY_NAME["nleep"](TrainingFeatures(apart[:19], labels[:19], names[:19], 2, 1))
    assert isinstance(few, Undefined)
    assert "19 cases, and a mixture of 10 components" in few.reason


def test_the_h_score_is_the_trace_of_two_covariances() -> None:
    from sklearn.covariance import LedoitWolf

    data = drawn()
    fitted = LedoitWolf().fit(data.features)
    of_means = np.stack([data.features[data.labels == label].mean(axis=0) for label in data.labels])
    between = np.cov(of_means.T, bias=True)
    expected = np.trace(np.linalg.inv(fitted.covariance_) @ ((1 - fitted.shrinkage_) * between))
    assert BY_NAME["h_score"](data) == pytest.approx(expected, rel=1e-9)


def test_gbc_is_minus_the_bhattacharyya_coefficients_in_closed_form() -> None:
    data = drawn()
    centred = data.features - data.features.mean(axis=0)
    rotated = centred @ np.linalg.eigh(np.cov(centred.T))[1]
    total = 0.0
    for one in range(3):
        for other in range(3):
            if one == other:
                continue
            first, second = (rotated[data.labels == label] for label in (one, other))
            a, b = np.diag(first.var(axis=0, ddof=1)), np.diag(second.var(axis=0, ddof=1))
            mean, apart = (a + b) / 2, first.mean(axis=0) - second.mean(axis=0)
            distance = apart @ np.linalg.inv(mean) @ apart / 8
            distance += np.log(np.linalg.det(mean) / np.sqrt(np.linalg.det(a) * np.linalg.det(b))) / 2
            total -= np.exp(-distance)
    assert BY_NAME["gbc"](data) == pytest.approx(total, rel=1e-9)


def test_parc_is_the_rank_correlation_of_pairwise_distances() -> None:
    data, far, unlike = drawn(cases=24), [], []
    for one in range(24):
        for other in range(one):
            far.append(1 - np.corrcoef(data.features[one], data.features[other])[0, 1])
            unlike.append(float(data.labels[one] != data.labels[other]))
    expected = np.corrcoef(rankdata(np.round(far, 12)), rankdata(unlike))[0, 1]
    assert BY_NAME["parc"](data) == pytest.approx(expected, abs=1e-9)


def test_knn_votes_among_other_patients_alone() -> None:
    data = drawn(classes=2, signal=2.0)
    middle, votes = data.features.mean(axis=0), []
    for one in range(60):
        others = [other for other in range(60) if data.groups[other] != data.groups[one]]
        own = data.features[one] - middle
        cosines = [
            own @ (data.features[o] - middle) / np.linalg.norm(own) / np.linalg.norm(data.features[o] - middle)
            for o in others
        ]
        best = np.argsort(-np.array(cosines))[:5]
        votes.append(np.mean([data.labels[others[at]] for at in best]))
    assert BY_NAME["knn"](data) == pytest.approx(roc_auc_score(data.labels, votes), abs=1e-12)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_score_is_higher_with_a_signal_than_without(name: str) -> None:
    strong, weak = (BY_NAME[name](drawn(cases=120, classes=2, signal=signal)) for signal in (3.0, 0.0))
    assert isinstance(strong, float)
    assert isinstance(weak, float)
    assert strong > weak


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "leep"])
@pytest.mark.parametrize(
    "kind", ["half dead", "one direction", "one odd case", "copies", "one of a class", "tiny", "large"]
)
def test_no_score_stops_on_features_of_a_poor_encoder(name: str, kind: str) -> None:
    plain = drawn(cases=30, width=20)
    kept = np.arange(20) < 10
    features = {
        "half dead": np.where(kept, plain.features, 0.0),
        "one direction": plain.features[:, :1] @ np.ones((1, 20)),
        "one odd case": np.eye(30)[:, :1] @ np.ones((1, 20)),
        "copies": plain.features[np.arange(30) // 3],
        "tiny": plain.features * 1e-8,
        "large": plain.features * 1e8,
    }.get(kind, plain.features)
    if kind == "one of a class":
        plain = replace(plain, labels=(np.arange(30) == 29).astype(int), classes=2)
    with np.errstate(all="raise", under="ignore"):
        found = BY_NAME[name](replace(plain, features=features))
    assert isinstance(found, Undefined) or np.isfinite(found)
