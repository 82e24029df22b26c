"""The control: the same network from random weights, nothing pretrained."""

from medtl.policies.policy import Look, Policy

SCRATCH = Policy(
    name="scratch",
    label="From scratch",
    phrase="the network trained from scratch",
    methods="the same network trained from random weights",
    look=Look("#7f7f7f", (0, (1.2, 1.4)), "s"),
    rank=3,
    beside=1,
    simplicity=2,
    start="random",
    is_control=True,
    encoder_scale=1.0,
)
