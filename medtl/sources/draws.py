"""Draws of a few patients from the training part of a fold.

In: patient and class index of each training case. Out: positions of the cases of the drawn patients. Patients are
drawn, not images; every image of a drawn patient is learnt from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

from medtl.training.seeding import seed_for

Labels = Int[np.ndarray, "case"]
Drawn = Int[np.ndarray, "drawn"]

MOST_ATTEMPTS = 100
"""Draws after which it is taken that no other is left, since nearly every patient is drawn each time."""


def patients_of_each_class(patients: Sequence[str], labels: Labels, *, classes: int) -> tuple[tuple[str, ...], ...]:
    """The patients with a case of each class, in order of appearance; one with cases of several classes is in each."""
    pairs = list(zip(patients, labels, strict=True))
    return tuple(
        tuple(dict.fromkeys(patient for patient, label in pairs if label == index)) for index in range(classes)
    )


def drawn_cases(patients: Sequence[str], labels: Labels, *, size: int, classes: int, seed: int) -> Drawn:
    """The positions of all cases of `size` patients of each class, drawn without replacement.

    A patient with cases of several classes counts for each of them; the rarest class is drawn first.
    """
    chance = np.random.default_rng(seed)
    of_class = patients_of_each_class(patients, labels, classes=classes)
    chosen: set[str] = set()
    for members in sorted(of_class, key=len):
        others = [patient for patient in members if patient not in chosen]
        missing = size - (len(members) - len(others))
        if missing > 0:
            chosen |= {others[index] for index in chance.permutation(len(others))[:missing]}
    return np.flatnonzero([patient in chosen for patient in patients])


def distinct_draws(
    patients: Sequence[str], labels: Labels, *, size: int, classes: int, repeats: int, names: Sequence[object]
) -> Iterator[Drawn]:
    """Draws whose seeds are named by `names` and the repeat, none of them alike while others are possible."""
    seen: set[bytes] = set()
    for repeat in range(repeats):
        for attempt in range(MOST_ATTEMPTS):
            seed = seed_for(*names, size, repeat, attempt)
            drawn = drawn_cases(patients, labels, size=size, classes=classes, seed=seed)
            if drawn.tobytes() not in seen:
                break
        seen.add(drawn.tobytes())
        yield drawn
