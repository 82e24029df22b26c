"""Fine-tuning from the probe's solution, the encoder held near its pretrained weights (L2-SP, Li 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from medtl.policies.policy import Look, Policy

if TYPE_CHECKING:
    from torch import Tensor

STRENGTH: Final = 0.01
"""Weight of half the squared distance from the start: an engineering choice of the size of a usual weight decay."""


def _distance(start: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Tensor:
    """The penalty: half the strength times the squared distance of the stages' parameters from where they started."""
    terms = [(now[name] - begin).square().sum() for name, begin in start.items() if name.startswith("encoder.body.")]
    return sum(terms[1:], terms[0]) * (STRENGTH / 2)


ANCHORED = Policy(
    name="anchored",
    label="Held near the start (L2-SP)",
    short="L2-SP",
    phrase="the network held near its pretrained weights (L2-SP)",
    methods="fine-tuning from the probe's solution with a penalty on the distance from the pretrained weights (L2-SP)",
    cites=("li2018",),
    look=Look("#0F7173", (0, (2, 1)), "h"),
    rank=6,
    beside=8,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    penalty=_distance,
)
