"""An encoder with a head: what the training loop fits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

from medtl.adaptation.probe import Probe
from medtl.encoders import Encoder
from medtl.encoders.readout import Readout

HEAD_STANDARD_DEVIATION = 0.01
"""Spread of a new head's weights: small, so that its first probabilities are close to equal."""


class Classifier(nn.Module):
    """Scans in [0, 1] to logits: the card's normalisation, the encoder, pooling, dropout, one layer."""

    def __init__(self, encoder: Encoder, head: nn.Linear, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = head

    @property
    def readout(self) -> Readout:
        """Which maps the head reads: the readout that gives as many features as the head takes."""
        return self.encoder.readout_of(self.head.in_features)

    def forward(self, scans: Float[Tensor, "case channel *space"]) -> Float[Tensor, "case class"]:
        """Logits per class."""
        return self.head(self.dropout(self.encoder.pooled(self.encoder.normalised(scans), readout=self.readout)))


def classifier_from_probe(encoder: Encoder, probe: Probe) -> Classifier:
    """The classifier whose outputs are the probe's (to float32 rounding).

    It has no dropout: the folded head acts on features that are not centred, where dropping one moves the logit by its
    mean, many times its spread.
    """
    weight, bias = probe.folded()
    head = skip_init(nn.Linear, weight.shape[1], weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
    return Classifier(encoder, head)


def classifier_with_new_head(
    encoder: Encoder, *, classes: int, seed: int, dropout: float = 0.0, readout: Readout = "last"
) -> Classifier:
    """A classifier with a small random head drawn from `seed`."""
    head = skip_init(nn.Linear, encoder.feature_widths[readout], classes)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.weight.normal_(0.0, HEAD_STANDARD_DEVIATION, generator=generator)
        head.bias.zero_()
    return Classifier(encoder, head, dropout=dropout)
