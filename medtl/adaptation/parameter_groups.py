"""How fast each part of a classifier may move."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from medtl.adaptation.classifier import Classifier

ATTENTION = "encoder.attention."
"""Beginning of the names of the parameters that weigh slices against each other."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a rate and a decay, named in a fixed order so that an optimiser's state can be stored."""

    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    rate: float
    decays: bool


def parameter_groups(classifier: Classifier, *, encoder_rate: float, head_rate: float) -> tuple[ParameterGroup, ...]:
    """The learnable parameters by rate (share of the recipe's) and by decay: biases and norm scales do not decay.

    Attention over slices is new whatever the policy and learns at the recipe's own rate.
    Decay on one-dimensional parameters only shrinks what normalisation needs (He 2019, arXiv 1812.01187, section 3.1).
    """
    kinds: dict[tuple[float, bool], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in classifier.named_parameters():
        if parameter.requires_grad:
            rate = _rate(name, encoder_rate=encoder_rate, head_rate=head_rate)
            kinds.setdefault((rate, parameter.ndim > 1), []).append((name, parameter))
    return tuple(
        ParameterGroup(
            names=tuple(name for name, _ in members),
            parameters=tuple(parameter for _, parameter in members),
            rate=rate,
            decays=decays,
        )
        for (rate, decays), members in sorted(kinds.items(), key=lambda item: item[0], reverse=True)
    )


def _rate(name: str, *, encoder_rate: float, head_rate: float) -> float:
    if name.startswith(ATTENTION):
        return 1.0
    return head_rate if name.startswith("head.") else encoder_rate
