"""Each patient's probabilities and groups, without a name: what a page carries so that a reader can move a threshold.

In: predictions with a row per patient. Out: frozen values in the order of the first model's probability, so that not
even the order says who is who.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.subgroups import members_by_group
from medtl.evaluation.units import units_of
from medtl.predictions import PredictionTable

MOST_NUMBERS = 20_000
"""Probabilities that a page carries at most, about 400 kB of text; with more, only the first model's are kept."""


@dataclass(frozen=True)
class PatientGroup:
    """A covariate's group, and the positions of its patients."""

    covariate: str
    name: str
    members: tuple[int, ...]


@dataclass(frozen=True)
class PatientScores:
    """Of each test patient: whether positive, the probability of each model, and the groups.

    `probabilities` has a tuple per model, in the order of `positive`.
    """

    positive: tuple[bool, ...]
    probabilities: dict[str, tuple[float, ...]]
    groups: tuple[PatientGroup, ...]


def patient_scores(
    patients: PredictionTable, *, models: Sequence[str], covariates: Sequence[str]
) -> PatientScores | Undefined:
    """Out-of-fold probabilities of two-class models, averaged over repeats.

    Args:
        patients: predictions with a row per patient.
        models: the first decides the order, and is the only one kept where there are too many numbers.
        covariates: whose groups are kept; those that the table lacks are passed over.

    Undefined with more than two classes, where a patient counts more than once, or with too many patients.
    """
    tested = {model: units_of(patients.of(model=model, role="test")) for model in models}
    first = tested[models[0]]
    if first.outcome.positive_class is None:
        return Undefined("more than two classes")
    if first.patient_count < len(first):
        return Undefined("a patient counts more than once")
    if len(first) > MOST_NUMBERS:
        return Undefined(f"more than {MOST_NUMBERS:,} patients")
    if len(first) * len(models) > MOST_NUMBERS or any(units.ids != first.ids for units in tested.values()):
        tested = {models[0]: first}
    order = np.argsort(-first.probabilities[:, 1], kind="stable")
    table = patients.of(model=models[0], role="test")
    return PatientScores(
        positive=tuple((first.truth[order] == 1).tolist()),
        probabilities={model: tuple(units.probabilities[order, 1].tolist()) for model, units in tested.items()},
        groups=tuple(
            PatientGroup(covariate, name, tuple(np.flatnonzero(own[order]).tolist()))
            for covariate in covariates
            if covariate in table.covariates
            for name, own in members_by_group(table, first, covariate).items()
        ),
    )
