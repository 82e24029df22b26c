"""Whether the probabilities mean what they say, in bins and in words.

In: scores and judged numbers. Out: points of the reliability curve and sentences.
"""

from __future__ import annotations

from collections.abc import Mapping

from medtl.report.figure_calibration import ReliabilityPoint
from medtl.report.judged import Judged
from medtl.report.numbers import count, in_table, plain
from medtl.report.run_folder import RunFolder
from medtl.report.scores import Scores
from medtl.report.theme import look_of

MOST_CLASSES = 4
"""Reliability curves drawn with several classes; the Brier score judges all of them."""

BINS = 10


def reliability_points(scores: Scores) -> Mapping[int, tuple[ReliabilityPoint, ...]]:
    """The curve of the positive class, or of each class (the first four) with more than two."""
    places = (1,) if scores.is_binary else tuple(range(min(len(scores.classes), MOST_CLASSES)))
    return {place: _points(scores, place) for place in places}


def _points(scores: Scores, place: int) -> tuple[ReliabilityPoint, ...]:
    import numpy as np

    truth, score = scores.against_rest(place)
    order = np.argsort(score, kind="stable")
    bins = [part for part in np.array_split(order, min(BINS, max(1, len(order) // 10))) if len(part)]
    out = []
    for part in bins:
        k, n = int(truth[part].sum()), len(part)
        z = 1.96
        p = k / n
        c = (p + z * z / 2 / n) / (1 + z * z / n)
        h = z * ((p * (1 - p) / n + z * z / 4 / n / n) ** 0.5) / (1 + z * z / n)
        out.append(ReliabilityPoint(float(score[part].mean()), p, c - h, c + h, n))
    return tuple(out)


def calibration_sentences(run: RunFolder, judged: Judged, scores: Scores) -> tuple[str, ...]:
    """The Brier score against a model that knows only the classes' shares, and how to read the curve."""
    look = look_of(run.chosen_model, run.models)
    brier = judged.models[run.chosen_model].pooled["brier"]
    shares = [number / max(sum(judged.by_class), 1) for number in judged.by_class]
    knowing = 1 - sum(share**2 for share in shares)
    knowing = knowing / 2 if scores.is_binary else knowing
    sentences = [
        "A point on the diagonal means that of patients called 30 %, 30 % had the condition. Points above it: the "
        "model says too little; below it: too much.",
    ]
    if brier.value is None:
        sentences.append(f"The Brier score is not defined: {brier.reason}.")
    else:
        sentences.append(
            f"{look.name}: Brier score {in_table(brier.value, brier.low, brier.high)}. Always stating the cohort's "
            f"shares would score {plain(knowing, digits=2)}; 0 is perfect."
        )
    fewest = min((point.patients for bins in reliability_points(scores).values() for point in bins), default=0)
    sentences.append(
        f"With {count(len(scores.truth), 'patient')} each bin holds about {count(fewest, 'patient')}: read the "
        "intervals, not the single points. Probabilities were not recalibrated."
    )
    return tuple(sentences)
