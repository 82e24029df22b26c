"""Two sources that cannot be told apart by AUROC: do they err on the same patients, and on whom do they differ most?

In: predictions of two sources on the same test cases. Out: how often they call a patient differently, beside what two
sources would that err independently of each other given the diagnosis, and the patients to look at. Sources that agree
in AUROC but not on patients may each rest on something else than the disease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from medtl.evaluation.comparison import in_common
from medtl.evaluation.units import Units, units_of
from medtl.predictions import PredictionTable, per_patient

SHOWN_EACH = 4
"""Patients shown of each direction."""


@dataclass(frozen=True)
class DisputedPatient:
    """A patient whom one source ranks rightly and the other does not.

    The shares are of the patients with the same truth whom each source holds for less typical of it.
    """

    patient_id: str
    case_id: str
    truth: str
    first_share: float
    second_share: float


@dataclass(frozen=True)
class Disagreement:
    """How many patients two sources call differently, and how many independent errors would make them."""

    patients: int
    different: int
    independent: float
    disputed: tuple[DisputedPatient, ...]


def disagreement_of(table: PredictionTable, first: str, second: str) -> Disagreement:
    """The disagreement of two models on the patients that both were tested on."""
    tested = table.of(role="test")
    patients = per_patient(tested)
    units = in_common(*(units_of(patients.of(model=name)) for name in (first, second)))
    calls = [_called(one) for one in units]
    shares = [_share_below(one) for one in units]
    return Disagreement(
        patients=len(units[0]),
        different=int((calls[0] != calls[1]).sum()),
        independent=_independent(units[0].truth, calls),
        disputed=_disputed(tested, units[0], shares, names=(first, second)),
    )


def _called(units: Units) -> Int[np.ndarray, " unit"]:
    """Every unit's class: as many are called positive as there are; of more than two classes the most probable."""
    outcome = units.outcome
    if not outcome.has_threshold:
        return outcome.decide(units.probabilities, None)
    positive, score = units.against_the_rest(outcome.judged[0])
    cut = float(np.sort(score)[::-1][max(int(positive.sum()) - 1, 0)])
    return outcome.decide(units.probabilities, cut)


def _independent(truth: Int[np.ndarray, " unit"], calls: list[Int[np.ndarray, " unit"]]) -> float:
    """Patients called differently if the two erred independently within each class, at their own rates of each call."""
    expected = 0.0
    for index in np.unique(truth):
        own = truth == index
        rates = [np.bincount(one[own], minlength=int(truth.max()) + 1) / own.sum() for one in calls]
        width = min(map(len, rates))
        expected += float(own.sum() * (1.0 - rates[0][:width] @ rates[1][:width]))
    return expected


def _share_below(units: Units) -> Float[np.ndarray, " unit"]:
    """Of the units with the same truth, the share to whom the model gives that truth a lower probability."""
    own = units.probabilities[np.arange(len(units)), units.truth]
    shares = np.empty(len(units))
    for index in np.unique(units.truth):
        members = units.truth == index
        shares[members] = (rankdata(own[members]) - 1.0) / max(int(members.sum()) - 1, 1)
    return shares


def _disputed(
    tested: PredictionTable, units: Units, shares: list[Float[np.ndarray, " unit"]], *, names: tuple[str, str]
) -> tuple[DisputedPatient, ...]:
    order = np.argsort(shares[0] - shares[1], kind="stable")
    chosen = [*order[::-1][:SHOWN_EACH], *order[:SHOWN_EACH]]
    return tuple(
        DisputedPatient(
            patient_id=units.patients[at],
            case_id=_case_of(tested, units.patients[at], units.classes[int(units.truth[at])], names=names),
            truth=units.classes[int(units.truth[at])],
            first_share=float(shares[0][at]),
            second_share=float(shares[1][at]),
        )
        for at in dict.fromkeys(int(one) for one in chosen)
    )


def _case_of(tested: PredictionTable, patient: str, truth: str, *, names: tuple[str, str]) -> str:
    """The patient's image on which the two differ most."""
    rows = tested.rows
    own = rows[(rows["patient_id"] == patient) & (rows["truth"] == truth)]
    column = tested.outcome.columns[tested.classes.index(truth)]
    first, second = (own[own["model"] == name].groupby("case_id")[column].mean() for name in names)
    return str((first - second).abs().idxmax())
