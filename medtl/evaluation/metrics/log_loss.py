"""Log loss: the mean of minus the natural logarithm of the true class's probability.

In: units with probabilities. Out: the mean loss with its interval by patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from medtl.evaluation.losses import mean_loss_estimate
from medtl.evaluation.metrics.metric import Metric
from medtl.outcomes import Outcome
from medtl.outcomes.log_loss import log_losses


def log_loss_of_shares(_outcome: Outcome, shares: Sequence[float]) -> float:
    """The log loss of always stating the classes' shares: their entropy in nats."""
    return -sum(share * log(share) for share in shares if share > 0.0)


LOG_LOSS = Metric(
    name="log_loss",
    label="Log loss",
    in_words="log loss",
    better="lower",
    needs="probabilities",
    interval="t",
    chance=log_loss_of_shares,
    estimate=lambda tested: mean_loss_estimate(
        log_losses(tested.units.probabilities, tested.units.truth), tested.units, tested.resampling
    ),
    source="Good, J R Stat Soc B 1952;14:107",
)
