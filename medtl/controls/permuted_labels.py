"""What the folds give when there is nothing to learn: labels permuted by patient, a probe fitted to each draw.

In: frozen features, folds, groups that stay together. Out: the null distribution of the AUROC and the p value of the
observed one. A mean away from 0.5 means that something other than the label's patients reaches the test side.

The probe is ridge regression, since one factorisation serves all draws; the observed AUROC it is compared with is that
of the same ridge probe with the true labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

from medtl.cohort import Cohort
from medtl.controls.record import PermutedLabels
from medtl.controls.same_folds import first_repeat
from medtl.folds import FoldTable

PENALTY = 400.0
"""Four times the inverse of the probe's C of 0.01: at even odds the log loss bends a quarter as much as the square."""

Labels = Int[np.ndarray, "draw case"]


@dataclass(frozen=True)
class _Side:
    training: Int[np.ndarray, "training"]
    test: Int[np.ndarray, "test"]


def permuted_labels(
    features: Float[np.ndarray, "case feature"],
    cohort: Cohort,
    folds: FoldTable,
    *,
    groups: Mapping[str, str],
    draws: int,
    seed: int,
) -> PermutedLabels | str:
    """The control, or the reason why it cannot be drawn; `features` are in cohort order.

    Labels change places between groups that are tested in the same fold, so that every fold keeps its prevalence:
    pooled scores of unequal folds would give a null below 0.5. A group's labels move together; where some group has
    several labels, only between groups of the same number of cases.
    """
    truth = np.array([cohort.classes.index(case.label) for case in cohort.cases])
    places = {case.case_id: place for place, case in enumerate(cohort.cases)}
    sides = []
    strata = np.full(len(truth), -1)
    for fold in first_repeat(folds):
        split = folds.split(fold)
        training, test = (np.array([places[case] for case in side]) for side in (split.training, split.test))
        strata[test] = fold
        sides.append(_Side(training, test))
    names = [groups[case.case_id] for case in cohort.cases]
    labels = permutations(truth, names, strata, draws=draws, seed=seed)
    if (labels[1:] == truth).all():
        return "no two patients of a fold can change their labels"
    tested = np.concatenate([side.test for side in sides])
    by_patient = _members([cohort.cases[place].patient_id for place in tested], labels[:, tested])
    positive = range(1, 2) if len(cohort.classes) == 2 else range(len(cohort.classes))
    areas = np.mean(
        [_areas(_scores(features, labels == k, sides), labels[:, tested] == k, by_patient) for k in positive], axis=0
    )
    observed, null = float(areas[0]), areas[1:]
    if not np.isfinite(areas).all():
        return "a class has no patient of its own on the test side"
    return PermutedLabels(
        draws=draws,
        observed=observed,
        mean=float(null.mean()),
        sd=float(null.std(ddof=1)) if draws > 1 else 0.0,
        highest=float(null.max()),
        p_value=float((1 + (null >= observed).sum()) / (1 + draws)),
        unit="image" if by_patient is None else "patient",
        n=len(tested) if by_patient is None else int(by_patient.max()) + 1,
    )


def permutations(
    truth: Int[np.ndarray, "case"],
    groups: Sequence[str],
    strata: Int[np.ndarray, "case"],
    *,
    draws: int,
    seed: int,
) -> Labels:
    """The true labels in the first row, then `draws` permutations of them between the groups of a stratum."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(groups):
        members[name].append(place)
    mixed = any(len(set(truth[own])) > 1 for own in members.values())
    alike: dict[tuple[int, int], list[list[int]]] = defaultdict(list)
    for own in members.values():
        alike[int(strata[own[0]]), len(own) if mixed else 0].append(own)
    chance = np.random.default_rng(seed)
    labels = np.tile(truth, (draws + 1, 1))
    for kin in alike.values():
        for row in range(1, draws + 1):
            for own, other in zip(kin, chance.permutation(len(kin)), strict=True):
                given = truth[kin[other]]
                labels[row, own] = given if mixed else given[0]
    return labels


def _scores(
    features: Float[np.ndarray, "case feature"], wanted: Bool[np.ndarray, "draw case"], sides: Sequence[_Side]
) -> Float[np.ndarray, "draw tested"]:
    """Ridge scores of the test cases for every draw, folds one after the other."""
    parts = []
    for side in sides:
        learnt = features[side.training].astype(np.float64)
        mean, scale = learnt.mean(axis=0), learnt.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        learnt = (learnt - mean) / scale
        asked = (features[side.test].astype(np.float64) - mean) / scale
        target = wanted[:, side.training].T.astype(np.float64)
        base = target.mean(axis=0)
        if learnt.shape[1] <= len(learnt):
            gram = learnt.T @ learnt + PENALTY * np.eye(learnt.shape[1])
            score = asked @ cho_solve(cho_factor(gram), learnt.T @ (target - base))
        else:
            gram = learnt @ learnt.T + PENALTY * np.eye(len(learnt))
            score = (asked @ learnt.T) @ cho_solve(cho_factor(gram), target - base)
        parts.append((score + base).T)
    return np.concatenate(parts, axis=1)


def _members(patients: Sequence[str], labels: Labels) -> Int[np.ndarray, "tested"] | None:
    """The patient of each tested case as a number, or None where a patient has several labels in some draw."""
    _, numbers = np.unique(patients, return_inverse=True)
    first = np.unique(numbers, return_index=True)[1]
    return numbers if (labels == labels[:, first[numbers]]).all() else None


def _areas(
    scores: Float[np.ndarray, "draw tested"],
    positive: Bool[np.ndarray, "draw tested"],
    patients: Int[np.ndarray, "tested"] | None,
) -> Float[np.ndarray, "draw"]:
    """AUROC of every draw by the rank sum, of patients' mean scores where patients are given."""
    if patients is not None:
        first = np.unique(patients, return_index=True)[1]
        sums = np.stack([np.bincount(patients, weights=drawn) for drawn in scores])
        scores, positive = sums / np.bincount(patients), positive[:, first]
    count = positive.sum(axis=1)
    others = positive.shape[1] - count
    ranks = rankdata(scores, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (np.sum(ranks * positive, axis=1) - count * (count + 1) / 2) / (count * others)
