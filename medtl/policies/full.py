"""Fine-tuning of the whole network at once, from a new head."""

from medtl.policies.policy import Look, Policy

FULL = Policy(
    name="full",
    label="Fully fine-tuned",
    short="Full",
    phrase="the fully fine-tuned network",
    methods="fine-tuning of the whole network",
    look=Look("#009E73", (0, (7, 1.5, 1.2, 1.5)), "^"),
    rank=1,
    beside=3,
    simplicity=2,
    start="new_head",
)
