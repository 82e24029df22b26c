"""GBC: how much the classes overlap as Gaussians, by the Bhattacharyya coefficient."""

from __future__ import annotations

import numpy as np

from medtl.evaluation.estimate import Undefined
from medtl.sources.scores.score import TrainingFeatures, TransferScore

DIMENSIONS = 64
"""Principal components, as in the paper."""
LEAST_SHARE = 1e-6
"""Of the mean variance: a component without spread within a class would make every overlap vanish."""
FEWEST_OF_A_CLASS = 2


def gbc(data: TrainingFeatures) -> float | Undefined:
    """Minus the sum over pairs of classes, both ways, of exp(-distance), with diagonal covariances."""
    counts = np.bincount(data.labels, minlength=data.classes)
    if counts.min() < FEWEST_OF_A_CLASS:
        return Undefined(f"a class has {counts.min()} training cases, and a variance needs {FEWEST_OF_A_CLASS}")
    reduced = data.principal(DIMENSIONS)
    means = np.stack([reduced[data.labels == index].mean(axis=0) for index in range(data.classes)])
    variances = np.stack([reduced[data.labels == index].var(axis=0, ddof=1) for index in range(data.classes)])
    variances = np.maximum(variances, LEAST_SHARE * variances.mean())
    both = (variances[:, None] + variances[None]) / 2
    far = ((means[:, None] - means[None]) ** 2 / both).sum(axis=2) / 8
    logs = np.log(variances).sum(axis=1)
    wide = (np.log(both).sum(axis=2) - (logs[:, None] + logs[None]) / 2) / 2
    overlap = np.exp(-(far + wide))
    return float(np.trace(overlap) - overlap.sum())


GBC = TransferScore("gbc", "GBC", gbc, "Pandy et al., CVPR 2022, arXiv 2111.12780")
