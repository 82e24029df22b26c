"""What an outcome's loss and activation are, by the names that the outcome gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from medtl.outcomes import Outcome
from medtl.outcomes.log_loss import log_losses_of_logits
from medtl.outcomes.outcome import Activation, Loss


@dataclass(frozen=True)
class LossOptions:
    """How the training loss differs from the one that is judged: smoothed labels, weights of the classes.

    With `heads`, how many of the classes each of several tasks has, a case competes among those of its own task alone:
    one head a task on a shared encoder.
    """

    smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    heads: tuple[int, ...] = ()


PLAIN = LossOptions()


def summed_loss(
    logits: Float[Tensor, "case class"],
    targets: Int[Tensor, " case"] | Float[Tensor, "case class"],
    *,
    outcome: Outcome,
    options: LossOptions = PLAIN,
) -> Float[Tensor, ""]:
    """The training loss, summed over cases; targets are classes, or of mixed cases a probability per class."""
    return _SUMMED[outcome.loss](logits, targets, options)


def mean_loss(logits: Float[np.ndarray, "case class"], targets: Sequence[int], *, outcome: Outcome) -> float:
    """The mean loss of logits in float64: for classes the cross-entropy in nats."""
    return _MEAN[outcome.loss](logits, targets)


def within_own_head(
    logits: Float[Tensor, "case class"], targets: Int[Tensor, " case"], heads: Sequence[int]
) -> Float[Tensor, "case class"]:
    """The logits with those of other tasks than the target's at minus infinity, so that they have no part in a loss."""
    head_of = torch.repeat_interleave(torch.arange(len(heads)), torch.tensor(heads)).to(targets.device)
    return logits.masked_fill(head_of[None, :] != head_of[targets][:, None], -torch.inf)


def activated(logits: Float[np.ndarray, "case class"], *, outcome: Outcome) -> Float[np.ndarray, "case class"]:
    """What predictions.csv holds of logits: for classes their probabilities."""
    return _ACTIVATED[outcome.activation](logits)


def _mean_cross_entropy(logits: Float[np.ndarray, "case class"], targets: Sequence[int]) -> float:
    return float(log_losses_of_logits(logits, np.array(targets, dtype=np.int64)).mean())


def _summed_cross_entropy(logits: Tensor, targets: Tensor, options: LossOptions) -> Tensor:
    logits = within_own_head(logits, targets, options.heads) if options.heads else logits
    weights = None if options.class_weights is None else torch.tensor(options.class_weights).to(logits)
    summed: Tensor = cross_entropy(logits, targets, weight=weights, reduction="sum", label_smoothing=options.smoothing)
    return summed


def _softmax(logits: Float[np.ndarray, "case class"]) -> Float[np.ndarray, "case class"]:
    return softmax(logits, axis=1)


_SUMMED: Mapping[Loss, Callable[[Tensor, Tensor, LossOptions], Tensor]] = {"cross_entropy": _summed_cross_entropy}
_MEAN: Mapping[Loss, Callable[[np.ndarray, Sequence[int]], float]] = {"cross_entropy": _mean_cross_entropy}
_ACTIVATED: Mapping[Activation, Callable[[np.ndarray], np.ndarray]] = {"softmax": _softmax}
