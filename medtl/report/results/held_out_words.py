"""What is said of held-out cases: what a cohort is called, how often it was opened, and what speaks against it.

In: a run with its held-out cohorts. Out: sentences for the page and the verdict, and findings.
"""

from __future__ import annotations

from medtl.evaluation import Estimate
from medtl.findings import Finding, Severity
from medtl.outcomes import Outcome
from medtl.record.held_out import HeldOut
from medtl.record.run import HeldOutRun, Run
from medtl.record.sealed import Seal
from medtl.report.html.numbers import count, in_words, percent, with_interval
from medtl.report.results.judged import Judged
from medtl.report.results.promises import Compared, broken_promises, compared_numbers

SHIFT = 0.05
"""A class whose share of the patients differs by more from the study's is told as a shift."""


def seal_sentences(seal: Seal | None, held_out: tuple[HeldOutRun, ...]) -> tuple[str, ...]:
    """That a test is sealed and still closed; nothing once it was opened."""
    if seal is None or any(one.record.kind == "sealed" for one in held_out):
        return ()
    return (
        f"{count(seal.cases, 'case')} of {count(seal.patients, 'patient')} are sealed: the study's column "
        f"{seal.column} calls them the test. They have not been opened. When nothing about the study changes any "
        "more, medtl unseal tests it on them once; the opening is written down and counted here.",
    )


def title_of(record: HeldOut) -> str:
    """What a held-out cohort is called."""
    return "The sealed test" if record.kind == "sealed" else f"The cohort {record.name}"


def finding(run: Run, judged: Judged, *, metric: str) -> tuple[str, ...]:
    """A sentence for the verdict on each held-out cohort, with the number that held worst."""
    sentences = []
    for one in run.held_out:
        auroc = auroc_there(one, run.chosen_model)
        times = "opened once" if openings_of(one.record) == 1 else f"opened {openings_of(one.record)} times"
        number = "not defined"
        if auroc.value is not None:
            number = in_words(auroc.value, auroc.low, auroc.high, reason=auroc.reason)
        name = title_of(one.record)[0].lower() + title_of(one.record)[1:]
        worse = [broken for broken in broken_of(run.chosen_model, judged, one) if "AUROC" not in broken.name]
        fallen = f", but {worse[0].change}" if worse else ""
        sentences.append(
            f"On {name} ({count(one.record.patients, 'patient')}, {times}) the {metric} was {number}{fallen}."
        )
    return tuple(sentences)


def broken_of(chosen_model: str, judged: Judged, one: HeldOutRun) -> tuple[Compared, ...]:
    """What the held-out patients do not bear out, the worst first."""
    return broken_promises(compared_numbers(one.metrics, judged, model=chosen_model))


def openings_of(record: HeldOut) -> int:
    """How often the same images were opened and answered for, by this run and others."""
    return sum(one.is_answered for one in (*record.openings, *record.elsewhere))


def unanswered(record: HeldOut) -> str:
    """A sentence on openings that were stopped before there was an answer; empty where there was none."""
    stopped = sum(not one.is_answered for one in (*record.openings, *record.elsewhere))
    if not stopped:
        return ""
    were = "1 further opening was" if stopped == 1 else f"{stopped} further openings were"
    return f" {were} not answered: stopped before anything was written down."


def held_out_findings(run: Run, judged: Judged) -> tuple[Finding, ...]:
    """Numbers below what the folds promised, openings beyond the first, and shares of classes that differ."""
    found = [
        rule
        for one in run.held_out
        for rule in (_broken(run.chosen_model, judged, one), _reopened(one), _shifted(run.classes, run.outcome, one))
    ]
    return tuple(finding for finding in found if finding is not None)


def largest_shift(classes: tuple[str, ...], outcome: Outcome, one: HeldOutRun) -> tuple[str, float, float]:
    """The class whose share of patients differs most (of two the positive one), with its share here and there."""
    here, there = (
        {count.label: count.patients / max(sum(one.patients for one in counts), 1) for count in counts}
        for counts in (one.record.by_class, one.record.development)
    )
    order = [classes[index] for index in outcome.judged]
    label = max(order, key=lambda name: abs(here.get(name, 0.0) - there.get(name, 0.0)))
    return label, here.get(label, 0.0), there.get(label, 0.0)


def auroc_there(one: HeldOutRun, model: str) -> Estimate:
    """The primary metric of a model there."""
    return one.metrics.of(model).patient.pooled.metrics.primary


def _reopened(one: HeldOutRun) -> Finding | None:
    times = openings_of(one.record)
    if times < 2:
        return None
    name = title_of(one.record)
    return Finding(
        "opened again",
        f"{name} was opened {times} times: what was learnt from one opening may have shaped the next.",
        f"By this run {count(sum(by.is_answered for by in one.record.openings), 'time')}, by others of this user on "
        f"this machine {count(sum(by.is_answered for by in one.record.elsewhere), 'time')}.{unanswered(one.record)}",
        advice="Report the first opening, say how many there were, and test on patients whom nobody has looked at.",
        question="Was the test set used more than once?",
        severity=Severity.VALIDITY,
    )


def _broken(chosen_model: str, judged: Judged, one: HeldOutRun) -> Finding | None:
    broken, here = broken_of(chosen_model, judged, one), auroc_there(one, chosen_model)
    promised = judged.of(chosen_model, fold=None).auroc
    is_lower = None not in (here.value, here.high, promised.value) and (here.high or 0.0) < (promised.value or 0.0)
    if not broken and not is_lower:
        return None
    auroc = f"AUROC {with_interval(here.value, here.low, here.high)} there, " + (
        f"{with_interval(promised.value, promised.low, promised.high)} out of fold"
    )
    clauses = [one.numbers for one in broken if "AUROC" not in one.name]
    worst = f": {broken[0].change}" if broken else ""
    return Finding(
        "broken promise",
        f"{title_of(one.record)} does not bear out what the folds promised{worst}.",
        f"{'; '.join([*clauses, auroc])}."
        + (
            ""
            if is_lower or "AUROC" in broken[0].name
            else " The ranking hides it: the AUROC is compatible with what was promised."
        ),
        advice="Report the held-out numbers as the result, and look for what differs: scanner, age, severity, "
        "labelling, the "
        "share of the classes. A threshold or a probability that fell has to be set anew there and tested again.",
        question="Does the result hold on patients kept separate?",
        severity=Severity.VALIDITY,
    )


def _shifted(classes: tuple[str, ...], outcome: Outcome, one: HeldOutRun) -> Finding | None:
    label, here, there = largest_shift(classes, outcome, one)
    if abs(here - there) <= SHIFT:
        return None
    name = title_of(one.record)
    return Finding(
        "other shares of the classes",
        f"The classes are mixed differently in {name[0].lower() + name[1:]} than in the study.",
        f"{label}: {percent(here, 1)} of the patients there, {percent(there, 1)} in the study.",
        advice="Compare by AUROC, sensitivity and specificity; do not compare accuracy, predictive values or "
        "calibration.",
        question="Are the two groups of patients alike?",
        severity=Severity.VALIDITY,
    )
