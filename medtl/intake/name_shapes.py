"""What a name looks like without naming it: words as a or A, digits as 9.

For messages about names of files and ids, which may be those of persons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

SHOWN, LONGEST = 3, 40
KEPT = frozenset(" _-.,/()^~=#")


def shape_of(name: str) -> str:
    """The name with words as `a`, `A` or `Aa` whatever their length, digits as `9`, anything unusual as `?`."""
    shape = re.sub(r"(a)a+|(A)A+", r"\1\2", "".join(_shape_of_sign(sign) for sign in name))
    return shape[:LONGEST] + ("…" if len(shape) > LONGEST else "")


def _shape_of_sign(sign: str) -> str:
    if sign.isalpha():
        return "A" if sign.isupper() else "a"
    if sign.isdigit():
        return "9"
    return sign if sign in KEPT else "?"


def shapes_of(names: Iterable[str]) -> str:
    """The commonest shapes of names with their counts, in words: `A-9999-9999.a (12), a99.a (3)`."""
    counts = Counter(map(shape_of, names))
    shown = ", ".join(f"{shape} ({number:,})" for shape, number in counts.most_common(SHOWN))
    rest = len(counts) - SHOWN
    return shown if rest <= 0 else f"{shown} and {rest:,} other form{'s' if rest > 1 else ''}"
