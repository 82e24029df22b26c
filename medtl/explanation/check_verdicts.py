"""Verdicts on saliency maps: pass or fail by rules that were fixed before, never a ranking of methods.

In: what was measured on each case. Out: verdicts. Each rule compares a number of the map with the same number of
something that cannot know: the burden of proof is the map's. A study's verdict rests on the 95 % interval of the
difference, patients drawn with replacement; a fold has few cases, and its verdict rests on their mean.

Binder et al. 2023 (arXiv 2211.12486): randomisation scores must not rank methods, since maps without information score
well; so a check passes or fails and no score is reported as better than another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from medtl.record.saliency_checks import (
    CheckedCase,
    CheckName,
    CheckVerdict,
    FoldChecks,
    Found,
    LesionNumbers,
    MeanOfPatients,
    SaliencyChecks,
)

FEWEST_PATIENTS = 5
"""For an interval: with fewer, a t interval is several times as wide as what the patients show."""

TAIL = 0.025

Pair = tuple[float, float]


@dataclass(frozen=True)
class Rule:
    """`pair_of` gives the map's number and what it is compared with, None where a case has no such numbers.

    The map has to be above with `wants` 1, and below with -1. `tolerates_equal`: not worse is enough.
    """

    pair_of: Callable[[CheckedCase], Pair | None]
    wants: int
    missing: str
    tolerates_equal: bool = False


def _randomised(case: CheckedCase) -> Pair | None:
    """Arun et al. 2021 (doi 10.1148/ryai.2021200267): below the mean similarity of maps of different cases."""
    if case.like_others is None or not case.randomised:
        return None
    return case.randomised[-1].similarity, case.like_others


def _repeated(case: CheckedCase) -> Pair | None:
    """Maps of one case by two models are more similar than maps of two cases by one model."""
    if case.like_others is None or case.repeated is None:
        return None
    return case.repeated.similarity, case.like_others


def _gain_over_random(case: CheckedCase) -> Pair | None:
    return None if case.by_map is None or case.by_random is None else (case.by_map.gain, case.by_random.gain)


def _gain_over_centre(case: CheckedCase) -> Pair | None:
    return None if case.by_map is None or case.by_centre is None else (case.by_map.gain, case.by_centre.gain)


def _outside(case: CheckedCase) -> Pair | None:
    return None if case.outside is None else (case.outside.of_map, case.outside.of_flat)


def _border(case: CheckedCase) -> Pair | None:
    return None if case.border is None else (case.border.of_map, case.border.of_flat)


def _on_lesion(case: CheckedCase) -> Pair | None:
    if case.lesion is None:
        return None
    return case.lesion.by_map.average_precision, case.lesion.by_centre.average_precision


NO_MAP = "no checked case has a map that is not zero"
RULES: Mapping[CheckName, Rule] = {
    "randomisation": Rule(_randomised, -1, "fewer than two checked cases have a map that is not zero"),
    "repeatability": Rule(_repeated, 1, "there is no other fold whose model could be asked"),
    "random_masks": Rule(_gain_over_random, 1, NO_MAP),
    "centre": Rule(_gain_over_centre, 1, NO_MAP),
    "outside": Rule(
        _outside, -1, "nothing, or nearly nothing, of the prepared scans lies outside the body", tolerates_equal=True
    ),
    "border": Rule(_border, -1, NO_MAP, tolerates_equal=True),
    "lesions": Rule(_on_lesion, 1, "no checked case has a mask that can be used"),
}


def judged(checks: SaliencyChecks) -> SaliencyChecks:
    """Add the verdicts of each fold and of the study to the measurements."""
    thresholds = {one.fold: _threshold(checks.folds, but=one.fold, of="by_map") for one in checks.folds}
    centres = {one.fold: _threshold(checks.folds, but=one.fold, of="by_centre") for one in checks.folds}
    folds = tuple(
        one.model_copy(
            update={
                "verdicts": verdicts_of(one.cases, by_mean=True),
                "lesions": _lesions([one], thresholds, centres),
            }
        )
        for one in checks.folds
    )
    everyone = [case for one in folds for case in one.cases]
    return checks.model_copy(
        update={
            "folds": folds,
            "verdicts": verdicts_of(everyone, by_mean=False),
            "lesions": _lesions(folds, thresholds, centres),
        }
    )


def verdicts_of(cases: Sequence[CheckedCase], *, by_mean: bool) -> tuple[CheckVerdict, ...]:
    """A verdict by every rule; lesions only where a case of the study names a mask."""
    return tuple(
        _verdict(name, rule, cases, by_mean=by_mean)
        for name, rule in RULES.items()
        if name != "lesions" or any(case.lesion or case.without_mask for case in cases)
    )


def _verdict(name: CheckName, rule: Rule, cases: Sequence[CheckedCase], *, by_mean: bool) -> CheckVerdict:
    pairs = [(case.patient_id, pair) for case in cases if (pair := rule.pair_of(case)) is not None]
    if not pairs:
        nothing = MeanOfPatients(value=None, reason=rule.missing, patients=0)
        return CheckVerdict(name=name, passes=None, ours=None, against=None, difference=nothing, why=rule.missing)
    difference = mean_of_patients([(who, ours - other) for who, (ours, other) in pairs])
    ours, against = (mean_of_patients([(who, pair[side]) for who, pair in pairs]).value for side in (0, 1))
    worst = difference.value if by_mean else (difference.low if rule.wants > 0 else difference.high)
    if rule.tolerates_equal:
        worst = difference.value
    if worst is None:
        return CheckVerdict(name=name, passes=None, ours=ours, against=against, difference=difference,
                       why=str(difference.reason))  # fmt: skip
    passes = rule.wants * worst > 0 or (rule.tolerates_equal and worst == 0)
    return CheckVerdict(name=name, passes=passes, ours=ours, against=against, difference=difference)


def mean_of_patients(values: Sequence[tuple[str, float]]) -> MeanOfPatients:
    """The mean over patients of each patient's mean, with its t interval by patient (docs/coverage.md)."""
    by_patient: dict[str, list[float]] = defaultdict(list)
    for patient, value in values:
        by_patient[patient].append(value)
    means = np.array([np.mean(by_patient[patient]) for patient in sorted(by_patient)])
    if len(means) < FEWEST_PATIENTS:
        reason = f"no interval: {len(means)} patient{'s' if len(means) > 1 else ''}, at least {FEWEST_PATIENTS} needed"
        return MeanOfPatients(value=float(means.mean()), reason=reason, patients=len(means))
    middle, half = float(means.mean()), float(stdtrit(len(means) - 1, 1 - TAIL) * means.std(ddof=1) / len(means) ** 0.5)
    return MeanOfPatients(value=middle, low=middle - half, high=middle + half, patients=len(means))


def _threshold(folds: Sequence[FoldChecks], *, but: int, of: str) -> int | None:
    """The threshold (its index among the thresholds) with the largest mean overlap on all other folds."""
    overlaps = [
        getattr(case.lesion, of).overlap
        for one in folds
        if one.fold != but
        for case in one.cases
        if case.lesion is not None
    ]
    return int(np.mean(overlaps, axis=0).argmax()) if overlaps else None


def _lesions(
    folds: Sequence[FoldChecks], thresholds: Mapping[int, int | None], centres: Mapping[int, int | None]
) -> LesionNumbers | None:
    rows = [(one.fold, case.patient_id, case.lesion) for one in folds for case in one.cases if case.lesion is not None]
    if not rows:
        return None

    def mean(number: Callable[[int, Found, Found], float | None]) -> float | None:
        found = [(who, number(fold, lesion.by_map, lesion.by_centre)) for fold, who, lesion in rows]
        known = [(who, value) for who, value in found if value is not None]
        return mean_of_patients(known).value if known else None

    return LesionNumbers(
        points_at=mean(lambda fold, own, centre: float(own.points_at)) or 0.0,
        centre_points_at=mean(lambda fold, own, centre: float(centre.points_at)) or 0.0,
        overlap=mean(lambda fold, own, centre: _at(own, thresholds[fold])),
        centre_overlap=mean(lambda fold, own, centre: _at(centre, centres[fold])),
        patients=len({who for _, who, _ in rows}),
    )


def _at(found: Found, index: int | None) -> float | None:
    return None if index is None else found.overlap[index]
