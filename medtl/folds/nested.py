"""Folds inside a training part, for choosing a setting without looking at validation or test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from medtl.folds.partition import divided, patients_by_class

InnerFold = tuple[Int[np.ndarray, "training_case"], Int[np.ndarray, "validation_case"]]


def inner_folds(groups: Sequence[str], labels: Sequence[str], *, count: int, seed: int) -> list[InnerFold]:
    """Positions of (training, validation) cases in each inner fold, groups kept whole and classes spread evenly.

    Fewer than `count` folds come when a class has fewer groups; none when a class has only one, so that nothing can
    be chosen honestly and the caller takes its default. Every class is on both sides of each fold.
    """
    rarest = min(patients_by_class(labels, groups).values(), default=0)
    for folds in range(min(count, rarest), 1, -1):
        parts = divided(labels, groups, count=folds, seed=f"{seed}|inner")
        if parts is not None:
            return [(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in range(folds)]
    return []
