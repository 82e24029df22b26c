"""Log loss, written once: minus the natural logarithm of the true class's probability.

In: probabilities or logits, and the index of each row's true class. Out: one loss a row, in nats.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.special import log_softmax

SMALLEST_PROBABILITY = float(np.finfo("float64").eps)
"""Probabilities are clipped here before the logarithm, as scikit-learn does: a certain error costs 36, not infinity."""


def log_losses(
    probabilities: Float[np.ndarray, "row class"], truth: Int[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """The loss of each row's probabilities."""
    stated = probabilities[np.arange(len(truth)), truth]
    return -np.log(np.clip(stated, SMALLEST_PROBABILITY, 1.0))


def log_losses_of_logits(
    logits: Float[np.ndarray, "row class"], truth: Int[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """The loss of the softmax of each row's logits, without clipping."""
    return -log_softmax(logits, axis=1)[np.arange(len(truth)), truth]
