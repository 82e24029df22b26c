"""Fine-tuning from the probe's solution by updates of low rank on frozen convolutions (LoRA, Hu 2022)."""

from __future__ import annotations

from medtl.policies.policy import Look, Policy

LORA = Policy(
    name="lora",
    label="Low-rank (LoRA)",
    short="LoRA",
    phrase="the network with low-rank updates (LoRA)",
    methods="training of the head and of updates of rank 4 to the convolutions from the probe's solution, all "
    "pretrained weights frozen (LoRA)",
    cites=("hu2022",),
    look=Look("#999933", (0, (6, 1, 2, 1)), ">"),
    rank=9,
    beside=11,
    simplicity=2,
    start="fitted_probe",
    encoder_scale=1.0,
    head_scale=None,
    learns="low_rank",
)
