"""How fast each part of a classifier may move."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from medtl.adaptation.classifier import Classifier

ATTENTION = "encoder.attention."
"""Beginning of the names of the parameters that weigh slices against each other."""

BODY = "encoder.body."
"""Beginning of the names of the parameters of the encoder's stages; the stage follows."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a rate, a decay and, where stages have rates of their own, a stage.

    They are named in a fixed order so that an optimiser's state can be stored.
    """

    names: tuple[str, ...]
    parameters: tuple[nn.Parameter, ...]
    rate: float
    decays: bool
    stage: str = ""


def parameter_groups(
    classifier: Classifier, *, encoder_rate: float, head_rate: float, by_stage: bool = False
) -> tuple[ParameterGroup, ...]:
    """The learnable parameters by rate (share of the recipe's) and by decay: biases and norm scales do not decay.

    With `by_stage` every stage has groups of its own, whose rates may change during the training.
    Attention over slices is new whatever the policy and learns at the recipe's own rate.
    Decay on one-dimensional parameters only shrinks what normalisation needs (He 2019, arXiv 1812.01187, section 3.1).
    """
    kinds: dict[tuple[float, bool, str], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in classifier.named_parameters():
        if parameter.requires_grad:
            rate = _rate(name, encoder_rate=encoder_rate, head_rate=head_rate)
            stage = _stage(name) if by_stage else ""
            kinds.setdefault((rate, parameter.ndim > 1, stage), []).append((name, parameter))
    return tuple(
        ParameterGroup(
            names=tuple(name for name, _ in members),
            parameters=tuple(parameter for _, parameter in members),
            rate=rate,
            decays=decays,
            stage=stage,
        )
        for (rate, decays, stage), members in sorted(kinds.items(), key=lambda item: item[0], reverse=True)
    )


def _stage(name: str) -> str:
    """The stage of the encoder that a parameter belongs to; empty for the head and for attention over slices."""
    return name.removeprefix(BODY).split(".")[0] if name.startswith(BODY) else ""


def _rate(name: str, *, encoder_rate: float, head_rate: float) -> float:
    if name.startswith(ATTENTION):
        return 1.0
    return head_rate if name.startswith("head.") else encoder_rate
