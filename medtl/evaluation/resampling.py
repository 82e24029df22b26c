"""Drawing patients again and again, the images following their patient.

In: who the patients are and what labels they carry. Out: how often each patient was drawn in each resample. Models
judged on the same patients share one set of draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from jaxtyping import Float, UInt16

from medtl.errors import ConfigurationError
from medtl.evaluation.clusters import too_few
from medtl.evaluation.estimate import CONFIDENCE, Undefined
from medtl.evaluation.units import Units
from medtl.heartbeat import beat

CHUNK_CELLS = 1_000_000
"""Weights (draw times unit) handled at once: 8 MB as float64, so that memory does not grow with the resamples."""

MOST_SKIPPED = 1.0 - CONFIDENCE
"""Share of resamples in which a number may be undefined."""

NOT_REQUESTED = "no interval: no resamples were asked for"


@dataclass(frozen=True)
class DrawnError:
    """The spread of a number over the resamples, and in how many of them it was undefined."""

    error: float
    skipped: int


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each patient was drawn in each resample; `reason` says why nothing was drawn."""

    patients: tuple[str, ...]
    drawn: UInt16[np.ndarray, "draw patient"]
    reason: str | None = None

    @property
    def not_requested(self) -> str | None:
        """The reason why no interval was requested; None where intervals are, also where too few were there to draw."""
        return self.reason if self.reason == NOT_REQUESTED else None

    def weights(self, patients: tuple[str, ...]) -> Iterator[Float[np.ndarray, "draw unit"]]:
        """How often each unit counts, for units that belong to these patients; some draws at a time, in order."""
        index_of = {name: index for index, name in enumerate(self.patients)}
        columns = np.array([index_of[name] for name in patients], dtype="int64")
        rows = max(1, CHUNK_CELLS // max(1, len(columns)))
        for start in range(0, len(self.drawn), rows):
            beat()
            yield self.drawn[start : start + rows].take(columns, axis=1).astype("float64")


def resample_patients(units: Units, *, resamples: int, seed: int, scope: str) -> Resampling:
    """Draw patients with replacement from all, whatever their labels.

    So the mix of classes varies as it would in other patients of the same kind (drawn within classes, every number that
    depends on the mix looks too sure).

    The draws depend on the seed, the scope (a word for what is judged, such as "patient|pooled") and the patients,
    never on the model or the order of rows. Nothing is drawn where a class has too few patients.

    Raises:
        ConfigurationError: a negative number of resamples.
    """
    if resamples < 0:
        raise ConfigurationError(f"Expected 0 or more resamples, got {resamples}.", resamples=resamples)
    patients = tuple(sorted(set(units.patients)))
    reason = why_no_interval(units, resamples=resamples)
    if reason is not None:
        return Resampling(patients, np.empty((0, len(patients)), dtype="uint16"), reason)
    chance = np.random.default_rng(int.from_bytes(sha256(f"{seed}|{scope}".encode()).digest()[:8], "big"))
    return Resampling(patients, _draw(len(patients), resamples, chance))


def why_no_interval(units: Units, *, resamples: int) -> str | None:
    """Why units have no interval of a number that both classes enter: none was requested, or a class is too small."""
    return NOT_REQUESTED if resamples == 0 else too_few(units)


def _draw(size: int, resamples: int, chance: np.random.Generator) -> UInt16[np.ndarray, "draw member"]:
    drawn = np.empty((resamples, size), dtype="uint16")
    rows = max(1, CHUNK_CELLS // size)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        picked = chance.integers(size, size=(count, size)) + np.arange(count)[:, None] * size
        drawn[start : start + count] = np.bincount(picked.ravel(), minlength=count * size).reshape(count, size)
    return drawn


def error_of(draws: Float[np.ndarray, " draw"]) -> DrawnError | Undefined:
    """The standard error that the resamples give, those in which the number is undefined (NaN) left out.

    There is none where more than 5 % are undefined: what is left would not stand for all.
    """
    kept = draws[~np.isnan(draws)]
    skipped = len(draws) - len(kept)
    if skipped > MOST_SKIPPED * len(draws) or len(kept) < 2:
        return Undefined(f"no interval: undefined in {skipped} of {len(draws)} resamples")
    return DrawnError(float(kept.std(ddof=1)), skipped)
