"""Fine-tuning of the last stages alone, from the probe's solution; the stages below stay as they were pretrained."""

from __future__ import annotations

from medtl.policies.policy import Look, Policy, StageInTime


def _last_alone(stage: StageInTime) -> float:
    return 1.0 if stage.above < stage.last_stages else 0.0


LAST_STAGES = Policy(
    name="last_stages",
    label="Last stages fine-tuned",
    short="Last stages",
    phrase="the network whose last stages were fine-tuned",
    methods="fine-tuning of the last stages of the network from the probe's solution, the stages below frozen",
    cites=("yosinski2014", "kumar2022"),
    look=Look("#E69F00", (0, (5, 1, 1, 1)), "P"),
    rank=3,
    beside=5,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
    stage_scale=_last_alone,
)
