"""Fine-tuning from the probe's solution at rates by relative gradient norm (Auto-RGN of Lee 2023)."""

from __future__ import annotations

from collections.abc import Mapping

from medtl.policies.policy import Look, Policy


def _by_gradient(norms: Mapping[str, float]) -> dict[str, float]:
    """The share of each stage: its relative gradient norm over the largest; 1 throughout where there is no gradient.

    The authors' code does so for every tensor on five batches at the start of each epoch; here the unit is a stage.
    """
    largest = max(norms.values())
    return {stage: norm / largest if largest > 0 else 1.0 for stage, norm in norms.items()}


AUTO_RGN = Policy(
    name="auto_rgn",
    label="Rates by gradient",
    short="Auto-RGN",
    phrase="the network fine-tuned at rates by gradient (Auto-RGN)",
    methods="fine-tuning of the whole network from the probe's solution, each stage at a rate in proportion to its "
    "gradient's norm over that of its weights, measured on the first batch of every epoch (Auto-RGN)",
    cites=("lee2023",),
    look=Look("#332288", (0, (4, 1, 1, 1, 1, 1)), "<"),
    rank=8,
    beside=10,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    rates_from=_by_gradient,
)
