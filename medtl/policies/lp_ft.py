"""Fine-tuning from the probe's solution: its head first, then the whole network at a small rate (Kumar 2022)."""

from medtl.policies.policy import Look, Policy

LP_FT = Policy(
    name="lp_ft",
    label="Fine-tuned (LP-FT)",
    short="LP-FT",
    phrase="the fine-tuned network (LP-FT)",
    methods="fine-tuning of the whole network from the probe's solution (LP-FT) with frozen batch-normalisation "
    "statistics",
    cites=("kumar2022",),
    look=Look("#D55E00", "-", "o"),
    rank=0,
    beside=4,
    simplicity=2,
    start="fitted_probe",
    head_scale=None,
)
