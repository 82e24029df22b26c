"""H-score: how much of the features' variance lies between the classes, with a shrunk covariance."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import ledoit_wolf

from medtl.sources.scores.score import TrainingFeatures, TransferScore


def h_score(data: TrainingFeatures) -> float:
    """The trace of the inverse covariance times the covariance of the class means.

    With more features than cases the sample covariance has no inverse; Ledoit and Wolf's takes its place, and the
    covariance of the class means is shrunk alike (Ibrahim et al., arXiv 2110.06893).
    """
    centred = data.features - data.features.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(centred, assume_centered=True)
    means = np.stack([centred[data.labels == index].mean(axis=0) for index in range(data.classes)])
    shares = np.bincount(data.labels, minlength=data.classes) / len(data.labels)
    solved = np.linalg.solve(covariance, means.T)
    return float((1.0 - shrinkage) * (shares * (means * solved.T).sum(axis=1)).sum())


H_SCORE = TransferScore("h_score", "H-score", h_score, "Bao et al., ICIP 2019; Ibrahim et al., arXiv 2110.06893")
