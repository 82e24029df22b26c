"""The AUROC when there is nothing to learn: labels permuted between patients, a probe fitted to each draw.

In: frozen features, folds, groups that stay together. Out: the null distribution of the AUROC and the p value of the
observed one. A mean above 0.5 means that something other than the label's patients reaches the test side. Below 0.5
nothing leaks: cross-validation itself pulls a null down.

The probe is ridge regression, since one factorisation serves all draws; the observed AUROC it is compared with is that
of the same ridge probe with the true labels. The unit is the study's own: a patient, once per label that its images
carry, with the mean of their scores. Only pairs within a block are counted (the same fold, and groups that may change
labels): there both orders are equally likely, so that the mean over draws is 0.5 whatever the folds' prevalences are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

from medtl.cohort import Cohort
from medtl.controls.label_exchange import Labels, exchange_labels
from medtl.controls.same_folds import first_repeat
from medtl.folds import FoldTable
from medtl.record.controls import PermutedLabels

PENALTY = 400.0
"""Four times the inverse of the probe's C of 0.01: at even odds the log loss bends a quarter as much as the square."""


@dataclass(frozen=True)
class Side:
    """One fold: indices of its training cases and of its test cases."""

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
    """Permute labels between patients and fit a ridge probe to each draw; a reason where that is impossible.

    Args:
        features: frozen features in cohort order.
        cohort: the cases.
        folds: the study's folds; the first repeat is used.
        groups: the fold group of each case id.
        draws: permutations of the labels.
        seed: of the draws.
    """
    index_of = {case.case_id: index for index, case in enumerate(cohort.cases)}
    sides = []
    for fold in first_repeat(folds):
        split = folds.split(fold)
        sides.append(Side(*(np.array([index_of[case] for case in side]) for side in (split.training, split.test))))
    of_groups = [groups[case.case_id] for case in cohort.cases]
    return permuted_in(sides, features, cohort, groups=of_groups, draws=draws, seed=seed)


def permuted_in(
    sides: Sequence[Side],
    features: Float[np.ndarray, "case feature"],
    cohort: Cohort,
    *,
    groups: Sequence[str],
    draws: int,
    seed: int,
) -> PermutedLabels | str:
    """`permuted_labels` for folds that are given as indices of cases.

    Args:
        sides: training and test cases of each fold.
        features: frozen features in cohort order.
        cohort: the cases.
        groups: the fold group of each case, in cohort order.
        draws: permutations of the labels.
        seed: of the draws.
    """
    truth = cohort.outcome.targets(case.label for case in cohort.cases)
    patients = [case.patient_id for case in cohort.cases]
    tested_in = np.full(len(truth), -1)
    for fold, side in enumerate(sides):
        tested_in[side.test] = fold
    exchanged = exchange_labels(
        truth,
        patients=patients,
        groups=groups,
        folds=tested_in,
        draws=draws,
        seed=seed,
    )
    tested = np.concatenate([side.test for side in sides])
    labels = exchanged.labels[:, tested]
    if (labels == truth[tested]).all():
        return "no two patients of a fold can change their labels"
    names = np.unique([patients[index] for index in tested], return_inverse=True)[1]
    positive = cohort.outcome.judged
    areas = np.mean(
        [
            areas_within_blocks(
                _scores(features, exchanged.labels == index, sides),
                labels,
                positive=index,
                patients=names,
                blocks=exchanged.blocks[tested],
            )
            for index in positive
        ],
        axis=0,
    )
    observed, null = float(areas[0]), areas[1:]
    if not np.isfinite(areas).all():
        return "no fold tests two patients of different classes that can change their labels"
    return PermutedLabels(
        draws=draws,
        observed=observed,
        mean=float(null.mean()),
        sd=float(null.std(ddof=1)) if draws > 1 else 0.0,
        highest=float(null.max()),
        p_value=float((1 + (null >= observed).sum()) / (1 + draws)),
        unit="patient",
        n=int(names.max()) + 1,
    )


def _scores(
    features: Float[np.ndarray, "case feature"], wanted: Bool[np.ndarray, "draw case"], sides: Sequence[Side]
) -> Float[np.ndarray, "draw tested"]:
    """Ridge scores of the test cases for every draw, folds one after the other."""
    parts = []
    for side in sides:
        learnt = features[side.training].astype(np.float64)
        mean, scale = learnt.mean(axis=0), learnt.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        learnt = (learnt - mean) / scale
        tested = (features[side.test].astype(np.float64) - mean) / scale
        target = wanted[:, side.training].T.astype(np.float64)
        base = target.mean(axis=0)
        if learnt.shape[1] <= len(learnt):
            gram = learnt.T @ learnt + PENALTY * np.eye(learnt.shape[1])
            score = tested @ cho_solve(cho_factor(gram), learnt.T @ (target - base))
        else:
            gram = learnt @ learnt.T + PENALTY * np.eye(len(learnt))
            score = (tested @ learnt.T) @ cho_solve(cho_factor(gram), target - base)
        parts.append((score + base).T)
    return np.concatenate(parts, axis=1)


def areas_within_blocks(
    scores: Float[np.ndarray, "draw case"],
    labels: Labels,
    *,
    positive: int,
    patients: Int[np.ndarray, "case"],
    blocks: Int[np.ndarray, "case"],
) -> Float[np.ndarray, "draw"]:
    """AUROC per draw over pairs within a block: the share in the right order, ties half, NaN without a pair.

    A patient is one unit for each label that its images of the block carry, with their mean score.

    Args:
        scores: of the tested cases in every draw.
        labels: class index of the tested cases in every draw.
        positive: index of the positive class.
        patients: number of each case's patient.
        blocks: number of each case's block; only cases of one block are compared.
    """
    right, pairs = np.zeros(len(scores)), np.zeros(len(scores))
    for block in np.unique(blocks):
        own = np.flatnonzero(blocks == block)
        own = own[np.argsort(patients[own], kind="stable")]
        starts = np.flatnonzero(np.r_[True, np.diff(patients[own]) > 0])
        means, is_positive = [], []
        for label in np.unique(labels[:, own]):
            carried = labels[:, own] == label
            count = np.add.reduceat(carried.astype(np.float64), starts, axis=1)
            total = np.add.reduceat(np.where(carried, scores[:, own], 0.0), starts, axis=1)
            # infinity ranks above every unit that is there and so moves no rank
            means.append(np.divide(total, count, out=np.full(total.shape, np.inf), where=count > 0))
            is_positive.append(np.full(total.shape, label == positive))
        units, of_class = np.concatenate(means, axis=1), np.concatenate(is_positive, axis=1)
        wanted = of_class & np.isfinite(units)
        count, others = wanted.sum(axis=1), (~of_class & np.isfinite(units)).sum(axis=1)
        ranks = rankdata(units, axis=1)
        right += np.where(others > 0, (ranks * wanted).sum(axis=1) - count * (count + 1) / 2, 0.0)
        pairs += count * others
    return np.divide(right, pairs, out=np.full(len(right), np.nan), where=pairs > 0)
