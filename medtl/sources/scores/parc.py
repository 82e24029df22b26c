"""PARC: whether cases that are alike in features are alike in class, as a rank correlation of distances."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from medtl.evaluation.estimate import Undefined
from medtl.sources.scores.score import TrainingFeatures, TransferScore


def parc(data: TrainingFeatures) -> float | Undefined:
    """Spearman's correlation of the pairwise distances 1 - Pearson of features with those of one-hot labels."""
    if (np.ptp(data.features, axis=1) == 0).any():
        return Undefined("the features of a case are all the same, so that it has no correlation with another")
    above = np.triu_indices(len(data.labels), k=1)
    of_features = 1.0 - np.corrcoef(data.features)[above]
    of_labels = (data.labels[:, None] != data.labels[None])[above]  # two values, and only their order counts
    return float(spearmanr(of_features, of_labels).statistic)


PARC = TransferScore("parc", "PARC", parc, "Bolya et al., NeurIPS 2021, arXiv 2111.06977")
