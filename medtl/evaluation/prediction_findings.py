"""What the reader must know beside the numbers.

In: the table of predictions. Out: findings; none when there is nothing to say. metrics.json holds their sentences.
"""

from __future__ import annotations

from collections.abc import Iterator

from medtl.evaluation.metrics import known
from medtl.evaluation.metrics.metric import MEAN_OF_CLASSES
from medtl.findings import Finding, Severity, reassurance
from medtl.predictions import PredictionTable, patients_with_several_labels

UNLIKE_CASES = "unlike cases"
"""The kind of the finding that models were tested on different cases."""


def prediction_findings(table: PredictionTable) -> tuple[Finding, ...]:
    """Facts about these predictions that change how the numbers are to be read."""
    return tuple(_findings(table))


def _findings(table: PredictionTable) -> Iterator[Finding]:
    test = table.of(role="test")
    several = patients_with_several_labels(test)
    if several:
        yield reassurance(
            "several labels",
            f"{_count(len(several), 'patient')} with images of more than one class: counted once per class, "
            "and always drawn together.",
        )
    if not table.outcome.has_threshold:
        yield reassurance(
            "means over the classes",
            "More than two classes: the most probable class is called, without a threshold; "
            f"{'; '.join(_with_several_classes())}.",
        )
    tested = test.rows[test.rows["model"] == test.models[0]] if test.models else test.rows
    most = int(tested.groupby("case_id").size().max()) if len(tested) else 0
    if most > 1:
        yield reassurance(
            "repeats",
            f"Cases were tested up to {most} times (repeats): pooled numbers average each case's probabilities first; "
            "decisions are counted once per repeat.",
        )
    cases = {model: frozenset(test.of(model=model).rows["case_id"]) for model in test.models}
    if len(set(cases.values())) > 1:
        counts = ", ".join(f"{model} {len(ids)}" for model, ids in cases.items())
        yield Finding(
            UNLIKE_CASES,
            f"The models were not tested on the same cases ({counts}): compare them only by the comparisons given.",
            advice="Compare only by the differences given, which use the patients that both models share.",
            question="Were all models judged on the same patients?",
            severity=Severity.WEAKNESS,
        )


def _with_several_classes() -> Iterator[str]:
    """What each metric is with more than two classes, those that are alike in one clause."""
    means = [metric.in_words for metric in known.METRICS if metric.several_classes == MEAN_OF_CLASSES]
    yield f"{', '.join(means[:-1])} and {means[-1]} are {MEAN_OF_CLASSES}"
    yield from (one.several_classes for one in known.METRICS if one.several_classes not in ("", MEAN_OF_CLASSES))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
