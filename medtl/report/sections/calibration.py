"""How to read the reliability curve, and what the Brier score is worth against knowing nothing but the shares.

In: judged numbers. Out: sentences.
"""

from __future__ import annotations

from medtl.evaluation.metrics import known
from medtl.outcomes import Outcome
from medtl.report.html.numbers import count, in_table, plain
from medtl.report.html.theme import look_of
from medtl.report.results.judged import Judged


def calibration_sentences(
    chosen_model: str, outcome: Outcome, models: tuple[str, ...], judged: Judged
) -> tuple[str, ...]:
    """Three sentences: reading, the Brier score, and how much the number of patients allows to say."""
    found = judged.of(chosen_model, fold=None)
    name, brier = look_of(chosen_model, models).name, found.estimates["brier"]
    total = max(sum(found.by_class), 1)
    knowing = known.metric_named("brier").chance(outcome, [number / total for number in found.by_class])
    if brier.value is None:
        score = f"{name}: the Brier score is not defined, because {brier.reason}."
    else:
        score = (
            f"{name}: Brier score {in_table(brier.value, brier.low, brier.high)}. Always predicting the cohort's "
            f"class shares would score {plain(knowing, digits=2)}; 0 is perfect."
        )
    return (
        "On the diagonal, 30 % of the patients given 30 % have the condition. Above it the model underestimates, below "
        "it overestimates.",
        score,
        f"{count(found.patients, 'patient')} are spread over the bins: read the intervals, not the single points. "
        "The probabilities were not recalibrated.",
    )
