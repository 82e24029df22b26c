"""Weights taken away from the head downward: a map that shows what was learnt has to change (Adebayo et al. 2018).

In: a fitted classifier, scans, a way to make maps, and an untrained encoder of the same kind. Out: the maps after each
step of the cascade. What was randomised stays so in the steps that follow; at the end nothing learnt is left.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from medtl.adaptation import Classifier, classifier_with_new_head
from medtl.encoders import Encoder
from medtl.explanation.saliency import RawSaliency

MapMaker = Callable[[Classifier, Tensor, Sequence[int]], tuple[RawSaliency, ...]]
"""From a classifier, scans (case, channel, …) and the class index of each to a map of each."""

PICTURES = 4
"""Axes of a batch of pictures: (case, channel, height, width)."""

HEAD = "head"
"""The first step: the linear layer, and with it the attention that weighs slices."""


def cascade(
    classifier: Classifier,
    scans: Sequence[Tensor],
    targets: Sequence[int],
    *,
    make: MapMaker,
    untrained: Encoder,
    seed: int,
) -> tuple[tuple[str, tuple[RawSaliency, ...]], ...]:
    """The maps of the scans after each part was randomised, in order: the head, then the stages from the last on.

    The classifier itself is not changed.

    Args:
        classifier: the fitted model.
        scans: batches of one.
        targets: class index of each scan.
        make: makes a map of each scan.
        untrained: the encoder whose weights replace the learnt ones.
        seed: of the new head.
    """
    device = next(classifier.parameters()).device
    head = classifier_with_new_head(
        untrained, classes=classifier.head.out_features, seed=seed, readout=classifier.readout
    ).head
    changed = Classifier(copy.deepcopy(classifier.encoder), head).to(device)
    changed.encoder.attention.load_state_dict(untrained.attention.state_dict())
    found = [(HEAD, each_mapped(changed, scans, targets, make=make))]
    for name in reversed(changed.encoder.stages):
        _take_weights(changed.encoder.stage(name), untrained.stage(name))
        found.append((name, each_mapped(changed, scans, targets, make=make)))
    return tuple(found)


def each_mapped(
    classifier: Classifier, scans: Sequence[Tensor], targets: Sequence[int], *, make: MapMaker
) -> tuple[RawSaliency, ...]:
    """A map of each scan: pictures go through together, volumes one at a time."""
    if scans and scans[0].ndim == PICTURES:
        return make(classifier, torch.cat(list(scans)), targets)
    return tuple(make(classifier, scan, [target])[0] for scan, target in zip(scans, targets, strict=True))


def _take_weights(stage: torch.nn.Module, other: torch.nn.Module) -> None:
    stage.load_state_dict(other.state_dict())
