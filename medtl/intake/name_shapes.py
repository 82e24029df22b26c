"""What a name looks like without saying it: letters as a or A, digits as 9. For messages about names of files and ids,
which may be those of persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

SHOWN, LONGEST = 3, 40
KEPT = frozenset(" _-.,/()^~=#")


def shape_of(name: str) -> str:
    """The name with every letter as `a` or `A`, every digit as `9`, and what is neither and unusual as `?`."""
    shape = "".join(_mark(sign) for sign in name[:LONGEST])
    return shape + ("…" if len(name) > LONGEST else "")


def _mark(sign: str) -> str:
    if sign.isalpha():
        return "A" if sign.isupper() else "a"
    if sign.isdigit():
        return "9"
    return sign if sign in KEPT else "?"


def shapes_of(names: Iterable[str]) -> str:
    """The commonest shapes of names with their counts, in words: `AA-9999-9999.aaaa (12), a99.aaa (3)`."""
    counts = Counter(map(shape_of, names))
    shown = ", ".join(f"{shape} ({number:,})" for shape, number in counts.most_common(SHOWN))
    rest = len(counts) - SHOWN
    return shown if rest <= 0 else f"{shown} and {rest:,} other forms"
