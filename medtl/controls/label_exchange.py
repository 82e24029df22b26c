"""Labels exchanged between patients of one fold, so that a null of the study's own design is left.

In: the true labels with the patient, the fold group and the test fold of each case. Out: permuted labels, and the block
of each case, within which every case is equally likely to carry each label.

Labels that may be exchanged: those of groups that are tested in the same fold, since a pooled AUROC over folds of
unequal prevalence lies below 0.5 by itself. Where every patient has one label, the labels of a group's patients go to a
group of as many patients. Where a patient has several (paired organs, follow-ups), a patient's whole label vector goes
to a patient with as many images, and is shuffled there: in a fixed order (first well, then ill) the time or side of an
image would still give the label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

Labels = Int[np.ndarray, "draw case"]


@dataclass(frozen=True, eq=False)
class Exchanged:
    """`labels` (draw, case) with the true ones in the first row; `blocks` (case): cases that exchange labels."""

    labels: Labels
    blocks: Int[np.ndarray, "case"]


@dataclass(frozen=True)
class _Group:
    """A fold group: indices of each of its patients' cases, patients with fewer cases first."""

    fold: int
    patients: tuple[tuple[int, ...], ...]


def exchange_labels(
    truth: Int[np.ndarray, "case"],
    *,
    patients: Sequence[str],
    groups: Sequence[str],
    folds: Int[np.ndarray, "case"],
    draws: int,
    seed: int,
) -> Exchanged:
    """Permute labels between patients of a fold: the true labels, then `draws` permutations.

    Args:
        truth: class index of each case.
        patients: patient of each case.
        groups: fold group of each case (a patient, or several that stay together).
        folds: the fold in which each case is tested, -1 for never.
        draws: permutations.
        seed: of the draws.
    """
    several = _any_with_several_labels(truth, patients)
    alike: dict[tuple[int, ...], list[_Group]] = defaultdict(list)
    for group in _groups(patients, groups, folds):
        shape = tuple(len(own) for own in group.patients) if several else (len(group.patients),)
        alike[(group.fold, *shape)].append(group)
    chance = np.random.default_rng(seed)
    labels = np.tile(truth, (draws + 1, 1))
    numbers: dict[tuple[tuple[int, ...], int, int], int] = {}
    blocks = np.zeros(len(truth), dtype=np.int64)
    for key, kin in alike.items():
        for own in (indices for group in kin for indices in group.patients):
            for index in own:
                # a group that leaks over folds has cases in several, and only those of one fold are compared
                block = (key, int(folds[index]), len(own) if several else 0)
                blocks[index] = numbers.setdefault(block, len(numbers))
        order = chance.permuted(np.tile(np.arange(len(kin)), (draws, 1)), axis=1)
        (_exchange_vectors if several else _exchange_patient_labels)(labels[1:], truth, kin, order, chance)
    return Exchanged(labels, blocks)


def _groups(patients: Sequence[str], groups: Sequence[str], folds: Int[np.ndarray, "case"]) -> list[_Group]:
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, (group, patient) in enumerate(zip(groups, patients, strict=True)):
        members[group][patient].append(index)
    found = []
    for own in members.values():
        by_size = sorted((tuple(indices) for indices in own.values()), key=len)
        found.append(_Group(int(folds[next(iter(own.values()))[0]]), tuple(by_size)))
    return found


def _exchange_patient_labels(
    labels: Labels,
    truth: Int[np.ndarray, "case"],
    kin: Sequence[_Group],
    order: Int[np.ndarray, "draw group"],
    chance: np.random.Generator,
) -> None:
    """Each group's patients get the labels of another group's patients, in any order."""
    own = np.array([[truth[indices[0]] for indices in group.patients] for group in kin])
    given = chance.permuted(own[order], axis=2)
    for at, group in enumerate(kin):
        for patient, indices in enumerate(group.patients):
            labels[:, list(indices)] = given[:, at, patient, None]


def _exchange_vectors(
    labels: Labels,
    truth: Int[np.ndarray, "case"],
    kin: Sequence[_Group],
    order: Int[np.ndarray, "draw group"],
    chance: np.random.Generator,
) -> None:
    """Each patient gets the labels of another patient with as many images, in any order."""
    for patient in range(len(kin[0].patients)):
        indices = np.array([group.patients[patient] for group in kin])
        labels[:, indices] = chance.permuted(truth[indices][order], axis=2)


def _any_with_several_labels(truth: Int[np.ndarray, "case"], patients: Sequence[str]) -> bool:
    first: dict[str, int] = {}
    return any(first.setdefault(patient, int(label)) != label for patient, label in zip(patients, truth, strict=True))
