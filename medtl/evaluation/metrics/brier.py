"""Brier score: the mean squared error of the probabilities.

In: units with probabilities. Out: the mean loss with its interval by patient. With more than two classes the squared
errors are summed over the classes.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from medtl.evaluation.losses import mean_loss_estimate
from medtl.evaluation.metrics.metric import Metric
from medtl.evaluation.units import Units


def brier_losses(units: Units) -> Float[np.ndarray, " unit"]:
    """Per unit, the squared error of the positive class's probability; with more than two classes summed over classes.

    So the binary score lies in [0, 1] (Brier's own, in [0, 2], is twice that) and the multi-class one in [0, 2].
    """
    return units.outcome.brier_losses(units.probabilities, units.truth)


BRIER = Metric(
    name="brier",
    label="Brier score",
    in_words="Brier score",
    better="lower",
    needs="probabilities",
    interval="t",
    chance=lambda outcome, shares: outcome.brier_of_shares(shares),
    estimate=lambda tested: mean_loss_estimate(brier_losses(tested.units), tested.units, tested.resampling),
    source="Brier, Monthly Weather Review 1950;78:1",
    several_classes="Brier sums over classes",
    is_headline=True,
)
