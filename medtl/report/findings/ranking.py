"""What speaks against how the patients were ranked: undefined, by chance, too well, by too few, or without the scans.

In: a run and its numbers. Out: a finding each, or None. A rule looks at numbers only, never at how they please.
"""

from __future__ import annotations

from medtl.findings import Finding, Severity
from medtl.record.run import Run
from medtl.report.html.numbers import count, interval, joined, p_value, plain, with_interval
from medtl.report.results.control_words import control_sentence
from medtl.report.results.judged import Judged, Judgement

CHANCE = 0.5
COMPATIBLE_WITH_CHANCE = "chance"
"""The kind of the finding, which the verdict says also where another concern is stronger."""

FEW_PATIENTS = 100
"""Below this a 95 % interval of an AUROC of 0.8 is wider than 0.17 (Hanley and McNeil 1982)."""

FEW_IN_A_CLASS = 30
WIDE_SPREAD = 0.15
"""AUROC between the best and the worst fold from which the mean hides more than it tells."""


def undefined(run: Run, judged: Judged) -> Finding | None:
    """The primary metric is missing, pooled or in a fold."""
    chosen, by_fold = _chosen(run.chosen_model, judged), judged.by_fold[run.chosen_model]
    auroc = chosen.auroc
    if auroc.value is None:
        return Finding(
            "undefined metric",
            "The AUROC is not defined in these patients, so nothing can be said about ranking.",
            f"Reason: {auroc.reason}.",
            advice="Use fewer folds or a cohort with every class in every fold.",
            question="Why is there no AUROC?",
            severity=Severity.INCOMPLETE,
        )
    missing = [fold for fold, found in by_fold.items() if found.auroc.value is None]
    if not missing:
        return None
    reason = by_fold[missing[0]].auroc.reason
    return Finding(
        "undefined in folds",
        f"In {count(len(missing), 'fold')} the AUROC is not defined; so wins and spread rest on the other folds.",
        f"{'Fold' if len(missing) == 1 else 'Folds'} {joined([str(fold) for fold in missing])}: {reason}.",
        advice="Use fewer folds, so that each holds every class.",
        question="Why is the AUROC missing in some folds?",
        severity=Severity.INCOMPLETE,
    )


def without_scans(run: Run, judged: Judged) -> Finding | None:
    """The label can be predicted without the scans."""
    blind, auroc = run.cohort.without_scans, _chosen(run.chosen_model, judged).auroc
    if blind is None or not blind.is_suspicious or blind.auroc.value is None:
        return None
    without = with_interval(blind.auroc.value, blind.auroc.low, blind.auroc.high)
    if blind.auroc.low is None and blind.p_value is not None:
        without += f" ({p_value(blind.p_value)} by permuted labels; too few patients for an interval)"
    return Finding(
        "metadata only",
        control_sentence("metadata_only", blind.auroc.value, auroc),
        f"AUROC {without} out of fold from {joined(blind.properties)} alone; with the scans "
        f"{with_interval(auroc.value, auroc.low, auroc.high)}.",
        advice="Read in the notes which properties are associated with the label and what the preparation leaves of "
        "them; make "
        "them alike "
        "in all classes, or compare within equal ones.",
        question="Does the model see the condition, or how and where the scan was made?",
        severity=Severity.VALIDITY,
    )


def perfect(run: Run, judged: Judged) -> Finding | None:
    """Every pair of patients is in order, which is rarely true."""
    chosen = _chosen(run.chosen_model, judged)
    auroc = chosen.auroc
    if auroc.value is None or auroc.value < 1.0:
        return None
    return Finding(
        "perfect ranking",
        "Every pair of patients was ranked rightly.",
        f"AUROC {plain(auroc.value)} in {count(chosen.patients, 'patient')}.",
        advice="Look for duplicates, for a mark of the scanner or site, and for patients in two folds, before "
        "believing it.",
        question="How can every patient be ranked rightly?",
        severity=Severity.VALIDITY,
    )


def chance(run: Run, judged: Judged) -> Finding | None:
    """The interval includes chance."""
    auroc = _chosen(run.chosen_model, judged).auroc
    if auroc.low is None or auroc.low > CHANCE:
        return None
    return Finding(
        COMPATIBLE_WITH_CHANCE,
        "The interval of the AUROC includes 0.5: the ranking is compatible with chance.",
        f"AUROC {plain(auroc.value)}, 95 % CI {interval(auroc.low, auroc.high)}.",
        advice="Do not claim that the condition can be recognised from these scans; collect more patients.",
        question="Is this better than guessing?",
        severity=Severity.PRECISION,
    )


def few_patients(run: Run, judged: Judged) -> Finding | None:
    """Too few patients for a narrow interval."""
    chosen = _chosen(run.chosen_model, judged)
    fewest = min(chosen.by_class)
    if chosen.patients >= FEW_PATIENTS and fewest >= FEW_IN_A_CLASS:
        return None
    width = ""
    if chosen.auroc.low is not None and chosen.auroc.high is not None:
        width = f" The 95 % interval of the AUROC is {plain(chosen.auroc.high - chosen.auroc.low)} wide."
    smallest = run.classes[chosen.by_class.index(fewest)]
    return Finding(
        "few patients",
        f"The study is small: {count(chosen.patients, 'patient')}, of whom {fewest} in the smallest class.",
        f"Smallest class: {smallest}, {count(fewest, 'patient')}.{width}",
        advice="Quote the interval, never the point alone; differences between models of this size are rarely real.",
        question="Are there enough patients to say this?",
        severity=Severity.PRECISION,
    )


def spread(run: Run, judged: Judged) -> Finding | None:
    """The folds differ much."""
    values = [found.auroc.value for found in judged.by_fold[run.chosen_model].values()]
    defined = [value for value in values if value is not None]
    if len(defined) < 2 or max(defined) - min(defined) < WIDE_SPREAD:
        return None
    return Finding(
        "spread of folds",
        "The folds disagree: which patients are tested matters more than most differences between models.",
        f"AUROC from {plain(min(defined))} to {plain(max(defined))} over {count(len(defined), 'fold')}.",
        advice="Look at the worst fold's page; repeat the folds with other seeds.",
        question="Does the result depend on which patients were tested?",
        severity=Severity.WEAKNESS,
    )


def _chosen(chosen_model: str, judged: Judged) -> Judgement:
    return judged.of(chosen_model, fold=None)
