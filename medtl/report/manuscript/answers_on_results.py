"""What a run can say on the items that ask what was found: patients, performance, failures and the size of the study.

In: a run and its numbers. Out: one answer each, or None where this run has nothing to say.
"""

from __future__ import annotations

import re

from medtl.evaluation import Estimate
from medtl.record.run import Run
from medtl.report.html.numbers import DIGITS, count, in_table, joined, percent, plain, with_interval
from medtl.report.html.theme import look_of
from medtl.report.manuscript.answer import Answer
from medtl.report.results.held_out_words import auroc_there, title_of
from medtl.report.results.judged import Judged, metric_name
from medtl.report.results.scores import scores_of
from medtl.report.sections.cohort import COVARIATE_NAMES, flow_of

WEIGHTING = re.compile(r"class_weight|oversampl|undersampl|sampler|reweight|balance")
"""Settings that would change the share of the classes in training; without one the losses count every case alike."""


def size(run: Run, judged: Judged) -> Answer:
    """How many patients, and how narrow an interval they give."""
    found = judged.of(run.chosen_model, fold=None)
    sentence = f"{count(found.patients, 'patient')}, {min(found.by_class):,} in the smallest class."
    if found.auroc.low is not None and found.auroc.high is not None:
        half = (found.auroc.high - found.auroc.low) / 2
        sentence += f" They place the AUROC within ± {plain(half)} (half of its 95 % interval)."
    return Answer("well", sentence, "whether a size was planned, and from what")


def robustness(run: Run, judged: Judged) -> Answer | None:
    """How far the folds differ, and what is predicted without the scans."""
    values = [one.auroc.value for one in judged.by_fold[run.chosen_model].values()]
    defined = [value for value in values if value is not None]
    if len(defined) < 2:
        return None
    sentence = f"AUROC from {plain(min(defined))} to {plain(max(defined))} over {count(len(defined), 'fold')}."
    blind = run.cohort.without_scans
    if blind is not None and blind.auroc.value is not None:
        sentence += (
            f" Without the scans, from covariates and files alone: {in_table(blind.auroc.value, digits=DIGITS)}."
        )
    return Answer("asked", sentence)


def internal(run: Run, judged: Judged) -> Answer:
    """Who was tested inside the cohort."""
    found = judged.of(run.chosen_model, fold=None)
    how = "each judged out of fold" if len(run.planned_folds) > 1 else "of the part kept for testing"
    return Answer("well", f"Internal testing: {count(found.patients, 'patient')}, {how}.")


def external(run: Run, judged: Judged) -> Answer:
    """On which other cohorts the run was tested, or that it was tested on none."""
    sentence = [
        f"{title_of(one.record)}, {count(one.record.patients, 'patient')}: AUROC "
        + in_table(*_bounds(auroc_there(one, run.chosen_model)), digits=DIGITS)
        for one in run.held_out
        if one.record.kind == "external"
    ]
    if sentence:
        return Answer("apart", f"{joined(sentence)}.")
    sealed = " and a sealed test of the same data set" if run.held_out else ""
    return Answer(
        "asked", f"Not in this run: internal testing{sealed} only.", "external testing done elsewhere, or its lack"
    )


def flow(run: Run, judged: Judged) -> Answer:
    """From files to patients."""
    flow = flow_of(run)
    reasons = [f"{one.cases:,} {one.reason}" for one in flow.reasons]
    left = f"{flow.excluded:,} left out ({', '.join(reasons)})" if reasons else "none left out"
    return Answer("who", f"{flow.files:,} files, {left}, {flow.cases:,} cases of {flow.patients:,} patients.")


def characteristics(run: Run, judged: Judged) -> Answer | None:
    """The covariates that the page shows."""
    names = [COVARIATE_NAMES.get(name, name) for name in run.cohort.covariates]
    if not names:
        return None
    return Answer("who", f"{joined(names)} by class; classes by fold and part.", "what the manifest does not hold")


def performance(run: Run, judged: Judged) -> Answer:
    """The primary metric with its interval."""
    name, found = look_of(run.chosen_model, run.models).name, judged.of(run.chosen_model, fold=None).auroc
    if found.value is None:
        return Answer("well", f"{name}: {metric_name(run.classes)} not defined ({found.reason}).")
    return Answer("well", f"{name}: {metric_name(run.classes)} {with_interval(found.value, found.low, found.high)}.")


def diagnostic(run: Run, judged: Judged) -> Answer | None:
    """Sensitivity and specificity with their intervals."""
    found = judged.of(run.chosen_model, fold=None)
    sentence = [
        f"{name} {in_table(one.value, one.low, one.high)}"
        for name in ("sensitivity", "specificity")
        if (one := found.estimates[name]).value is not None
    ]
    where = (
        "At the declared threshold"
        if run.outcome.has_threshold
        else "Averages of the classes, the most probable called"
    )
    return Answer("well", f"{where}: {joined(sentence)}.") if sentence else None


def failures(run: Run, judged: Judged) -> Answer:
    """How many patients were judged wrongly."""
    scores = scores_of(judged.patients, model=run.chosen_model)
    wrong = int((scores.called(judged.thresholds(run.chosen_model)) != scores.truth).sum())
    where = (
        "At the declared threshold another class was called"
        if run.outcome.has_threshold
        else "Another class was called"
    )
    return Answer(
        "wrong",
        f"{where} in {wrong} of {count(len(scores.truth), 'patient')}.",
        "what was found when their scans were read again",
    )


def balance(run: Run, judged: Judged) -> Answer:
    """The share of each class, and whether training changed it."""
    counts = judged.of(run.chosen_model, fold=None).by_class
    sentence = [f"{label} {percent(n, sum(counts))}" for label, n in zip(run.classes, counts, strict=True)]
    questions = [name for name, _ in run.study.settings if WEIGHTING.search(name)]
    handled = f"the study sets {joined(questions)}" if questions else "classes were neither weighted nor sampled anew"
    return Answer("who", f"{joined(sentence)}; {handled}.")


def counts(run: Run, judged: Judged) -> Answer:
    """Tested patients by class."""
    counts = judged.of(run.chosen_model, fold=None).by_class
    sentence = [f"{n:,} {label}" for label, n in zip(run.classes, counts, strict=True)]
    return Answer("who", f"Tested: {joined(sentence)} patients; by fold and part in the figure.")


def _bounds(found: Estimate) -> tuple[float | None, float | None, float | None]:
    return found.value, found.low, found.high
