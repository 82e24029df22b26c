"""What the reader must be told beside the numbers, one sentence each.

In: the table of predictions. Out: sentences; none when there is nothing to tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.metric import MEAN_OF_CLASSES
from medtl.predictions import PredictionTable, patients_with_several_labels


def notes_on(table: PredictionTable) -> tuple[str, ...]:
    """Facts about these predictions that change how the numbers are to be read."""
    return tuple(_notes(table))


def _notes(table: PredictionTable) -> Iterator[str]:
    test = table.of(role="test")
    several = patients_with_several_labels(test)
    if several:
        yield (
            f"{_count(len(several), 'patient')} with images of more than one class: counted once per class, "
            "and always drawn together."
        )
    if not table.outcome.has_threshold:
        yield (
            "More than two classes: the most probable class is called, without a threshold; "
            f"{'; '.join(_with_several_classes())}."
        )
    tested = test.rows[test.rows["model"] == test.models[0]] if test.models else test.rows
    most = int(tested.groupby("case_id").size().max()) if len(tested) else 0
    if most > 1:
        yield (
            f"Cases were tested up to {most} times (repeats): pooled numbers average each case's probabilities first; "
            "decisions are counted once per repeat."
        )
    cases = {model: frozenset(test.of(model=model).rows["case_id"]) for model in test.models}
    if len(set(cases.values())) > 1:
        counts = ", ".join(f"{model} {len(ids)}" for model, ids in cases.items())
        yield f"The models were not tested on the same cases ({counts}): compare them only by the comparisons given."


def _with_several_classes() -> Iterator[str]:
    """What each metric is with more than two classes, those that are alike in one clause."""
    means = [metric.in_words for metric in known.METRICS if metric.several_classes == MEAN_OF_CLASSES]
    yield f"{', '.join(means[:-1])} and {means[-1]} are {MEAN_OF_CLASSES}"
    yield from (one.several_classes for one in known.METRICS if one.several_classes not in ("", MEAN_OF_CLASSES))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
