"""The nearest centroid: each class's mean of the frozen features, the simplest model there is."""

from medtl.policies.policy import Look, Policy

CENTROID = Policy(
    name="centroid",
    label="Nearest centroid",
    phrase="the nearest-centroid baseline",
    methods="a nearest-centroid classifier on the same features",
    look=Look("#CC79A7", (0, (3, 1.2)), "v"),
    rank=4,
    beside=2,
    simplicity=0,
    fits="centroids",
    is_fitted_always=True,
    is_choosable=False,
    is_control=True,
)
