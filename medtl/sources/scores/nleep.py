"""NLEEP: LEEP with the components of a Gaussian mixture of the features in the place of the source's classes."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from medtl.evaluation.estimate import Undefined
from medtl.sources.scores.leep_of import log_expected_prediction
from medtl.sources.scores.score import TrainingFeatures, TransferScore

KEPT_ENERGY = 0.8
COMPONENTS_A_CLASS = 5
"""Both as in the paper; the mixture has diagonal covariances, since a training part has few cases a component."""


def nleep(data: TrainingFeatures) -> float | Undefined:
    """NLEEP on the principal components that hold 80 % of the variance, with five mixture components a class."""
    components = COMPONENTS_A_CLASS * data.classes
    if len(data.labels) < 2 * components:
        return Undefined(f"{len(data.labels)} cases, and a mixture of {components} components needs twice as many")
    reduced = data.principal(len(data.labels))
    share = np.cumsum((reduced**2).sum(axis=0)) / (reduced**2).sum()
    reduced = reduced[:, : int(np.searchsorted(share, KEPT_ENERGY)) + 1]
    mixture = GaussianMixture(components, covariance_type="diag", random_state=data.seed % 2**32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        posteriors = mixture.fit(reduced / reduced.std()).predict_proba(reduced / reduced.std())
    return log_expected_prediction(posteriors, data.one_hot)


NLEEP = TransferScore("nleep", "NLEEP", nleep, "Li et al., CVPR 2021, arXiv 2011.11200")
