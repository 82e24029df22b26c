"""What an outcome's loss and activation are, by the names that the outcome gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from medtl.outcomes import Outcome
from medtl.outcomes.log_loss import log_losses_of_logits
from medtl.outcomes.outcome import Activation, Loss


def summed_loss(
    logits: Float[Tensor, "case class"], targets: Int[Tensor, " case"], *, outcome: Outcome
) -> Float[Tensor, ""]:
    """The training loss, summed over cases."""
    return _SUMMED[outcome.loss](logits, targets)


def mean_loss(logits: Float[np.ndarray, "case class"], targets: Sequence[int], *, outcome: Outcome) -> float:
    """The mean loss of logits in float64: for classes the cross-entropy in nats."""
    return _MEAN[outcome.loss](logits, targets)


def activated(logits: Float[np.ndarray, "case class"], *, outcome: Outcome) -> Float[np.ndarray, "case class"]:
    """What predictions.csv holds of logits: for classes their probabilities."""
    return _ACTIVATED[outcome.activation](logits)


def _mean_cross_entropy(logits: Float[np.ndarray, "case class"], targets: Sequence[int]) -> float:
    return float(log_losses_of_logits(logits, np.array(targets, dtype=np.int64)).mean())


def _summed_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    summed: Tensor = cross_entropy(logits, targets, reduction="sum")
    return summed


def _softmax(logits: Float[np.ndarray, "case class"]) -> Float[np.ndarray, "case class"]:
    return softmax(logits, axis=1)


_SUMMED: Mapping[Loss, Callable[[Tensor, Tensor], Tensor]] = {"cross_entropy": _summed_cross_entropy}
_MEAN: Mapping[Loss, Callable[[np.ndarray, Sequence[int]], float]] = {"cross_entropy": _mean_cross_entropy}
_ACTIVATED: Mapping[Activation, Callable[[np.ndarray], np.ndarray]] = {"softmax": _softmax}
