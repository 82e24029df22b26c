"""What fine-tuning added on a few draws of the learning curve, in words: how often, by how much, never which is better.

In: a learning curve as the record keeps it. Out: a sentence for each size; none where nothing was fine-tuned.
"""

from __future__ import annotations

from statistics import median

from medtl.record.learning_curve import FineTunedPoint, LearningCurve, ModelCurve
from medtl.report.html.numbers import plain


def differences_of(point: FineTunedPoint, reference: str) -> tuple[float, ...]:
    """The AUROC of the fine-tuned network minus that of another model, draw by draw."""
    return tuple(own - other for own, other in zip(point.values, point.others[reference], strict=True))


def fine_tuned_sentences(curve: LearningCurve) -> tuple[str, ...]:
    """How often the fine-tuned network ranked higher than the first model on the same draws, and by how much."""
    if curve.fine_tuned is None:
        return ()
    return tuple(_sentence(point, curve.models[0], curve.fine_tuned.phrase) for point in curve.fine_tuned.points)


def _sentence(point: FineTunedPoint, reference: ModelCurve, phrase: str) -> str:
    found = differences_of(point, reference.model)
    higher, draws = sum(one > 0 for one in found), len(found)
    return (
        f"With {point.patients} patients a class {phrase} had a higher AUROC than {reference.phrase} on {higher} of "
        f"the same {draws} draws: differences from {plain(min(found))} to {plain(max(found))}, median "
        f"{plain(median(found))}."
    )
