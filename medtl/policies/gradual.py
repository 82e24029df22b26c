"""Fine-tuning from the probe's solution, stage after stage from the last one down (Howard and Ruder 2018)."""

from __future__ import annotations

from medtl.policies.policy import Look, Policy, StageInTime


def _thawed(stage: StageInTime) -> float:
    """The head learns alone in the first part of the training; in each further part one more stage joins it."""
    parts = stage.stages + 1
    return 1.0 if stage.progress * parts >= stage.above + 1 else 0.0


GRADUAL = Policy(
    name="gradual",
    label="Gradually unfrozen",
    short="Gradual",
    phrase="the gradually unfrozen network",
    methods="fine-tuning from the probe's solution with gradual unfreezing, from the head down to the stem in equal "
    "parts of the training",
    cites=("howard2018",),
    look=Look("#000000", (0, (8, 2)), "*"),
    rank=5,
    beside=7,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    stage_scale=_thawed,
)
