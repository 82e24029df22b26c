"""Whether one model is better than another: the one rule of every page, and the sentence that goes with it.

In: a difference in AUROC on the same patients. Out: a claim. A model is called better only where the pooled interval
leaves out zero, and the t test over folds, corrected for shared training patients and after Holm for the number of
comparisons, agrees. The interval takes the trained models as they are: of two equal algorithms that were really trained
it alone, before it was widened for shared training patients, called one better in 7 to 21 % of studies; both together
do in at most 5 % (simulated in the tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from medtl.evaluation import Estimate
from medtl.report.html.numbers import count, interval, p_value, plain

SIGNIFICANT = 0.05

NOISY_THRESHOLDS = (
    "both compare accuracy at thresholds that were chosen on few validation patients, and of two equal models they "
    "make one look better in a quarter to half of studies at a prevalence of 15 %; they support no claim that a model "
    "is better"
)
"""What McNemar's test and the probability of a false order are worth (simulated: 26 to 51 % of equal models)."""


@dataclass(frozen=True)
class Discordant:
    """How many patients only one of the two called rightly, and McNemar's exact p value."""

    only_model: int
    only_reference: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """AUROC of `model` minus that of a reference on the same patients.

    `wins` of `folds` folds were higher, by `mean_over_folds`. `p_value` is that of the corrected t-test over folds
    (Nadeau and Bengio 2003), Holm's where several comparisons were made.
    """

    model: str
    difference: Estimate
    wins: int
    folds: int
    p_value: float | None
    mean_over_folds: float | None = None
    comparisons: int = 1
    decisions: Discordant | None = None


@dataclass(frozen=True)
class Claim:
    """`side` is what may be claimed. `conclusion` follows the number, `remarks` are sentences that explain it."""

    side: Literal["better", "worse", "none"]
    conclusion: str
    remarks: tuple[str, ...] = ()


def claim_of(found: Difference, *, reference: str = "the frozen probe") -> Claim:
    """What may be claimed of the model against the reference."""
    remarks = tuple(one for one in (_pooled_against_folds(found), _decided_otherwise(found, reference)) if one)
    value, low, high = found.difference.value, found.difference.low, found.difference.high
    if value is None:
        return Claim("none", f"is not defined ({found.difference.reason})", remarks)
    if low is None or high is None:
        return Claim("none", f"has no interval ({found.difference.reason}), so nothing can be claimed", remarks)
    differs, over = _excludes_zero(low, high), _tested(found)
    side = "above" if value > 0 else "below"
    if not differs:
        return Claim("none", f"is compatible with no difference{_but_folds_differ(found)}", remarks)
    if found.p_value is None:
        return Claim(
            "none",
            f"lies {side} zero for these models as they were trained, but {_why_untested(found)}, so it is not shown "
            "that the one is better than the other",
            remarks,
        )
    if found.p_value > SIGNIFICANT or not _same_direction(found):
        reason = f"lies {side} zero, but the folds do not confirm it ({over})"
        return Claim("none", reason, remarks)
    if value > 0:
        return Claim("better", f"lies above zero, and the folds agree ({over})", remarks)
    return Claim("worse", f"lies below zero, and the folds agree ({over}): {reference} ranked them better", remarks)


def sentence_of(
    found: Difference, *, subject: str = "It", reference: str = "the frozen probe", shortly: bool = False
) -> str:
    """Wins over folds, the difference with its interval, what may be claimed of it, and (not `shortly`) the remarks."""
    claim, value = claim_of(found, reference=reference), found.difference.value
    wins = f"{subject} ranked cases better than {reference} in {found.wins} of {count(found.folds, 'fold')}"
    if not found.folds:
        wins = f"No fold allows a comparison with {reference}"
    about = "" if "as they were trained" in claim.conclusion else " of these fitted models"
    number = "" if value is None else f"{about}, {numbers_of(found)},"
    return " ".join(
        (
            f"{wins}; the difference{number} {claim.conclusion}.",
            *(() if shortly else claim.remarks),
        )
    )


def numbers_of(found: Difference) -> str:
    """The difference with its interval."""
    bounds = interval(found.difference.low, found.difference.high)
    return f"{plain(found.difference.value)} (95 % CI {bounds})" if bounds else plain(found.difference.value)


def _excludes_zero(low: float, high: float) -> bool:
    return low > 0.0 or high < 0.0


def _tested(found: Difference) -> str:
    if found.p_value is None:
        return ""
    holm = f" after Holm’s correction for {found.comparisons} comparisons" if found.comparisons > 1 else ""
    return f"{p_value(found.p_value)}{holm}"


def _same_direction(found: Difference) -> bool:
    return found.mean_over_folds is None or np.sign(found.mean_over_folds) * np.sign(found.difference.value or 0.0) > 0


def _but_folds_differ(found: Difference) -> str:
    if found.p_value is None or found.p_value > SIGNIFICANT:
        return ""
    return f"; the folds alone would differ ({_tested(found)}), and a claim needs both"


def _why_untested(found: Difference) -> str:
    if found.folds < 2:
        return "one fold cannot tell what training them again would change"
    return "there is no test over the folds"


def _pooled_against_folds(found: Difference) -> str:
    """Why most folds point one way and the pooled number the other."""
    value = found.difference.value
    if value is None or found.folds < 2:
        return ""
    losses = found.folds - found.wins
    if not ((found.wins > losses and value < 0) or (found.wins < losses and value > 0)):
        return ""
    mean = "" if found.mean_over_folds is None else f" (mean over folds {plain(found.mean_over_folds)})"
    return (
        f"Most folds point the other way{mean}: pooled, patients of different folds are ranked together too, and their "
        "models need not share one scale."
    )


def _decided_otherwise(found: Difference, reference: str) -> str:
    own = found.decisions
    if own is None or own.p_value > SIGNIFICANT:
        return ""
    return (
        f"At their thresholds it alone called {count(own.only_model, 'patient')} rightly, {reference} alone "
        f"{own.only_reference:,} (McNemar {p_value(own.p_value)}): accuracy at noisy thresholds."
    )
