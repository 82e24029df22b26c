"""Names that somebody may have meant: the one place where a message says "did you mean".

In: a name that is not known, and those that are. Out: the closest ones, or the words for a message; nothing where none
is close. Capitals do not matter.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

CUTOFF = 0.6
"""The share of letters in common from which a name is close, as difflib counts it (Ratcliff and Obershelp 1988)."""


def close_names(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = CUTOFF) -> tuple[str, ...]:
    """The known names closest to `name`, at most so many, the closest first."""
    folded = {one.casefold(): one for one in known if one}
    return tuple(folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=cutoff))


def did_you_mean(
    name: str,
    known: Iterable[str],
    *,
    before: str = "; ",
    most: int = 1,
    cutoff: float = CUTOFF,
    also_called: Mapping[str, str] | None = None,
    quoted: bool = False,
) -> str:
    """`; did you mean X or Y?` for a message, empty where no known name is close.

    Args:
        name: what was written.
        known: what could have been meant.
        before: what stands before it; after a full stop the words begin with a capital.
        most: the most names that are said.
        cutoff: the share of letters in common.
        also_called: other words for known names, which no letters lead to.
        quoted: whether the names stand in quotes, where they may hold blanks.
    """
    other = (also_called or {}).get(name.casefold())
    close = (other,) if other is not None else close_names(name, known, most=most, cutoff=cutoff)
    if not close:
        return ""
    words = f"did you mean {' or '.join(repr(one) if quoted else one for one in close)}?"
    return before + (words[0].upper() + words[1:] if before == " " else words)
