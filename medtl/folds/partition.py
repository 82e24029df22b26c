"""Dividing groups of cases into parts that are alike: scikit-learn's StratifiedGroupKFold, made independent of order.

Groups are brought into the order of their names before chance is applied, so the same groups in another row order
give the same parts. A division in which some part lacks a class is drawn again, by a seed that follows from the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

DRAWS = 20
"""Divisions tried before giving up. The first nearly always does; later ones help when patients are of uneven size."""


def patients_by_class(labels: Sequence[str], groups: Sequence[str]) -> dict[str, int]:
    """The number of groups with each class, the classes in alphabetical order."""
    pairs = set(zip(labels, groups, strict=True))
    return {label: sum(1 for name, _ in pairs if name == label) for label in sorted(set(labels))}


def divided(labels: Sequence[str], groups: Sequence[str], *, count: int, seed: str) -> Int[np.ndarray, " case"] | None:
    """The part (0 … count - 1) of each case: groups stay whole, every part and its complement hold every class.

    None when no such division is found. `seed` is any text; equal texts give equal divisions.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if count < 2 or min(patients_by_class(labels, groups).values(), default=0) < count:
        return None
    _, label_codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    _, group_codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    order = np.lexsort((label_codes, group_codes))
    for draw in range(DRAWS):
        splitter = StratifiedGroupKFold(n_splits=count, shuffle=True, random_state=_number(f"{seed}|{draw}"))
        parts = np.empty(len(order), dtype=np.int64)
        for part, (_, held) in enumerate(splitter.split(order, label_codes[order], group_codes[order])):
            parts[order[held]] = part
        if _every_class_everywhere(parts, label_codes, count=count):
            return parts
    return None


def _every_class_everywhere(
    parts: Int[np.ndarray, " case"], label_codes: Int[np.ndarray, " case"], *, count: int
) -> bool:
    table = np.zeros((count, int(label_codes.max()) + 1), dtype=np.int64)
    np.add.at(table, (parts, label_codes), 1)
    return bool((table > 0).all())


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
