"""Nearest neighbours within the training part, each case judged by those of other patients."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from medtl.sources.scores.score import TrainingFeatures, TransferScore

NEIGHBOURS = 5


def knn(data: TrainingFeatures) -> float:
    """The AUROC of the share of each class among the nearest cases by cosine, the mean over classes, ties half."""
    centred = data.features - data.features.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.where(norms > 0, norms, 1.0)
    alike = unit @ unit.T
    groups = np.array(data.groups, dtype=str)
    alike[groups[:, None] == groups[None]] = -np.inf
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, :NEIGHBOURS]
    areas = []
    for index in range(data.classes):
        share, positive = (data.labels[nearest] == index).mean(axis=1), data.labels == index
        m, n = int(positive.sum()), int((~positive).sum())
        areas.append((rankdata(share)[positive].sum() - m * (m + 1) / 2) / (m * n))
    return float(np.mean(areas))


KNN = TransferScore("knn", "k-NN", knn, "AUROC of the vote of 5 neighbours, leaving out the patient")
