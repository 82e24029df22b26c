"""How many patients a wanted number needs, in a sentence, or the reason why the data cannot say.

In: a fitted law, an AUROC that was reached, and what is wanted. Out: numbers of patients with their sentence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from medtl.evaluation.delong import half_width
from medtl.record.learning_curve import NeededPatients
from medtl.sources.power_law import FEWEST_SIZES, Backtest, FittedLaw

FEWEST_LABELS = 50
"""Labelled patients below which a curve is too short to be prolonged."""
WIDEST_FACTOR = 4.0
"""Between both ends of the band; with more the number says nothing that could be planned with."""
FARTHEST = 10
"""Times the largest drawn size to which a law is followed at the most."""
MOST_TEST_PATIENTS = 1_000_000


@dataclass(frozen=True)
class Reached:
    """What a curve knows about a wanted AUROC: labelled patients, the median of each drawn size, and the backtest."""

    wanted: float
    labels: int
    medians: Mapping[int, float]
    tried: Backtest | None

    @property
    def sizes(self) -> tuple[int, ...]:
        """The drawn sizes, rising."""
        return tuple(sorted(self.medians))

    @property
    def first_median(self) -> float:
        """The median at the smallest size."""
        return self.medians[self.sizes[0]]


def patients_to_reach(law: FittedLaw | None, reached: Reached, *, phrase: str) -> NeededPatients:
    """The patients of each class that a model, named by `phrase`, needs to learn from; without numbers if refused."""
    why = _why_not(law, reached)
    wanted = f"{reached.wanted:.2f}" if round(reached.wanted, 2) == reached.wanted else f"{reached.wanted:g}"
    if why is not None or law is None:
        return NeededPatients(
            sentence=f"How many patients {phrase} needs to reach AUROC {wanted} cannot be said from these data: {why}."
        )
    if reached.first_median >= reached.wanted:
        return NeededPatients(
            sentence=f"With {phrase}, AUROC {wanted} is reached with {reached.sizes[0]} patients a class, the smallest "
            "size that was drawn; fewer may do."
        )
    found, low, high = (math.ceil(size) for size in law.size_for(reached.wanted))
    beyond = (
        f" This lies beyond {max(reached.sizes)} patients a class, the largest size that was drawn."
        if found > max(reached.sizes)
        else ""
    )
    return NeededPatients(
        patients=found,
        low=low,
        high=high,
        sentence=f"To reach AUROC {wanted} with {phrase} you need about {found} patients a class (from {low} to "
        f"{high}).{beyond}",
    )


def _why_not(law: FittedLaw | None, reached: Reached) -> str | None:
    if reached.labels < FEWEST_LABELS:
        return f"there are {reached.labels} labelled patients, at least {FEWEST_LABELS} are needed"
    if law is None:
        return f"a power law needs at least {FEWEST_SIZES} sizes, and {len(reached.sizes)} were drawn"
    if reached.first_median >= reached.wanted:
        return None
    if reached.tried is not None and 2 * reached.tried.covered < len(reached.tried.predicted):
        return _not_foretold(reached, reached.tried)
    ceiling, least, most = law.ceiling
    if reached.wanted >= most:
        return f"the curve levels off at {ceiling:.3f} (band {least:.3f}-{most:.3f}), below it"
    found, low, high = law.size_for(reached.wanted)
    farthest = FARTHEST * max(reached.sizes)
    if low > farthest:
        return (
            f"even the lower end of the band lies beyond {farthest:,} patients a class, {FARTHEST} times the largest "
            "size that was drawn"
        )
    if not math.isfinite(found) or not math.isfinite(high):
        return (
            f"the band begins at {math.ceil(low)} patients a class and has no upper end, since the curve may level off "
            f"below it ({ceiling:.3f}, band {least:.3f}-{most:.3f})"
        )
    if math.ceil(high) > WIDEST_FACTOR * math.ceil(low):
        return (
            f"the band runs from {math.ceil(low)} to {math.ceil(high)} patients a class, more than a factor of "
            f"{WIDEST_FACTOR:g}"
        )
    if found > farthest:
        return f"it lies beyond {farthest:,} patients a class, {FARTHEST} times the largest size that was drawn"
    return None


def _not_foretold(reached: Reached, tried: Backtest) -> str:
    first = next((size for size in reached.sizes if reached.medians[size] >= reached.wanted), None)
    seen = (
        f"no drawn size up to {max(reached.sizes)} patients a class reached it"
        if first is None
        else f"the smallest drawn size whose median reached it is {first} patients a class"
    )
    return (
        f"the curve does not follow a power law, since one fitted to the smaller sizes foretold {tried.covered} of "
        f"{len(tried.predicted)} larger ones; {seen}"
    )


def patients_to_test(auroc: float, *, width: float, share: float) -> int | None:
    """The fewest test patients whose 95 % interval has this half-width at most (Hanley and McNeil, Radiology 1982).

    Args:
        auroc: that was reached.
        width: the wanted half of the interval.
        share: of positive patients among them.

    Returns:
        None at an AUROC of 0 or 1, where the formula has no variance, or where a million are too few.
    """
    if not 0.0 < auroc < 1.0:
        return None

    def enough(patients: int) -> bool:
        positives = min(max(1, round(patients * share)), patients - 1)
        return half_width(auroc, positives=positives, negatives=patients - positives) <= width

    few, many = 2, 4
    while not enough(many):
        few, many = many, 2 * many
        if many > MOST_TEST_PATIENTS:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many
