"""Gated attention over slices: which of them speak for the patient.

Ilse et al. 2018 (Attention-based Deep Multiple Instance Learning, ICML, arXiv 1802.04712), equation 9: the weight of
slice k is the softmax over slices of w · (tanh(V h_k) * sigmoid(U h_k)). Here h is the slice's features, brought to
mean 0 and deviation 1, plus where the slice lies; the position is in what the attention sees, not in the features it
pools.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from jaxtyping import Float
from torch import nn
from torch.nn.utils import skip_init

from medtl.axes import Plane
from medtl.encoders.account import Shape

HIDDEN: Final = 128
"""Width of V and U, as in Ilse et al."""

SLOWEST_CYCLES, FASTEST_CYCLES = 0.5, 16.0
"""Sine waves over the whole extent: from distinguishing the two ends to distinguishing neighbours among 30 slices."""

NAMES: Final = "attention."
"""How the names of its tensors begin in a file of weights; the plane follows."""


class GatedAttention(nn.Module):
    """Weights of a patient's slices that sum to 1; equal ones until it has learnt, since w starts at zero."""

    def __init__(self, features: int, *, seed: int) -> None:
        super().__init__()
        self.content = skip_init(nn.Linear, features, HIDDEN)
        self.gate = skip_init(nn.Linear, features, HIDDEN)
        self.score = skip_init(nn.Linear, HIDDEN, 1, bias=False)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer in (self.content, self.gate):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                layer.bias.zero_()
            self.score.weight.zero_()

    def forward(self, features: Float[torch.Tensor, "case slice feature"]) -> Float[torch.Tensor, "case slice"]:
        """One weight a slice."""
        width = features.shape[2]
        seen = nn.functional.layer_norm(features, (width,)) + positions(features.shape[1], width).to(features)
        hidden = torch.tanh(self.content(seen)) * torch.sigmoid(self.gate(seen))
        return torch.softmax(self.score(hidden).squeeze(-1), dim=1)


def positions(slices: int, width: int) -> Float[torch.Tensor, "slice feature"]:
    """Positional encoding of the slices by sines and cosines (Vaswani et al. 2017, arXiv 1706.03762, 3.5).

    Relative to the extent, so that a position means the same with more or thinner slices.
    """
    along = (torch.arange(slices) + 0.5) / slices
    ratio = torch.arange(width // 2) / max(1, width // 2 - 1)
    cycles = SLOWEST_CYCLES * (FASTEST_CYCLES / SLOWEST_CYCLES) ** ratio
    angles = 2 * math.pi * along[:, None] * cycles[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def attention_shapes(features: int, plane: Plane) -> dict[str, Shape]:
    """The tensors of one plane's attention in a file of weights."""
    shapes: dict[str, Shape] = {
        "content.weight": (HIDDEN, features),
        "content.bias": (HIDDEN,),
        "gate.weight": (HIDDEN, features),
        "gate.bias": (HIDDEN,),
        "score.weight": (1, HIDDEN),
    }
    return {f"{NAMES}{plane}.{name}": shape for name, shape in shapes.items()}
