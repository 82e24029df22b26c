"""What a run can say itself on the items of CLAIM and TRIPOD+AI, each with its place on the study page.

In: a run and its numbers. Out: answers by item number. An answer states what was done and found; where an item asks for
more than a run can know, `still` says what is left for the authors. Which items a run can answer at all is argued in
the guidelines' own terms: what was computed, not why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from medtl.report.checklist_items import Guideline
from medtl.report.cohort_tables import COVARIATE_NAMES, flow_of
from medtl.report.judged import Judged
from medtl.report.methods_paragraph import MAIN_LIBRARIES, POLICY_SENTENCES
from medtl.report.numbers import count, in_table, joined, percent, plain, with_interval
from medtl.report.run_folder import RunFolder
from medtl.report.scores import scores_of
from medtl.report.theme import look_of
from medtl.report.verdict import metric_name

TRAINING_SETTINGS = {
    "recipe.epochs": "epochs", "recipe.batch_size": "batch size", "recipe.learning_rate": "learning rate",
    "recipe.weight_decay": "weight decay", "recipe.stopping": "stopping", "augmentation.preset": "augmentation",
}  # fmt: skip
"""The settings that describe training in one line; the table of settings has them all."""

WEIGHTING = re.compile(r"class_weight|oversampl|undersampl|sampler|reweight|balance")
"""Settings that would change the share of the classes in training; without one the losses count every case alike."""


@dataclass(frozen=True)
class Answer:
    """What the run says, the section of the page that shows it, and what is still for the authors to say."""

    place: str
    said: str
    still: str = ""


Teller = Callable[[RunFolder, Judged], Answer | None]


def answers_of(run: RunFolder, judged: Judged) -> Mapping[Guideline, Mapping[str, Answer]]:
    """Every answer that this run can give."""
    found: dict[Guideline, dict[str, Answer]] = {"claim": {}, "tripod_ai": {}}
    for numbers, teller in TELLERS:
        answer = teller(run, judged)
        if answer is None:
            continue
        for place in numbers.split():
            guideline, _, number = place.partition(":")
            found["claim" if guideline == "C" else "tripod_ai"][number] = answer
    return found


def _preparation(run: RunFolder, judged: Judged) -> Answer | None:
    study = run.study
    if not study.preset:
        return None
    size = f", {' × '.join(map(str, study.size_px))} pixels" if study.size_px else ""
    if study.spacing_mm:
        size = f", {' × '.join(f'{mm:g}' for mm in study.spacing_mm)} mm"
    return Answer("methods", f"The {study.preset} preset{size}, the same for every case and learned from none.")


def _subsets(run: RunFolder, judged: Judged) -> Answer:
    part = f"A part was studied: {run.cohort.limited}." if run.cohort.limited else "Every case of the manifest."
    return Answer("who", f"{part} {count(len(run.exclusions), 'case')} left out, each by name and reason.")


def _missing(run: RunFolder, judged: Judged) -> Answer | None:
    names = [name for name in run.cohort.covariates if name in run.locked_cases.columns]
    if not names:
        return None
    patients = run.locked_cases.drop_duplicates("patient_id")
    told = [f"{COVARIATE_NAMES.get(name, name)} in {int(patients[name].isna().sum()):,}" for name in names[:6]]
    return Answer(
        "who",
        f"Not stated, of {count(len(patients), 'patient')}: {joined(told)}. Nothing was filled in; cases without a "
        "label or a readable scan were left out.",
    )


def _assignment(run: RunFolder, judged: Judged) -> Answer:
    study = run.study
    told = f"{study.fold_count or len(run.planned_folds)}-fold cross-validation, stratified by class"
    if study.fold_source != "stratified folds":
        told = f"By the {study.fold_source}"
    repeats = f", repeated {study.repeats} times" if study.repeats > 1 else ""
    return Answer("who", f"{told}{repeats}; seed {run.provenance.seed}. folds.csv names every case.")


def _disjoint(run: RunFolder, judged: Judged) -> Answer:
    roles = run.fold_table.groupby(["fold", "patient_id"])["role"].nunique()
    shared = int((roles > 1).sum())
    found = "no patient is in two parts of a fold" if not shared else f"{count(shared, 'time')} a patient is in two"
    return Answer("who", f"The patient: {found} (counted in folds.csv).")


def _size(run: RunFolder, judged: Judged) -> Answer:
    found = judged.of(run.chosen_model, fold=None)
    told = f"{count(found.patients, 'patient')}, {min(found.by_class):,} in the smallest class."
    if found.auroc.low is not None and found.auroc.high is not None:
        half = (found.auroc.high - found.auroc.low) / 2
        told += f" They place the AUROC within ± {plain(half)} (half of its 95 % interval)."
    return Answer("well", told, "whether a size was planned, and from what")


def _network(run: RunFolder, judged: Judged) -> Answer | None:
    card = dict(run.provenance.encoder)
    if not run.study.encoder:
        return None
    shape = f" ({card['architecture']})" if card.get("architecture") else ""
    told = [POLICY_SENTENCES.get(model, f"the model {model}") for model in run.models]
    return Answer("methods", f"Encoder {run.study.encoder}{shape}; models: {joined(told)}.")


def _software(run: RunFolder, judged: Judged) -> Answer | None:
    versions = dict(run.provenance.versions)
    named = [f"{name} {versions[name]}" for name in MAIN_LIBRARIES if name in versions]
    return Answer("methods", f"{joined(named)}, Python {run.provenance.python}.") if named else None


def _beginning(run: RunFolder, judged: Judged) -> Answer | None:
    card = dict(run.provenance.encoder)
    if "trained_on" not in card:
        return None
    scratch = " The comparison from scratch began with random weights." if "scratch" in run.models else ""
    digest = f", sha256 {card['sha256'][:12]}" if card.get("sha256") else ""
    return Answer("methods", f"Weights trained on {card['trained_on'].rstrip('.')}{digest}.{scratch}")


def _training(run: RunFolder, judged: Judged) -> Answer | None:
    settings = dict(run.study.settings)
    told = [f"{name} {settings[key]}" for key, name in TRAINING_SETTINGS.items() if key in settings]
    return Answer("methods", f"{joined(told).capitalize()}. All settings stand in study.yaml.") if told else None


def _selection(run: RunFolder, judged: Judged) -> Answer:
    probe = "; the probe's C in inner folds of training patients" if any(one.probe for one in run.folds) else ""
    look = look_of(run.chosen_model, run.models)
    return Answer(
        "overfit",
        f"No test patient served a choice. Reported is {look.phrase}, the first model that the study declares{probe}.",
    )


def _ensembling(run: RunFolder, judged: Judged) -> Answer:
    when = ", once in each repeat" if run.study.repeats > 1 else ""
    return Answer("methods", f"No ensemble: each test patient is judged by the one model of the fold{when}.")


def _calculated(run: RunFolder, judged: Judged) -> Answer:
    return Answer(
        "methods",
        "The model of a patient's fold gives each image its probabilities; a patient's images are averaged.",
    )


def _measures(run: RunFolder, judged: Judged) -> Answer:
    return Answer(
        "well",
        f"{metric_name(run.classes)}, average precision, balanced accuracy, MCC, sensitivity and specificity, Brier "
        "score and log loss; ROC, precision-recall and reliability curves.",
    )


def _uncertainty(run: RunFolder, judged: Judged) -> Answer:
    told = f"95 % percentile intervals from {judged.resamples:,} bootstrap resamples of patients"
    corrected = any(one.p_value is not None for one in judged.differences)
    tested = "; differences over folds by the corrected t-test of Nadeau and Bengio" if corrected else ""
    return Answer("well", f"{told}{tested}.")


def _robustness(run: RunFolder, judged: Judged) -> Answer | None:
    values = [one.auroc.value for one in judged.by_fold[run.chosen_model].values()]
    defined = [value for value in values if value is not None]
    if len(defined) < 2:
        return None
    told = f"AUROC from {plain(min(defined))} to {plain(max(defined))} over {count(len(defined), 'fold')}."
    blind = run.cohort.blind
    if blind is not None and blind.auroc.value is not None:
        told += f" Without the scans, from covariates and files alone: {in_table(blind.auroc.value)}."
    return Answer("asked", told)


def _explained(run: RunFolder, judged: Judged) -> Answer:
    maps = sum(len(record.saliency) for record in run.folds)
    if not maps:
        return Answer("looked", "No maps were made.")
    return Answer("looked", f"HiResCAM of {count(maps, 'out-of-fold case')}; not validated as localisation.")


def _internal(run: RunFolder, judged: Judged) -> Answer:
    found = judged.of(run.chosen_model, fold=None)
    how = "each judged out of fold" if len(run.planned_folds) > 1 else "of the part kept for testing"
    return Answer("well", f"Internal testing: {count(found.patients, 'patient')}, {how}.")


def _external(run: RunFolder, judged: Judged) -> Answer:
    return Answer("asked", "Not in this run: internal testing only.", "external testing done elsewhere, or its lack")


def _flow(run: RunFolder, judged: Judged) -> Answer:
    flow = flow_of(run)
    reasons = [f"{one.cases:,} {one.reason}" for one in flow.reasons]
    left = f"{flow.excluded:,} left out ({', '.join(reasons)})" if reasons else "none left out"
    return Answer("who", f"{flow.files:,} files, {left}, {flow.cases:,} cases of {flow.patients:,} patients.")


def _characteristics(run: RunFolder, judged: Judged) -> Answer | None:
    names = [COVARIATE_NAMES.get(name, name) for name in run.cohort.covariates]
    if not names:
        return None
    return Answer("who", f"{joined(names)} by class; classes by fold and part.", "what the manifest does not hold")


def _performance(run: RunFolder, judged: Judged) -> Answer:
    name, found = look_of(run.chosen_model, run.models).name, judged.of(run.chosen_model, fold=None).auroc
    if found.value is None:
        return Answer("well", f"{name}: {metric_name(run.classes)} not defined ({found.reason}).")
    return Answer("well", f"{name}: {metric_name(run.classes)} {with_interval(found.value, found.low, found.high)}.")


def _diagnostic(run: RunFolder, judged: Judged) -> Answer | None:
    found = judged.of(run.chosen_model, fold=None)
    told = [
        f"{name} {in_table(one.value, one.low, one.high)}"
        for name in ("sensitivity", "specificity")
        if (one := found.estimates[name]).value is not None
    ]
    where = (
        "At the declared threshold" if len(run.classes) == 2 else "Averages of the classes, the most probable called"
    )
    return Answer("well", f"{where}: {joined(told)}.") if told else None


def _failures(run: RunFolder, judged: Judged) -> Answer:
    scores = scores_of(judged.patients, model=run.chosen_model)
    wrong = int((scores.probabilities.argmax(axis=1) != scores.truth).sum())
    return Answer(
        "wrong",
        f"Another class was the most probable in {wrong} of {count(len(scores.truth), 'patient')}.",
        "what was found when their scans were read again",
    )


def _availability(run: RunFolder, judged: Judged) -> Answer:
    return Answer(
        "methods",
        f"Configuration {run.provenance.fingerprint}; versions, seed and SHA-256 of the files behind the page.",
        "where software, model and data can be had",
    )


def _balance(run: RunFolder, judged: Judged) -> Answer:
    counts = judged.of(run.chosen_model, fold=None).by_class
    told = [f"{label} {percent(n, sum(counts))}" for label, n in zip(run.classes, counts, strict=True)]
    asked = [name for name, _ in run.study.settings if WEIGHTING.search(name)]
    handled = f"the study sets {joined(asked)}" if asked else "classes were neither weighted nor sampled anew"
    return Answer("who", f"{joined(told)}; {handled}.")


def _output(run: RunFolder, judged: Judged) -> Answer:
    if len(run.classes) > 2:
        return Answer("well", "A probability per class; the decision is the most probable class.")
    return Answer("well", "A probability; the threshold is chosen in each fold on validation patients (Youden index).")


def _counts(run: RunFolder, judged: Judged) -> Answer:
    counts = judged.of(run.chosen_model, fold=None).by_class
    told = [f"{n:,} {label}" for label, n in zip(run.classes, counts, strict=True)]
    return Answer("who", f"Tested: {joined(told)} patients; by fold and part in the figure.")


def _sites(run: RunFolder, judged: Judged) -> Answer | None:
    if "site" not in run.cohort.covariates or "site" not in run.locked_cases.columns:
        return None
    sites = run.locked_cases["site"].dropna().nunique()
    return Answer("who", f"{count(int(sites), 'site')} in the manifest; models were not fitted by site.")


def _unreadable(run: RunFolder, judged: Judged) -> Answer:
    return Answer(
        "who",
        f"A scan that cannot be read rightly is left out by name and reason ({len(run.exclusions):,} here); nothing is "
        "filled in.",
        "what to do with such a scan in use",
    )


TELLERS: tuple[tuple[str, Teller], ...] = (
    ("C:9 T:7", _preparation), ("C:10", _subsets), ("C:12 T:11", _missing), ("C:19 T:12a", _assignment),
    ("C:20", _disjoint), ("C:21 T:10", _size), ("C:22 T:12c T:22", _network), ("C:23 T:18f", _software),
    ("C:24", _beginning), ("C:25", _training), ("C:26", _selection), ("C:27", _ensembling), ("T:12g", _calculated),
    ("C:28 T:12e", _measures), ("C:29", _uncertainty), ("C:30", _robustness), ("C:31", _explained),
    ("C:32", _internal), ("C:33", _external), ("C:35 T:20a", _flow), ("C:36 T:20b", _characteristics),
    ("C:37 T:23a", _performance), ("C:38", _diagnostic), ("C:39", _failures), ("C:43", _availability),
    ("T:13", _balance), ("T:15", _output), ("T:20c T:21", _counts), ("T:12d", _sites), ("T:27a", _unreadable),
)  # fmt: skip
"""Which items each answer serves: C for CLAIM, T for TRIPOD+AI."""
