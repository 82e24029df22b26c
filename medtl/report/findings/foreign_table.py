"""What speaks against predictions of which nothing is known but the table, and what a reviewer will ask about them.

In: the table as a run, and its numbers. Out: concerns, the strongest first, and questions that no table can answer.
"""

from __future__ import annotations

from medtl.findings import Concern
from medtl.record.run import Run
from medtl.report.findings.concerns import concerns_of
from medtl.report.findings.questions import Asked
from medtl.report.html.numbers import count, joined
from medtl.report.results.judged import Judged
from medtl.report.results.table_as_run import patients_over_folds

NAMED_AT_MOST = 5


def table_concerns(run: Run, judged: Judged) -> tuple[Concern, ...]:
    """Every concern that fired; the last one always holds."""
    of_runs = concerns_of(run, judged)[:-1]  # the last speaks of internal testing, which a table does not tell
    found = [_torn_patients(run), *of_runs, _unseen(run)]
    return tuple(concern for concern in found if concern is not None)


def table_questions(run: Run) -> tuple[Asked, ...]:
    """What a reviewer asks and the table cannot say."""
    asked = [
        Asked(
            "How much can be told without the scans?",
            ("No control without the scans can be made from predictions alone.",),
            "Run `medtl check` on the manifest: it says how well size, spacing, file type and covariates tell the "
            "classes apart.",
        ),
    ]
    rule = run.study.evaluation.threshold
    if rule.rule == "fixed" and run.outcome.has_threshold:
        asked.append(
            Asked(
                "When was the threshold declared?",
                (f"Decisions are made from a probability of {rule.at:g} on; the table does not say since when.",),
                "Say in the manuscript why this threshold, and that it was set before these patients were looked at.",
            )
        )
    return tuple(asked)


def _torn_patients(run: Run) -> Concern | None:
    torn = patients_over_folds(run.predictions)
    if not torn:
        return None
    named = (
        joined(torn[:NAMED_AT_MOST]) if len(torn) <= NAMED_AT_MOST else f"{', '.join(torn[:NAMED_AT_MOST])} and more"
    )
    return Concern(
        "Patients are split over folds: models were tested on patients from whom they had learned, so every number "
        "here is too high.",
        f"{count(len(torn), 'patient')} with cases in the test parts of different folds: {named}.",
        "Split by patient and predict again; these numbers cannot be mended.",
        "Were patients kept apart?",
    )


def _unseen(run: Run) -> Concern:
    where = f"{count(len(run.planned_folds), 'fold')} are named" if len(run.planned_folds) > 1 else "One fold is named"
    return Concern(
        "Only predictions were judged: whether the models had seen these patients is not known here.",
        f"{where} in the table. It does not say who was trained on, nor how often a model was changed after looking at "
        "these patients.",
        "State how training, validation and test patients were kept apart and how many models were tried; test on "
        "patients of another hospital before any use.",
        "Had the models seen these patients?",
    )
