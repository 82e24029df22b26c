"""Pairs that only their features give away, against a direct computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from medtl.audit.feature_neighbours import SHARE_OF_NEIGHBOUR, neighbour_pairs


def planted(seed: int = 1) -> tuple[np.ndarray, list[str]]:
    """40 cases; the last is nearly the fifth of another patient, and two of one patient are equal."""
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(41, 64)) * chance.uniform(0.1, 10, 64)
    features[40] = features[4] + 0.05 * features.std(axis=0) * chance.normal(size=64)
    features[8] = features[7]
    patients = [f"p{n}" for n in range(41)]
    patients[8] = patients[7]
    return features, patients


def test_the_planted_pair_is_found_and_no_other() -> None:
    features, patients = planted()
    ((one, other, share),) = neighbour_pairs(features, patients)
    assert (one, other) == (4, 40)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    distances = cdist(scaled, scaled, "cosine")
    owner = np.array(patients)
    distances[owner[:, None] == owner[None]] = np.inf
    assert share == pytest.approx(distances[4, 40] / np.median(distances.min(axis=1)), rel=1e-4)
    assert share < SHARE_OF_NEIGHBOUR


@pytest.mark.parametrize("seed", range(5))
def test_unlike_cases_give_no_pair(seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(80, 32))
    assert neighbour_pairs(features, [f"p{n}" for n in range(80)]) == []


def test_few_cases_and_one_patient_tell_nothing() -> None:
    features, patients = planted()
    assert neighbour_pairs(features[:10], patients[:10]) == []
    assert neighbour_pairs(features, ["p"] * 41) == []


def test_scale_and_constant_features_do_not_matter() -> None:
    features, patients = planted()
    wide = np.concatenate([features * 1000, np.full((41, 3), 7.0)], axis=1)
    first, second = neighbour_pairs(features, patients), neighbour_pairs(wide, patients)
    assert [pair[:2] for pair in first] == [pair[:2] for pair in second]
    assert first[0][2] == pytest.approx(second[0][2], rel=1e-4)
