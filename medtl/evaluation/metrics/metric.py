"""What every metric says of itself, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from medtl.evaluation.estimate import Estimate, Undefined
from medtl.evaluation.resampling import Resampling
from medtl.evaluation.thresholds import Decisions
from medtl.evaluation.units import Units
from medtl.outcomes import Outcome

Needs = Literal["ranking", "decisions", "probabilities"]
Interval = Literal["delong", "wilson", "bootstrap", "t"]

MEAN_OF_CLASSES = "means over the classes, each against the rest"
"""What most metrics are with more than two classes; a page says it once for all of them."""


@dataclass(frozen=True, eq=False)
class EvaluatedUnits:
    """Test units of one model: their decisions (or why there are none), and the resampled patients for intervals."""

    units: Units
    decisions: Decisions | Undefined
    resampling: Resampling


@dataclass(frozen=True)
class Metric:
    """One metric.

    Args:
        name: its key in metrics.json.
        label: the head of its column in tables and CSVs.
        in_words: its name within a sentence.
        better: which way is better.
        needs: what it judges: the order of the probabilities, the decisions at the threshold, or the probabilities.
        interval: how its 95 % interval is made; None where it has none.
        chance: the value of a model that knows the classes' shares and nothing else, None where that depends on the
            threshold.
        estimate: the value with its interval, or why there is none.
        source: the formula's paper.
        several_classes: what it is with more than two classes: `MEAN_OF_CLASSES`, or a clause of its own; empty where
            no note is needed.
        digits: decimals in a table.
        is_headline: whether it stands beside the primary metric in a table with few columns.
    """

    name: str
    label: str
    in_words: str
    better: Literal["higher", "lower"]
    needs: Needs
    interval: Interval | None
    chance: Callable[[Outcome, Sequence[float]], float | None]
    estimate: Callable[[EvaluatedUnits], Estimate]
    source: str
    several_classes: str = ""
    digits: int = 2
    is_headline: bool = False
