"""LEEP: how well the source's own classes foretell the target's, as a mean log likelihood."""

from __future__ import annotations

from medtl.evaluation.estimate import Undefined
from medtl.sources.scores.leep_of import log_expected_prediction
from medtl.sources.scores.score import TrainingFeatures, TransferScore


def leep(data: TrainingFeatures) -> float | Undefined:
    """LEEP, or why there is none: the source's classifier is needed."""
    if data.source_probabilities is None:
        return Undefined("the weights come without a classifier of their source task that reads these features")
    return log_expected_prediction(data.source_probabilities, data.one_hot)


LEEP = TransferScore("leep", "LEEP", leep, "Nguyen et al., ICML 2020, arXiv 2002.12462")
