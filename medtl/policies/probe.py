"""The frozen probe: logistic regression on the features of the encoder as it came; every other model has to beat it."""

from medtl.policies.policy import Look, Policy

PROBE = Policy(
    name="probe",
    label="Frozen probe",
    short="Probe",
    phrase="the frozen probe",
    methods="an L2-penalised logistic regression on standardised frozen features (the frozen probe), its penalty "
    "chosen in inner folds by patient",
    look=Look("#0072B2", (0, (5, 2)), "D"),
    rank=2,
    beside=0,
    simplicity=1,
    fits="probe",
    is_fitted_always=True,
    is_reference=True,
)
