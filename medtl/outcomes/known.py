"""The kinds of outcome there are, and which one classes make."""

from __future__ import annotations

from collections.abc import Sequence

from medtl.outcomes.binary import Binary
from medtl.outcomes.multiclass import Multiclass
from medtl.outcomes.outcome import Outcome

OUTCOMES: tuple[type[Outcome], ...] = (Binary, Multiclass)


def outcome_of(classes: Sequence[str]) -> Outcome:
    """The outcome that these classes make, in this order."""
    return next(kind(tuple(classes)) for kind in OUTCOMES if kind.takes(classes))
