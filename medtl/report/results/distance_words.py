"""How far the target lies from each source, in words.

In: a comparison as the record keeps it. Out: a sentence for each source whose card knows its features, and one on those
that do not. What is called far is farther than any of the samples of the source lie from each other.
"""

from __future__ import annotations

import math

from medtl.record.sources import DistanceFound, SourceComparison
from medtl.report.html.numbers import count, joined, percent

SIGNIFICANT_DIGITS = 3


def distance_sentences(found: SourceComparison) -> tuple[str, ...]:
    """How far the target lies from each source that is known, and of which sources it is not."""
    sentences = [_sentence(one.candidate, one.found) for one in found.distances if one.found is not None]
    reasons: dict[str, list[str]] = {}
    for one in found.distances:
        if one.reason:
            reasons.setdefault(one.reason, []).append(one.candidate)
    sentences += [
        f"How far these images lie from the source of {joined(names)} is not known: {reason}."
        for reason, names in reasons.items()
    ]
    return tuple(sentences)


def _sentence(name: str, far: DistanceFound) -> str:
    share = (
        f"{percent(far.outside, far.cases)} of {count(far.cases, 'image')} lie outside of the source's domain, 5 % are "
        "expected of images of its own kind"
    )
    measured = f"Fréchet distance {number_of(far.frechet)}"
    if far.frechet <= far.largest_of_draws:
        return (
            f"{name}: these images lie no farther from its source than samples of the source do from each other "
            f"({measured}; of {far.draws} pairs of samples up to {number_of(far.largest_of_draws)}). {share}."
        )
    times = f", a factor of {number_of(far.frechet / far.of_draws)}" if far.of_draws > 0 else ""
    return (
        f"{name}: these images lie farther from its source than samples of the source do from each other ({measured}; "
        f"of {far.draws} pairs of samples {number_of(far.of_draws)} on average{times}). {share}."
    )


def number_of(value: float) -> str:
    """A distance with three digits that say something: `0.0123`, `4.56`, `1,234`."""
    if value == 0.0:
        return "0"
    return f"{value:,.{max(0, SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value))))}f}"
