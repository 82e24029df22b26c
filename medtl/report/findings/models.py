"""What speaks against the models: overfitting, a baseline that is as good or too weak, other cases.

In: a run and its numbers. Out: a finding each, or None. A rule looks at numbers only, never at how they please.
"""

from __future__ import annotations

import math
from dataclasses import replace

from medtl.evaluation import UNLIKE_CASES
from medtl.findings import Finding, Severity
from medtl.policies.small_data import CHANGE_THE_LOSS
from medtl.record.fold import FoldRecord
from medtl.record.run import Run
from medtl.report.html.numbers import count, joined, plain
from medtl.report.results.claim import claim_of, sentence_of
from medtl.report.results.judged import Judged

LARGE_GAP = 0.10
"""Validation minus training loss in the last epoch from which the network has memorised its training patients."""


def overfitting(run: Run, judged: Judged) -> Finding | None:
    """The validation loss lies far above the training loss."""
    options = run.study.small_data
    if options is not None and CHANGE_THE_LOSS & set(options.named):
        return None  # the two losses are not the same
    gaps = []
    for record in run.folds:
        if record.history is not None:
            own = record.history[record.history["model"] == run.chosen_model]
            if len(own):
                last = own.sort_values("epoch").iloc[-1]
                gaps.append(float(last["validation_loss"]) - float(last["training_loss"]))
    defined = [gap for gap in gaps if not math.isnan(gap)]
    if not defined or sum(defined) / len(defined) < LARGE_GAP:
        return None
    mean = sum(defined) / len(defined)
    return Finding(
        "overfitting",
        "The network fits its training patients much better than its validation patients: it overfits.",
        f"Validation minus training loss in the last epoch: {plain(mean)}, mean of {count(len(defined), 'fold')}.",
        advice="Prefer the frozen probe, train for fewer epochs, or add patients.",
        question="Has the network memorised its training patients?",
        severity=Severity.WEAKNESS,
    )


def balanced_classes(run: Run, judged: Judged) -> Finding | None:
    """The networks were taught other shares of the classes than the patients have."""
    options = run.study.small_data
    if options is None or options.class_balance is None or not has_network(run.folds):
        return None
    return Finding(
        "balanced classes",
        "The networks learnt from balanced classes, so their probabilities are risks only as far as the correction "
        "that followed holds.",
        "The log odds were corrected by the known weights of the classes (exact for the loss that was minimised, not "
        "for a network that has not reached its least).",
        advice="Look at the calibration intercept and at the reliability curve before a probability is used; without "
        "recipe.small_data.class_balance no correction is needed.",
        question="Are the probabilities those of the patients' own prevalence?",
        severity=Severity.WEAKNESS,
    )


def has_network(folds: tuple[FoldRecord, ...]) -> bool:
    """Whether a model of the run was trained by epochs."""
    return any(record.history is not None and len(record.history) for record in folds)


def unlike_cases(run: Run, judged: Judged) -> Finding | None:
    """The models were tested on different cases."""
    found = next((one for one in judged.findings if one.kind == UNLIKE_CASES), None)
    title = "The models were not tested on the same cases, so their rows must not be compared with each other."
    return None if found is None else replace(found, title=title, evidence=found.sentence)


def not_better_than_probe(run: Run, judged: Judged) -> Finding | None:
    """The network does not exceed the frozen probe."""
    found = next((one for one in judged.differences if one.model == run.chosen_model), None)
    if found is None or found.difference.low is None:
        return None
    claim = claim_of(found)
    if claim.side == "better":
        return None
    return Finding(
        "no better than the probe",
        "The frozen probe, which is simpler, ranks the patients better than the network."
        if claim.side == "worse"
        else "The network was not shown to rank better than the frozen probe, which is simpler.",
        sentence_of(found),
        advice="Report the frozen probe as the result, and the network as an attempt that did not show more.",
        question="Is the network better than a simple baseline?",
        severity=Severity.WEAKNESS,
    )


def weak_probe(run: Run, judged: Judged) -> Finding | None:
    """The frozen probe may be weaker than it could be."""
    probes = [(record.fold, record.probe) for record in run.folds if record.probe is not None]
    stuck = [fold for fold, probe in probes if not probe.converged]
    edge = [fold for fold, probe in probes if probe.at_the_edge]
    if stuck:
        return Finding(
            "weak probe",
            "The frozen probe did not converge in every fold, so the baseline may be too weak.",
            f"Not converged: {'fold' if len(stuck) == 1 else 'folds'} {joined([str(fold) for fold in stuck])}.",
            advice="Look for constant or duplicated features before comparing with it.",
            question="Was the simple baseline given a fair chance?",
            severity=Severity.WEAKNESS,
        )
    if not edge:
        return None
    return Finding(
        "weak probe",
        "The probe's regularisation lies at the edge of what was tried, so the baseline may be too weak.",
        f"At the edge: {'fold' if len(edge) == 1 else 'folds'} {joined([str(fold) for fold in edge])}.",
        advice="Widen the grid of C.",
        question="Was the simple baseline given a fair chance?",
        severity=Severity.WEAKNESS,
    )
