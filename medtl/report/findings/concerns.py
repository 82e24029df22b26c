"""What speaks against a result, by fixed rules, the strongest first, each with its evidence and what to do.

In: a run and its numbers. Out: concerns in plain words. A rule looks at numbers only, never at how they please.
"""

from __future__ import annotations

from collections.abc import Mapping

from medtl.findings import Concern
from medtl.record.run import Run
from medtl.report.findings.clinical_use import use_concerns
from medtl.report.findings.thresholds import threshold_concern
from medtl.report.html.numbers import count, interval, joined, p_value, plain, with_interval
from medtl.report.results.claim import claim_of, sentence_of
from medtl.report.results.control_words import WITHOUT_SCANS, relation
from medtl.report.results.judged import Judged, Judgement
from medtl.report.sections.controls import control_concerns
from medtl.report.sections.held_out_words import held_out_concerns
from medtl.report.sections.saliency_checks import checks_concerns

CHANCE = 0.5
FEW_PATIENTS = 100
"""Below this a 95 % interval of an AUROC of 0.8 is wider than 0.17 (Hanley and McNeil 1982)."""

FEW_IN_A_CLASS = 30
WIDE_SPREAD = 0.15
"""AUROC between the best and the worst fold from which the mean hides more than it tells."""

LARGE_GAP = 0.10
"""Validation minus training loss in the last epoch from which the network has learned patients by heart."""


def concerns_of(run: Run, judged: Judged) -> tuple[Concern, ...]:
    """Every concern that fired, the strongest first; the last one always holds."""
    chosen, by_fold = judged.of(run.chosen_model, fold=None), judged.by_fold[run.chosen_model]
    found = [
        _phantoms(run),
        _limited(run),
        _unfinished(run),
        _undefined(chosen, by_fold),
        _without_scans(run, chosen),
        *control_concerns(run, judged),
        *held_out_concerns(run, judged),
        _perfect(chosen),
        _chance(chosen),
        _few_patients(run, chosen),
        threshold_concern(judged.chosen_thresholds(run.chosen_model)),
        _gap(run),
        _spread(by_fold),
        *use_concerns(run, judged),
        _unlike_cases(judged),
        _not_better(run, judged),
        _probe(run),
        *checks_concerns(run),
        _internal(run),
    ]
    return tuple(concern for concern in found if concern is not None)


def _phantoms(run: Run) -> Concern | None:
    if not run.cohort.is_phantom:
        return None
    return Concern(
        "The data are phantoms: the numbers show that the software works, and say nothing about patients.",
        "cohort.json marks the cohort as phantoms.",
        "Use your own manifest for a study.",
        "Are these numbers about patients?",
    )


def _limited(run: Run) -> Concern | None:
    if not run.cohort.limited:
        return None
    return Concern(
        "The run was limited to a part of the cohort, so its numbers are a try and not a result.",
        f"What was studied: {run.cohort.limited}.",
        "Run without the limit before quoting a number. The limit set the shares of the classes, so no probability of "
        "this run is a risk.",
        "Why was only a part of the cohort studied?",
    )


def _unfinished(run: Run) -> Concern | None:
    if run.is_finished:
        return None
    return Concern(
        f"Only {len(run.folds)} of {len(run.planned_folds)} folds are finished; the others may differ.",
        f"Finished are the folds {joined([str(record.fold) for record in run.folds])}.",
        "Continue with --resume.",
        "What would the missing folds say?",
    )


def _undefined(chosen: Judgement, by_fold: Mapping[int, Judgement]) -> Concern | None:
    auroc = chosen.auroc
    if auroc.value is None:
        return Concern(
            "The AUROC is not defined in these patients, so nothing can be said about ranking.",
            f"Reason: {auroc.reason}.",
            "Use fewer folds or a cohort with every class in every fold.",
            "Why is there no AUROC?",
        )
    missing = [fold for fold, found in by_fold.items() if found.auroc.value is None]
    if not missing:
        return None
    reason = by_fold[missing[0]].auroc.reason
    return Concern(
        f"In {count(len(missing), 'fold')} the AUROC is not defined; so wins and spread rest on the other folds.",
        f"{'Fold' if len(missing) == 1 else 'Folds'} {joined([str(fold) for fold in missing])}: {reason}.",
        "Use fewer folds, so that each holds every class.",
        "Why is the AUROC missing in some folds?",
    )


def _without_scans(run: Run, chosen: Judgement) -> Concern | None:
    blind, auroc = run.cohort.without_scans, chosen.auroc
    if blind is None or not blind.is_suspicious or blind.auroc.value is None:
        return None
    without = with_interval(blind.auroc.value, blind.auroc.low, blind.auroc.high)
    if blind.auroc.low is None and blind.p_value is not None:
        without += f" ({p_value(blind.p_value)} by permuted labels; too few patients for an interval)"
    return Concern(
        WITHOUT_SCANS[relation(blind.auroc.value, auroc)],
        f"AUROC {without} out of fold from {joined(blind.properties)} alone; with the scans "
        f"{with_interval(auroc.value, auroc.low, auroc.high)}.",
        "Read in the notes which properties go with the label and what the preparation leaves of them; make them alike "
        "in all classes, or compare within equal ones.",
        "Does the model see the condition, or how and where the scan was made?",
    )


def _perfect(chosen: Judgement) -> Concern | None:
    auroc = chosen.auroc
    if auroc.value is None or auroc.value < 1.0:
        return None
    return Concern(
        "Every pair of patients was ranked rightly.",
        f"AUROC {plain(auroc.value)} in {count(chosen.patients, 'patient')}.",
        "Look for duplicates, for a mark of the scanner or site, and for patients in two folds, before believing it.",
        "How can every patient be ranked rightly?",
    )


def _chance(chosen: Judgement) -> Concern | None:
    auroc = chosen.auroc
    if auroc.low is None or auroc.low > CHANCE:
        return None
    return Concern(
        "The interval of the AUROC includes 0.5: the ranking is compatible with chance.",
        f"AUROC {plain(auroc.value)}, 95 % CI {interval(auroc.low, auroc.high)}.",
        "Do not claim that the condition can be told from these scans; collect more patients.",
        "Is this better than guessing?",
    )


def _few_patients(run: Run, chosen: Judgement) -> Concern | None:
    fewest = min(chosen.by_class)
    if chosen.patients >= FEW_PATIENTS and fewest >= FEW_IN_A_CLASS:
        return None
    width = ""
    if chosen.auroc.low is not None and chosen.auroc.high is not None:
        width = f" The 95 % interval of the AUROC is {plain(chosen.auroc.high - chosen.auroc.low)} wide."
    smallest = run.classes[chosen.by_class.index(fewest)]
    return Concern(
        f"The study is small: {count(chosen.patients, 'patient')}, of whom {fewest} in the smallest class.",
        f"Smallest class: {smallest}, {count(fewest, 'patient')}.{width}",
        "Quote the interval, never the point alone; differences between models of this size are rarely real.",
        "Are there enough patients to say this?",
    )


def _gap(run: Run) -> Concern | None:
    gaps = []
    for record in run.folds:
        if record.history is not None:
            own = record.history[record.history["model"] == run.chosen_model]
            if len(own):
                last = own.sort_values("epoch").iloc[-1]
                gaps.append(float(last["validation_loss"]) - float(last["training_loss"]))
    defined = [gap for gap in gaps if gap == gap]
    if not defined or sum(defined) / len(defined) < LARGE_GAP:
        return None
    mean = sum(defined) / len(defined)
    return Concern(
        "The network fits its training patients much better than its validation patients: it overfits.",
        f"Validation minus training loss in the last epoch: {plain(mean)}, mean of {count(len(defined), 'fold')}.",
        "Prefer the frozen probe, train for fewer epochs, or add patients.",
        "Has the network learned its training patients by heart?",
    )


def _spread(by_fold: Mapping[int, Judgement]) -> Concern | None:
    values = [found.auroc.value for found in by_fold.values()]
    defined = [value for value in values if value is not None]
    if len(defined) < 2 or max(defined) - min(defined) < WIDE_SPREAD:
        return None
    return Concern(
        "The folds disagree: which patients are tested matters more than most differences between models.",
        f"AUROC from {plain(min(defined))} to {plain(max(defined))} over {count(len(defined), 'fold')}.",
        "Look at the worst fold's page; repeat the folds with other seeds.",
        "Does the result depend on which patients were tested?",
    )


def _unlike_cases(judged: Judged) -> Concern | None:
    notes = [note for note in judged.notes if "not tested on the same cases" in note]
    if not notes:
        return None
    return Concern(
        "The models were not tested on the same cases, so their rows must not be compared with each other.",
        notes[0],
        "Compare only by the differences given, which use the patients that both models share.",
        "Were all models judged on the same patients?",
    )


def _not_better(run: Run, judged: Judged) -> Concern | None:
    found = next((one for one in judged.differences if one.model == run.chosen_model), None)
    if found is None or found.difference.low is None:
        return None
    claim = claim_of(found)
    if claim.side == "better":
        return None
    return Concern(
        "The frozen probe, which is simpler, ranks the patients better than the network."
        if claim.side == "worse"
        else "The network is not distinguishable from the frozen probe, which is simpler.",
        sentence_of(found),
        "Report the frozen probe as the result, and the network as an attempt that did not show more.",
        "Is the network better than a simple baseline?",
    )


def _probe(run: Run) -> Concern | None:
    probes = [(record.fold, record.probe) for record in run.folds if record.probe is not None]
    stuck = [fold for fold, probe in probes if not probe.converged]
    edge = [fold for fold, probe in probes if probe.at_the_edge]
    if stuck:
        return Concern(
            "The frozen probe did not converge in every fold, so the baseline may be too weak.",
            f"Not converged: {'fold' if len(stuck) == 1 else 'folds'} {joined([str(fold) for fold in stuck])}.",
            "Look for constant or duplicated features before comparing with it.",
            "Was the simple baseline given a fair chance?",
        )
    if not edge:
        return None
    return Concern(
        "The probe's regularisation lies at the edge of what was tried, so the baseline may be too weak.",
        f"At the edge: {'fold' if len(edge) == 1 else 'folds'} {joined([str(fold) for fold in edge])}.",
        "Widen the grid of C.",
        "Was the simple baseline given a fair chance?",
    )


def _internal(run: Run) -> Concern:
    elsewhere = [one.record for one in run.held_out if one.record.kind == "external"]
    if elsewhere:
        told = [f"{record.name} ({count(record.patients, 'patient')})" for record in elsewhere]
        return Concern(
            "Every further hospital may differ from those that were tested.",
            f"Besides the study's own cohort it was tested on {joined(told)}.",
            "Say where it was tested, and test again where it is to be used.",
            "Would it work in yet another hospital?",
        )
    if run.left_out_by is not None:
        return Concern(
            f"Each {run.left_out_by} was tested unseen, but all come from one data set: a further one may differ more.",
            f"{count(len(run.folds), 'fold')}, one for each {run.left_out_by}; read them one by one, not only pooled.",
            "Test on patients of another hospital before any use.",
            "Would it work in yet another hospital?",
        )
    sites = run.locked_cases["site"].nunique() if "site" in run.locked_cases.columns else 0
    found = f"The manifest names {count(int(sites), 'site')}." if sites else "The manifest names no site."
    return Concern(
        "This is internal testing: how the model does in another hospital is not known.",
        f"Training and test patients come from the same cohort. {found}",
        "Test on patients of another hospital before any use.",
        "Would it work in another hospital?",
    )
