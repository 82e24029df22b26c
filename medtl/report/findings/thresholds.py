"""Whether the thresholds can be relied on: how many validation patients chose them, and how far the folds differ.

In: the thresholds of the folds. Out: a finding with its numbers. Seen on the patients who chose it, a threshold looks
better than it is, so that the figure of the validation patients is never printed as performance.
"""

from __future__ import annotations

from collections.abc import Sequence

from medtl.findings import Finding, Severity
from medtl.report.html.numbers import count, plain
from medtl.report.results.judged import Chosen

FEW_VALIDATION = 60
"""Validation patients below which a chosen threshold is warned of. Simulated with 15 to 60 patients: the sensitivity
seen on them at Youden's threshold was 0.77 to 0.93, the true one 0.62 to 0.72."""

WIDE_RANGE = 0.3
"""Between the lowest and the highest threshold of the folds, from which they are no one rule."""


def threshold_finding(chosen: Sequence[Chosen]) -> Finding | None:
    """What speaks against thresholds that were chosen on validation patients; None where nothing does."""
    if not chosen:
        return None
    fewest = min(one.patients for one in chosen)
    low, high = min(one.value for one in chosen), max(one.value for one in chosen)
    is_wide = high - low >= WIDE_RANGE
    if fewest >= FEW_VALIDATION and not is_wide:
        return None
    ranged = f", and they range from {plain(low)} to {plain(high)} over {count(len(chosen), 'fold')}" if is_wide else ""
    if fewest < FEW_VALIDATION:
        title = f"The thresholds were chosen on few validation patients ({fewest:,} in the smallest fold){ranged}."
    else:
        title = f"The thresholds of the folds are no one rule: they range from {plain(low)} to {plain(high)}."
    most = max(one.patients for one in chosen)
    on = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    shown = plain(low) if plain(low) == plain(high) else f"{plain(low)} to {plain(high)}"
    return Finding(
        "few validation patients",
        title,
        f"Thresholds: {shown}, chosen on {on} validation patients a fold. With fewer than {FEW_VALIDATION}, "
        "sensitivity and specificity depend on who happened to be among them.",
        advice="Read the AUROC first. For decisions declare a threshold before (threshold: {rule: fixed, at: …}), or "
        "give the "
        "validation part more patients.",
        question="How stable is the threshold?",
        severity=Severity.PRECISION,
    )
