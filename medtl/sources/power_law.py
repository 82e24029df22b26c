"""A power law through a learning curve, its band, and the size at which it reaches a value.

In: sizes and AUROCs of the repeats at each. Out: AUROC(n) = a - b n^-c by least squares within bounds; the band comes
from drawing the repeats of each size again (Figueroa et al., BMC Med Inform Decis Mak 2012;12:8, fit the same law).
The band says how far other draws of training patients move the law; the tested patients stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

BOUNDS = ((0.0, -1.0, 0.05), (1.0, 1.0, 2.0))
"""Least and largest a, b and c: an AUROC ends at 1 at the most, and a curve may fall by chance."""
STARTS = ((0.8, 0.3, 0.3), (0.9, 0.6, 1.0))
FEWEST_POINTS = 3
"""Sizes that fix three numbers."""
FEWEST_SIZES = 4
"""One more, so that the law can be wrong."""
RESAMPLES = 200
TAILS = (0.025, 0.975)

Values = Mapping[int, Float[np.ndarray, "repeat"]]
"""Size -> the AUROC of each repeat."""
Law = Float[np.ndarray, "3"]


@dataclass(frozen=True)
class FittedLaw:
    """The law of the medians, and those of the resamples, one a row: a, b, c."""

    law: Law
    resampled: Float[np.ndarray, "resample 3"]

    @property
    def ceiling(self) -> tuple[float, float, float]:
        """The value that the law levels off at, with its band."""
        low, high = np.quantile(self.resampled[:, 0], TAILS)
        return float(self.law[0]), float(low), float(high)

    def at(self, size: float) -> tuple[float, float, float]:
        """The AUROC at a size, with its band."""
        low, high = np.quantile(auroc_at(self.resampled, size), TAILS)
        return float(auroc_at(self.law[None], size)[0]), float(low), float(high)

    def size_for(self, value: float) -> tuple[float, float, float]:
        """The size that reaches an AUROC, with its band; infinite where the law stays below."""
        found = np.array([_size_for(law, value) for law in self.resampled])
        low, high = (float(np.quantile(found, tail, method="nearest")) for tail in TAILS)
        return _size_for(self.law, value), low, high


def auroc_at(laws: Float[np.ndarray, "law 3"], size: float) -> Float[np.ndarray, "law"]:
    """The AUROC of each law at a size."""
    return laws[:, 0] - laws[:, 1] * size ** -laws[:, 2]


def fit_law(values: Values, *, seed: int) -> FittedLaw:
    """Fit the law to the medians of at least three sizes, and once more to those of each resample."""
    sizes, chance = np.array(sorted(values), dtype=float), np.random.default_rng(seed)
    medians = np.array([np.median(values[int(size)]) for size in sizes])
    fits = [_fitted(sizes, medians, start=start) for start in STARTS]
    law = min(fits, key=lambda fit: fit[1])[0]
    drawn = []
    for _ in range(RESAMPLES):
        again = [np.median(chance.choice(values[int(size)], len(values[int(size)]))) for size in sizes]
        drawn.append(_fitted(sizes, np.array(again), start=law)[0])
    return FittedLaw(law, np.stack(drawn))


@dataclass(frozen=True)
class Backtest:
    """A law that was fitted to the smaller sizes, and how many medians of the larger ones lie in its band."""

    fitted: tuple[int, ...]
    predicted: tuple[int, ...]
    covered: int


def backtest(values: Values, *, seed: int) -> Backtest:
    """Fit the smaller half of at least four sizes (at least three of them), and predict the others."""
    sizes = sorted(values)
    smaller = sizes[: max(FEWEST_POINTS, len(sizes) // 2)]
    larger = sizes[len(smaller) :]
    fitted = fit_law({size: values[size] for size in smaller}, seed=seed)
    bands = {size: fitted.at(size)[1:] for size in larger}
    inside = [low <= float(np.median(values[size])) <= high for size, (low, high) in bands.items()]
    return Backtest(tuple(smaller), tuple(larger), sum(inside))


def _fitted(sizes: np.ndarray, values: np.ndarray, *, start: Sequence[float] | Law) -> tuple[Law, float]:
    low, high = (np.array(bound) for bound in BOUNDS)

    def residuals(law: np.ndarray) -> np.ndarray:
        return law[0] - law[1] * sizes ** -law[2] - values

    def slopes(law: np.ndarray) -> np.ndarray:
        power = sizes ** -law[2]
        return np.stack([np.ones_like(sizes), -power, law[1] * np.log(sizes) * power], axis=1)

    margin = 1e-6 * (high - low)
    inside = np.clip(np.asarray(start, dtype=float), low + margin, high - margin)
    found = least_squares(residuals, inside, jac=slopes, bounds=(low, high), max_nfev=200)
    return np.asarray(found.x), float(found.cost)


def _size_for(law: Law, value: float) -> float:
    a, b, c = law
    if b <= 0.0:
        return 1.0 if a - b >= value else float("inf")
    return max(1.0, float((b / (a - value)) ** (1.0 / c))) if a > value else float("inf")
