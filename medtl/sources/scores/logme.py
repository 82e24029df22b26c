"""LogME: the log evidence of a Bayesian linear regression on the features, a case each, the mean over classes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from medtl.sources.scores.score import TrainingFeatures, TransferScore

STEPS = 200
ENOUGH = 1e-8
LEAST = 1e-12


def logme(data: TrainingFeatures) -> float:
    """The mean over classes of the largest log evidence of class against rest, divided by the cases."""
    left, singular, _ = np.linalg.svd(data.features, full_matrices=False)
    return float(np.mean([_evidence(left, singular**2, target, data.features.shape[1]) for target in data.one_hot.T]))


def _evidence(
    left: Float[np.ndarray, "case component"],
    squared: Float[np.ndarray, " component"],
    target: Float[np.ndarray, " case"],
    width: int,
) -> float:
    """MacKay's fixed point for the precisions of weights (alpha) and noise (beta), in the basis of the features."""
    cases, projected = len(target), left.T @ target
    outside = float(target @ target - projected @ projected)
    alpha = beta = 1.0
    for _ in range(STEPS):
        before = alpha, beta
        precision = alpha + beta * squared
        known = float((beta * squared / precision).sum())
        length = float((beta**2 * squared * projected**2 / precision**2).sum())
        error = float((alpha**2 * projected**2 / precision**2).sum()) + outside
        alpha, beta = known / max(length, LEAST), max(cases - known, LEAST) / max(error, LEAST)
        if abs(np.log(alpha / before[0])) + abs(np.log(beta / before[1])) < ENOUGH:
            break
    precision = alpha + beta * squared
    length = float((beta**2 * squared * projected**2 / precision**2).sum())
    error = float((alpha**2 * projected**2 / precision**2).sum()) + outside
    logs = float(np.log(precision).sum()) + (width - len(squared)) * np.log(alpha)
    total = width * np.log(alpha) + cases * np.log(beta / (2 * np.pi)) - beta * error - alpha * length - logs
    return float(total / 2 / cases)


LOGME = TransferScore("logme", "LogME", logme, "You et al., ICML 2021, arXiv 2102.11005")
