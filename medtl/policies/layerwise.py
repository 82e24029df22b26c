"""Fine-tuning from the probe's solution, each stage slower than the one above it (Howard and Ruder 2018)."""

from __future__ import annotations

from typing import Final

from medtl.policies.policy import Look, Policy, StageInTime

SLOWER: Final = 2.6
"""A stage learns by this factor slower than the one above it: discriminative fine-tuning, arXiv 1801.06146, 3.2."""


def _slower_below(stage: StageInTime) -> float:
    return SLOWER**-stage.above


LAYERWISE = Policy(
    name="layerwise",
    label="Rates by depth",
    short="Layerwise",
    phrase="the network fine-tuned at rates by depth",
    methods="fine-tuning of the whole network from the probe's solution, each stage 2.6 times slower than the one "
    "above it",
    cites=("howard2018",),
    look=Look("#56B4E9", (0, (3, 1, 1, 1)), "X"),
    rank=4,
    beside=6,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    stage_scale=_slower_below,
)
