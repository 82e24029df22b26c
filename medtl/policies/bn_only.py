"""Training of the scales and shifts of normalisation alone, from the probe's solution (Frankle 2021)."""

from __future__ import annotations

from medtl.policies.policy import Look, Policy

BN_ONLY = Policy(
    name="bn_only",
    label="Normalisation trained alone",
    short="BN only",
    phrase="the network whose normalisation alone was trained",
    methods="training of the scales and shifts of batch normalisation and of the head from the probe's solution, all "
    "convolutions frozen",
    cites=("frankle2021",),
    look=Look("#8C510A", (0, (1, 1)), "d"),
    rank=7,
    beside=9,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    learns="normalisation",
)
