"""Numbers as the pages write them: the same digits and the same form of interval everywhere.

In: numbers. Out: text; what is undefined is a dash, and its reason stands beside or below it.
"""

from __future__ import annotations

DIGITS = 3
"""AUROC and its friends in a sentence."""

TABLE_DIGITS = 2
"""AUROC and its friends in a table with intervals: the third digit is noise below a thousand patients."""

WHOLE_PERCENT_BELOW = 200
"""Below this many patients one patient is more than half a per cent, so percentages have no decimals."""

UNDEFINED = "–"


def plain(value: float | None, *, digits: int = DIGITS) -> str:
    """`0.914`; never a minus before zero."""
    if value is None:
        return UNDEFINED
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def interval(low: float | None, high: float | None, *, digits: int = DIGITS) -> str:
    """`0.871-0.944`, with the word `to` where a bound is negative; empty when there is none."""
    if low is None or high is None:
        return ""
    link = " to " if min(low, high) < 0 else "-"
    return f"{plain(low, digits=digits)}{link}{plain(high, digits=digits)}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """`0.914 (95 % CI 0.871-0.944)` for a sentence."""
    bounds = interval(low, high)
    return f"{plain(value)} (95 % CI {bounds})" if bounds else plain(value)


def in_words(value: float, low: float | None, high: float | None, *, reason: str | None) -> str:
    """`0.914 (95 % CI 0.871-0.944)`, or `0.914 (no interval: 4 patients of yes ...)` with the reason."""
    if low is not None or reason is None:
        return with_interval(value, low, high)
    return f"{plain(value)} (no interval: {reason.removeprefix('no interval: ')})"


def in_table(
    value: float | None, low: float | None = None, high: float | None = None, *, digits: int = TABLE_DIGITS
) -> str:
    """`0.91 (0.87-0.94)` for a cell."""
    bounds = interval(low, high, digits=digits)
    text = plain(value, digits=digits)
    return f"{text} ({bounds})" if bounds and value is not None else text


def p_value(value: float) -> str:
    """`p = 0.03`, `p = 0.004`, `p < 0.001`; three digits also where two would hide on which side of 0.05 it lies."""
    if value < 0.001:
        return "p < 0.001"
    return f"p = {value:.{3 if value < 0.01 or 0.045 <= value < 0.055 else 2}f}"


def percent(part: float, whole: float) -> str:
    """`42 %` below 200, `42.3 %` from there on; a dash when there is no whole."""
    if not whole:
        return UNDEFINED
    return f"{100 * part / whole:.{0 if whole < WHOLE_PERCENT_BELOW else 1}f} %"


def count(number: float, noun: str, *, plural: str | None = None) -> str:
    """`1 patient`, `5,840 patients`."""
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """`48 s`, `12 min 31 s`, `3 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def joined(names: list[str] | tuple[str, ...], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
