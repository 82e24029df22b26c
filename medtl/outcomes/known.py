"""The kinds of outcome there are, and which one classes make."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.errors import DataRefused
from medtl.outcomes.binary import Binary
from medtl.outcomes.multiclass import Multiclass
from medtl.outcomes.outcome import Outcome

OUTCOMES: tuple[type[Outcome], ...] = (Binary, Multiclass)


def outcome_of(classes: Sequence[str]) -> Outcome:
    """The outcome that these classes make, in this order.

    Raises:
        DataRefused: fewer than two classes.
    """
    for kind in OUTCOMES:
        if kind.takes(classes):
            return kind(tuple(classes))
    raise DataRefused(
        f"An outcome needs two classes or more, got {list(classes)}. Check the label column, or name the classes.",
        classes=list(classes),
    )
