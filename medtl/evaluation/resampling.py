"""Drawing patients again and again, the images following their patient.

In: who the patients are and what labels they carry. Out: how often each patient was drawn in each resample. Models
judged on the same patients share one set of draws, which makes their differences paired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from jaxtyping import Float, UInt16

from medtl.errors import ConfigurationError
from medtl.evaluation.units import Units

FEWEST_PATIENTS = 5
"""Patients a class needs for an interval: m patients give C(2m-1, m) different resamples; 4 give 35, fewer than the 40
that one draw in each 2.5 % tail asks for; 5 give 126."""

CHUNK_CELLS = 1_000_000
"""Weights (draw times unit) handled at once: 8 MB as float64, so that memory does not grow with the resamples."""


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each patient was drawn in each resample; `reason` says why nothing was drawn."""

    patients: tuple[str, ...]
    drawn: UInt16[np.ndarray, "draw patient"]
    reason: str | None = None

    def weights(self, patients: tuple[str, ...]) -> Iterator[Float[np.ndarray, "draw unit"]]:
        """How often each unit counts, for units that belong to these patients; some draws at a time, in order."""
        place = {name: index for index, name in enumerate(self.patients)}
        columns = np.array([place[name] for name in patients], dtype="int64")
        rows = max(1, CHUNK_CELLS // max(1, len(columns)))
        for start in range(0, len(self.drawn), rows):
            yield self.drawn[start : start + rows].take(columns, axis=1).astype("float64")


def resample_patients(units: Units, *, resamples: int, seed: int, scope: str) -> Resampling:
    """Draw patients with replacement within strata, the strata being the sets of labels that patients carry.

    So each resample has as many patients of each class as the data. The draws depend on the seed, the scope (a word for
    what is judged, such as "patient|pooled") and the patients, never on the model or the order of rows.

    Raises:
        ConfigurationError: a negative number of resamples.
    """
    if resamples < 0:
        raise ConfigurationError(f"Expected 0 or more resamples, got {resamples}.", resamples=resamples)
    strata = strata_of(units)
    patients = tuple(sorted(set(units.patients)))
    reason = _why_no_draws(strata, units.classes, resamples)
    if reason is not None:
        return Resampling(patients, np.empty((0, len(patients)), dtype="uint16"), reason)
    chance = np.random.default_rng(int.from_bytes(sha256(f"{seed}|{scope}".encode()).digest()[:8], "big"))
    drawn = np.zeros((resamples, len(patients)), dtype="uint16")
    for members in strata.values():
        drawn[:, members] = _draw(len(members), resamples, chance)
    return Resampling(patients, drawn)


def strata_of(units: Units) -> dict[tuple[int, ...], list[int]]:
    """Who is drawn among whom: by the set of labels that a patient carries, the patients as places in sorted order."""
    labels: dict[str, set[int]] = defaultdict(set)
    for patient, truth in zip(units.patients, units.truth.tolist(), strict=True):
        labels[patient].add(truth)
    strata: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, patient in enumerate(sorted(labels)):
        strata[tuple(sorted(labels[patient]))].append(index)
    return dict(sorted(strata.items()))


def _draw(size: int, resamples: int, chance: np.random.Generator) -> UInt16[np.ndarray, "draw member"]:
    drawn = np.empty((resamples, size), dtype="uint16")
    rows = max(1, CHUNK_CELLS // size)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        picked = chance.integers(size, size=(count, size)) + np.arange(count)[:, None] * size
        drawn[start : start + count] = np.bincount(picked.ravel(), minlength=count * size).reshape(count, size)
    return drawn


def _why_no_draws(strata: dict[tuple[int, ...], list[int]], classes: tuple[str, ...], resamples: int) -> str | None:
    if resamples == 0:
        return "no interval: no resamples were asked for"
    for index, name in enumerate(classes):
        count = sum(len(members) for carried, members in strata.items() if index in carried)
        if 0 < count < FEWEST_PATIENTS:
            return (
                f"no interval: {count} patient{'s' if count > 1 else ''} of {name}, at least {FEWEST_PATIENTS} needed"
            )
    return None
