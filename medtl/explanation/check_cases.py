"""Draw the out-of-fold cases to check, and the other fold whose model is compared, before any result is known.

In: the folds, the cohort, a seed. Out: case ids in a fixed order, at most one of a patient, the classes in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from medtl.cohort import Cohort
from medtl.files import sha256_of
from medtl.folds import FoldTable

Role = Literal["test", "validation", "training"]


@dataclass(frozen=True)
class Other:
    """Another fold, and what a case is to its model."""

    fold: int
    role: Role


def cases_to_check(cohort: Cohort, test: tuple[str, ...], *, fold: int, seed: int, at_most: int) -> tuple[str, ...]:
    """Draw the test cases of a fold whose maps are checked: one of each patient, classes in turn.

    Args:
        cohort: the cases.
        test: case ids of the fold's test part.
        fold: its number; part of the seed.
        seed: of the study.
        at_most: cases to draw.
    """
    among = set(test)
    drawn = sorted(
        (case for case in cohort.cases if case.case_id in among),
        key=lambda case: sha256_of(f"{seed}|saliency checks|{fold}|{case.chance_key}".encode()),
    )
    first: dict[str, str] = {}
    for case in drawn:
        first.setdefault(case.patient_id, case.case_id)
    kept = [case for case in drawn if first[case.patient_id] == case.case_id]
    by_class = [[case.case_id for case in kept if case.label == label] for label in cohort.classes]
    in_turn = [name for name in chain.from_iterable(zip_longest(*by_class)) if name is not None]
    return tuple(in_turn[:at_most])


def other_fold(folds: FoldTable, *, case_id: str, fold: int) -> Other | None:
    """The fold whose model makes a second map of a case: of another repeat that tests it, else the next fold.

    Within one repeat every case that is tested in one fold is validation or training in all others.
    """
    others = [number for number in folds.folds if number != fold]
    after = [number for number in others if number > fold] + [number for number in others if number < fold]
    roles = [Other(number, role) for number in after if (role := _role(folds, case_id, number)) is not None]
    return next((one for one in roles if one.role == "test"), roles[0] if roles else None)


def _role(folds: FoldTable, case_id: str, fold: int) -> Role | None:
    split = folds.split(fold)
    sides: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("test", split.test), ("validation", split.validation), ("training", split.training),
    )  # fmt: skip
    return next((role for role, members in sides if case_id in members), None)
