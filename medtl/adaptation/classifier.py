"""An encoder with a head: what the training loop fits."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

from medtl.adaptation.probe import Probe
from medtl.encoders import Encoder
from medtl.encoders.readout import Readout

HEAD_STANDARD_DEVIATION = 0.01
"""Spread of a new head's weights: small, so that its first probabilities are close to equal."""


class CentredDropout(nn.Module):
    """Dropout that sets a feature to its training mean instead of zero, and stretches the others' deviations.

    A head that starts from the probe acts on features that are not centred: setting one to zero would move the logit by
    its mean, many times its spread.
    """

    mean: Tensor

    def __init__(self, share: float, mean: Float[np.ndarray, " feature"]) -> None:
        super().__init__()
        self.dropout = nn.Dropout(share)
        self.register_buffer("mean", torch.from_numpy(mean).float(), persistent=False)

    def forward(self, features: Float[Tensor, "case feature"]) -> Float[Tensor, "case feature"]:
        """The features, some of them set to their mean; unchanged in eval mode."""
        return self.mean + self.dropout(features - self.mean) if self.training else features


class Classifier(nn.Module):
    """Scans in [0, 1] to logits: the card's normalisation, the encoder, pooling, dropout, one layer."""

    def __init__(self, encoder: Encoder, head: nn.Linear, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout: nn.Module = nn.Dropout(dropout)
        self.head = head

    @property
    def readout(self) -> Readout:
        """Which maps the head reads: the readout that gives as many features as the head takes."""
        return self.encoder.readout_of(self.head.in_features)

    def forward(self, scans: Float[Tensor, "case channel *space"]) -> Float[Tensor, "case class"]:
        """Logits per class."""
        return self.head(self.dropout(self.encoder.pooled(self.encoder.normalised(scans), readout=self.readout)))


def classifier_from_probe(encoder: Encoder, probe: Probe, *, dropout: float = 0.0) -> Classifier:
    """The classifier whose outputs are the probe's (to float32 rounding), where asked with dropout around the mean."""
    weight, bias = probe.folded()
    head = skip_init(nn.Linear, weight.shape[1], weight.shape[0])
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))
    classifier = Classifier(encoder, head)
    if dropout > 0:
        classifier.dropout = CentredDropout(dropout, probe.mean)
    return classifier


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
