"""A classifier in two parts: the first stages of its encoder, none of which learns, and all that follows.

In: a classifier whose policy has frozen what it keeps. Out: its trunk, or in words why it has none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import takewhile

import torch
from jaxtyping import Float
from torch import Tensor, nn

from medtl.adaptation import freezing
from medtl.adaptation.classifier import Classifier
from medtl.encoders.encoder import NetworkEncoder
from medtl.encoders.readout import features_of, stages_of


@dataclass(frozen=True)
class Trunk:
    """The first stages of a classifier's encoder, by name; none of them learns or keeps statistics of its batches."""

    classifier: Classifier
    stages: tuple[str, ...]

    def maps(self, scans: Float[Tensor, "case channel *space"]) -> Float[Tensor, "case map *grid"]:
        """What the last of the trunk's stages gives of scans in [0, 1]; in eval mode and without gradients."""
        with freezing.eval_mode(self.classifier), torch.no_grad():
            return nn.Sequential(*self._parts[: len(self.stages)])(self.classifier.encoder.normalised(scans))

    def logits(self, maps: Float[Tensor, "case map *grid"]) -> Float[Tensor, "case class"]:
        """Logits per class from the trunk's maps: the other stages, the readout, dropout and the head."""
        own = self.classifier
        features = features_of(self._parts[len(self.stages) :], maps, readout=own.readout)
        logits: Tensor = own.head(own.dropout(features))
        return logits

    @property
    def identity(self) -> str:
        """A name for exactly these weights under exactly this normalisation."""
        encoder = self.classifier.encoder
        digest = hashlib.sha256(encoder.card.model_dump_json().encode())
        for stage in self.stages:
            for name, value in sorted(encoder.stage(stage).state_dict().items()):
                digest.update(f"{stage}.{name}".encode())
                digest.update(value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @property
    def _parts(self) -> list[nn.Module]:
        return [self.classifier.encoder.stage(name) for name in self.classifier.encoder.stages]


def trunk_of(classifier: Classifier) -> Trunk | str | None:
    """The trunk of a classifier whose batch-norm statistics are frozen, as its parameters are frozen now.

    None where the first stage learns; a reason, to follow "because", where there are frozen stages and they cannot be
    run by themselves.
    """
    encoder = classifier.encoder
    frozen = tuple(takewhile(lambda name: not _learns(encoder.stage(name)), encoder.stages))
    if not frozen:
        return None
    if not isinstance(encoder, NetworkEncoder):
        return f"{encoder.card.name} reads volumes slice by slice"
    read = [name for name in stages_of(classifier.readout, encoder.stages) if name in frozen]
    if read:
        return f"the head reads the maps of {', '.join(read)} too"
    return Trunk(classifier, frozen)


def _learns(stage: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in stage.parameters())
