"""What can be fitted to a few cases: the probe, the nearest centroid and the nearest neighbours, on frozen features.

In: training features with their class indices, test features. Out: probabilities of the test cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from medtl.adaptation import probe
from medtl.policies.centroid import CENTROID
from medtl.policies.probe import PROBE

Features = Float[np.ndarray, "case feature"]
Labels = Int[np.ndarray, "case"]
Probabilities = Float[np.ndarray, "test class"]

NEIGHBOURS = 5


@dataclass(frozen=True)
class FewCaseModel:
    """A model of the curve: `label` names it in tables, `phrase` within a sentence."""

    name: str
    label: str
    phrase: str


MODELS: tuple[FewCaseModel, ...] = (
    FewCaseModel(PROBE.name, PROBE.label, PROBE.phrase),
    FewCaseModel(CENTROID.name, CENTROID.label, CENTROID.phrase),
    FewCaseModel("knn", "Nearest neighbours", "the vote of the nearest neighbours"),
)
"""In the order of the page; the first is the one that its headline speaks of, whatever the others reach."""


def centroid_probabilities(training: Features, labels: Labels, test: Features, *, classes: int) -> Probabilities:
    """The nearest centroid of centred, L2-normalised features (SimpleShot; Wang 2019, arXiv 1911.04623)."""
    return probe.fit_centroids(training, labels, classes=classes).probabilities(test)


def neighbour_probabilities(
    training: Features, labels: Labels, test: Features, *, classes: int, neighbours: int
) -> Probabilities:
    """The share of each class among the nearest training cases by cosine, features centred by the training mean."""
    mean = training.mean(axis=0, dtype=np.float64)
    alike = _unit(test - mean) @ _unit(training - mean).T
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, : min(neighbours, len(training))]
    return np.stack([(labels[nearest] == index).mean(axis=1) for index in range(classes)], axis=1)


def _unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1.0)
