"""What did not hold on held-out cases: every headline number there against cross-validation, the worst first.

In: a number from out-of-fold testing and the same number on held-out patients, each with its standard error. Out: those
that are worse by more than chance (Holm over all that were compared) and by enough to matter. AUROC alone hides a
collapse: the ranking may hold while the threshold and the probabilities no longer fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Int
from scipy.stats import norm

from medtl.audit.multiplicity import holm
from medtl.evaluation import Appraisal, Estimate, StudyMetrics
from medtl.outcomes import outcome_of
from medtl.report.html.numbers import plain, with_interval
from medtl.report.results.judged import Judged

SIGNIFICANT = 0.05

WIDTH_IN_ERRORS = 2 * float(norm.ppf(0.975))
"""The width of a 95 % interval in standard errors."""

LEAST_RATE, LEAST_BRIER, LEAST_INTERCEPT, LEAST_SLOPE = 0.05, 0.02, 0.3, 0.2
"""Changes below these (in a rate, a score, logits, and the slope) change no conclusion, however many patients there
are; 0.3 logits are a risk of 25 % for one of 20 %."""


@dataclass(frozen=True)
class Compared:
    """One number out of fold (`promised`) and on held-out patients (`found`), as the page shows them.

    `values` are what is compared: the numbers themselves, or freed of the share of the classes. `ideal` is the value of
    a perfect model, `errors` the two standard errors, and a change below `least` is never told.
    """

    name: str
    promised: Estimate
    found: Estimate
    values: tuple[float, float]
    ideal: float
    errors: tuple[float, float]
    least: float

    @property
    def worse_by(self) -> float:
        """How much further the found value lies from the ideal."""
        return abs(self.values[1] - self.ideal) - abs(self.values[0] - self.ideal)

    @property
    def of_probabilities(self) -> bool:
        """Whether the number judges the probabilities, and neither the ranking nor the decisions."""
        return self.name.startswith(("Brier", "calibration"))

    @property
    def z(self) -> float:
        """The change in standard errors, positive where it is for the worse."""
        error = sqrt(self.errors[0] ** 2 + self.errors[1] ** 2)
        change = abs(self.values[1] - self.values[0]) / error if error > 0.0 else float("inf")
        return change if self.worse_by > 0.0 else -change

    @property
    def change(self) -> str:
        """`specificity 0.32 instead of 0.85`."""
        return f"{self.name} {plain(self.found.value, digits=2)} instead of {plain(self.promised.value, digits=2)}"

    @property
    def numbers(self) -> str:
        """Both numbers with their intervals."""
        found, promised = (with_interval(one.value, one.low, one.high) for one in (self.found, self.promised))
        return f"{self.name} {found} there, {promised} out of fold"


def broken_promises(compared: Sequence[Compared]) -> tuple[Compared, ...]:
    """The numbers that are worse than promised: ranking and decisions before probabilities, of each the worst first."""
    adjusted = holm([2.0 * float(norm.sf(abs(one.z))) for one in compared])
    worse = [
        one
        for one, p in zip(compared, adjusted, strict=True)
        if p < SIGNIFICANT and one.z > 0.0 and one.worse_by >= one.least
    ]
    return tuple(sorted(worse, key=lambda one: (one.of_probabilities, -one.z)))


def compared_numbers(there: StudyMetrics, judged: Judged, *, model: str) -> tuple[Compared, ...]:
    """The headline numbers of a model that both sides have: ranking, decisions at the threshold, probabilities."""
    pooled, own = there.of(model).patient.pooled, judged.of(model, fold=None)
    found, promised = pooled.metrics.by_name(), own.estimates
    outcome = outcome_of(there.classes)
    shares = _shares(own.by_class), _shares(pooled.class_counts)
    numbers = [_plainly(outcome.primary_metric, promised["auroc"], found["auroc"])]
    chance = [outcome.average_precision_at_chance(share) for share in shares]
    numbers.append(_above_chance(promised["average_precision"], found["average_precision"], chance))
    if outcome.has_threshold and own.confusion is not None and pooled.confusion is not None:
        confusions = own.confusion, np.array(pooled.confusion)
        for index, name in ((1, "sensitivity"), (0, "specificity")):
            numbers.append(_rate(name, promised[name], found[name], confusions, index))
    else:
        numbers.append(_plainly("balanced accuracy", promised["balanced_accuracy"], found["balanced_accuracy"]))
    worst = [outcome.brier_of_shares(share) for share in shares]
    numbers.append(_skill(promised["brier"], found["brier"], worst))
    numbers += _calibration(judged.appraisal, there.appraisal, model)
    return tuple(one for one in numbers if one is not None)


def _shares(counts: Sequence[int]) -> tuple[float, ...]:
    return tuple(count / max(sum(counts), 1) for count in counts)


def _errors(promised: Estimate, found: Estimate) -> tuple[float, float] | None:
    """Both standard errors; where only one has an interval (too few events), that one's, by the square root of n."""
    known = [None if one.low is None or one.high is None else (one.high - one.low) / WIDTH_IN_ERRORS
             for one in (promised, found)]  # fmt: skip
    ratio = sqrt(max(found.n, 1) / max(promised.n, 1))
    here = known[0] if known[0] is not None else None if known[1] is None else known[1] * ratio
    there = known[1] if known[1] is not None else None if known[0] is None else known[0] / ratio
    return None if here is None or there is None else (here, there)


def _compared(
    name: str, promised: Estimate, found: Estimate, scale: tuple[tuple[float, float], tuple[float, float]],
    *, ideal: float, least: float,
) -> Compared | None:  # fmt: skip
    """`scale` turns each number into what is compared: (value - offset) / width."""
    errors = _errors(promised, found)
    if promised.value is None or found.value is None or errors is None:
        return None
    (a, b), (c, d) = scale
    if min(abs(b), abs(d)) == 0.0:
        return None
    values = (promised.value - a) / b, (found.value - c) / d
    return Compared(name, promised, found, values, ideal, (errors[0] / abs(b), errors[1] / abs(d)), least)


def _plainly(
    name: str, promised: Estimate, found: Estimate, *, ideal: float = 1.0, least: float = LEAST_RATE
) -> Compared | None:
    return _compared(name, promised, found, ((0.0, 1.0), (0.0, 1.0)), ideal=ideal, least=least)


def _above_chance(promised: Estimate, found: Estimate, chance: Sequence[float]) -> Compared | None:
    """Average precision between its chance level, the share of the class, and 1."""
    here, there = chance
    scale = ((here, 1.0 - here), (there, 1.0 - there))
    return _compared("average precision", promised, found, scale, ideal=1.0, least=LEAST_RATE)


def _skill(promised: Estimate, found: Estimate, worst: Sequence[float]) -> Compared | None:
    """The Brier score as a share of what always stating the class shares would score; also worse as it stands."""
    if promised.value is None or found.value is None or found.value - promised.value < LEAST_BRIER:
        return None
    scale = ((0.0, worst[0]), (0.0, worst[1]))
    return _compared("Brier score", promised, found, scale, ideal=0.0, least=LEAST_RATE)


def _rate(
    name: str,
    promised: Estimate,
    found: Estimate,
    confusions: tuple[Int[np.ndarray, "truth called"], Int[np.ndarray, "truth called"]],
    index: int,
) -> Compared | None:
    """A proportion of decisions, compared as Agresti and Caffo do (Am Stat 2000;54:280): one of each kind added."""
    if promised.value is None or found.value is None:
        return None
    errors, values = [], []
    for confusion in confusions:
        right, whole = float(confusion[index, index]) + 1.0, float(confusion[index].sum()) + 2.0
        values.append(right / whole)
        errors.append(sqrt(right / whole * (1.0 - right / whole) / whole))
    return Compared(name, promised, found, (values[0], values[1]), 1.0, (errors[0], errors[1]), LEAST_RATE)


def _calibration(here: Appraisal | None, there: Appraisal | None, model: str) -> list[Compared | None]:
    if here is None or there is None:
        return []
    found: list[Compared | None] = []
    for promised, own in zip(here.of(model).calibration, there.of(model).calibration, strict=True):
        of = "" if len(there.of(model).calibration) == 1 else f" of {own.of_class}"
        found += [
            _plainly(f"calibration intercept{of}", promised.line.intercept, own.line.intercept,
                     ideal=0.0, least=LEAST_INTERCEPT),
            _plainly(f"calibration slope{of}", promised.line.slope, own.line.slope, ideal=1.0, least=LEAST_SLOPE),
        ]  # fmt: skip
    return found
