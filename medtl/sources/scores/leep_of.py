"""The log expected empirical prediction of a target by classes that are known with probabilities."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

LEAST = 1e-300


def log_expected_prediction(
    source: Float[np.ndarray, "case source_class"], one_hot: Float[np.ndarray, "case class"]
) -> float:
    """The mean log of the sum over source classes z of P(y | z) times the probability of z (arXiv 2002.12462)."""
    joint = one_hot.T @ source
    given = joint / np.maximum(joint.sum(axis=0), LEAST)
    return float(np.log(np.maximum(((source @ given.T) * one_hot).sum(axis=1), LEAST)).mean())
