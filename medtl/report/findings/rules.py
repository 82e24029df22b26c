"""What speaks against a result, by fixed rules, the strongest first, each with its evidence and what to do.

In: a run and its numbers. Out: findings. A rule looks at numbers only, never at how they please.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medtl.findings import Finding, by_severity
from medtl.record.run import Run
from medtl.report.findings.clinical_use import use_findings
from medtl.report.findings.models import balanced_classes, not_better_than_probe, overfitting, unlike_cases, weak_probe
from medtl.report.findings.ranking import chance, few_patients, perfect, spread, undefined, without_scans
from medtl.report.findings.run_state import internal_testing, limited, phantoms, unfinished
from medtl.report.findings.thresholds import threshold_finding
from medtl.report.results.held_out_words import held_out_findings
from medtl.report.results.judged import Judged
from medtl.report.sections.controls import control_findings
from medtl.report.sections.saliency_checks import map_findings


def findings_of(run: Run, judged: Judged) -> tuple[Finding, ...]:
    """Every finding on the run and its cohort, the strongest first: that one stands in the verdict."""
    return by_severity(found for rule in RULES for found in rule(run, judged))


def _maps(run: Run, judged: Judged) -> tuple[Finding, ...]:
    return map_findings(run)


def _of_the_cohort(run: Run, judged: Judged) -> tuple[Finding, ...]:
    return run.cohort.findings


def _thresholds(run: Run, judged: Judged) -> Finding | None:
    return threshold_finding(judged.chosen_thresholds(run.chosen_model))


Rule = Callable[[Run, Judged], Sequence[Finding]]


def _single(rule: Callable[[Run, Judged], Finding | None]) -> Rule:
    """A rule that finds one thing at most."""

    def found(run: Run, judged: Judged) -> tuple[Finding, ...]:
        one = rule(run, judged)
        return () if one is None else (one,)

    return found


RULES: tuple[Rule, ...] = (
    *map(_single, (phantoms, limited, unfinished, undefined, without_scans)),
    control_findings,
    held_out_findings,
    *map(_single, (perfect, chance, few_patients, _thresholds, overfitting, spread)),
    use_findings,
    *map(_single, (balanced_classes, unlike_cases, not_better_than_probe, weak_probe)),
    _maps,
    _single(internal_testing),
    _of_the_cohort,
)
"""Every rule on a run. The order counts among findings of equal severity; a new rule is a function and a line."""
