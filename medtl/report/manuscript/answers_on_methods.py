"""What a run can say on the items that ask what was done: data, partitions, model, training and evaluation.

In: a run and its numbers. Out: one answer each, or None where this run has nothing to say.
"""

from __future__ import annotations

from medtl.evaluation.metrics import known
from medtl.policies import policy_of
from medtl.predictions import selection as selection_of
from medtl.record.run import Run
from medtl.report.html.numbers import count, joined
from medtl.report.html.theme import look_of
from medtl.report.manuscript.answer import Answer
from medtl.report.manuscript.methods_paragraph import MAIN_LIBRARIES, words_of
from medtl.report.results.judged import Judged, metric_name
from medtl.report.sections.cohort import COVARIATE_NAMES

TRAINING_SETTINGS = {
    "recipe.epochs": "epochs", "recipe.batch_size": "batch size", "recipe.learning_rate": "learning rate",
    "recipe.weight_decay": "weight decay", "recipe.stopping": "stopping", "augmentation.preset": "augmentation",
}  # fmt: skip
"""The settings that describe training in one line; the table of settings has them all."""


def preparation(run: Run, judged: Judged) -> Answer | None:
    """How scans were prepared."""
    study = run.study
    if not study.preset:
        return None
    size = f", {' × '.join(map(str, study.size_px))} pixels" if study.size_px else ""
    if study.spacing_mm:
        size = f", {' × '.join(f'{mm:g}' for mm in study.spacing_mm)} mm"
    return Answer("methods", f"The {study.preset} preset{size}, the same for every case and learned from none.")


def subsets(run: Run, judged: Judged) -> Answer:
    """Which part of the manifest was studied."""
    part = f"A part was studied: {run.cohort.limited}." if run.cohort.limited else "Every case of the manifest."
    return Answer("who", f"{part} {count(len(run.exclusions), 'case')} left out, each by name and reason.")


def missing(run: Run, judged: Judged) -> Answer | None:
    """How many covariates are not stated, and what was done about it."""
    names = [name for name in run.cohort.covariates if name in run.locked_cases.columns]
    if not names:
        return None
    patients = run.locked_cases.drop_duplicates("patient_id")
    values = [f"{COVARIATE_NAMES.get(name, name)} in {int(patients[name].isna().sum()):,}" for name in names[:6]]
    return Answer(
        "who",
        f"Not stated, of {count(len(patients), 'patient')}: {joined(values)}. Nothing was filled in; cases without a "
        "label or a readable scan were left out.",
    )


def assignment(run: Run, judged: Judged) -> Answer:
    """How cases came into folds."""
    study = run.study
    values = f"{study.fold_count or len(run.planned_folds)}-fold cross-validation, stratified by class"
    if study.fold_source != "stratified folds":
        values = f"By the {study.fold_source}"
    repeats = f", repeated {study.repeats} times" if study.repeats > 1 else ""
    return Answer("who", f"{values}{repeats}; seed {run.provenance.seed}. folds.csv names every case.")


def disjoint(run: Run, judged: Judged) -> Answer:
    """That patients were kept separate, counted."""
    roles = run.fold_table.groupby(["fold", "patient_id"])["role"].nunique()
    shared = int((roles > 1).sum())
    found = "no patient is in two parts of a fold" if not shared else f"{count(shared, 'time')} a patient is in two"
    return Answer("who", f"The patient: {found} (counted in folds.csv).")


def network(run: Run, judged: Judged) -> Answer | None:
    """The encoder and the models compared."""
    card = run.provenance.card
    if not run.study.encoder:
        return None
    shape = f" ({card['architecture']})" if card.get("architecture") else ""
    values = [words_of(model) for model in run.models if model != selection_of.SELECTED]
    return Answer("methods", f"Encoder {run.study.encoder}{shape}; models: {joined(values)}.")


def software(run: Run, judged: Judged) -> Answer | None:
    """The libraries with their versions."""
    versions = run.provenance.installed
    named = [f"{name} {versions[name]}" for name in MAIN_LIBRARIES if name in versions]
    return Answer("methods", f"{joined(named)}, Python {run.provenance.python}.") if named else None


def beginning(run: Run, judged: Judged) -> Answer | None:
    """The weights that training began with."""
    card = run.provenance.card
    if "trained_on" not in card:
        return None
    has_untrained = any((own := policy_of(model)) is not None and own.start == "random" for model in run.models)
    scratch = " The comparison from scratch began with random weights." if has_untrained else ""
    digest = f", sha256 {card['sha256'][:12]}" if card.get("sha256") else ""
    return Answer("methods", f"Weights trained on {card['trained_on'].rstrip('.')}{digest}.{scratch}")


def training(run: Run, judged: Judged) -> Answer | None:
    """The settings of training in one line."""
    settings = dict(run.study.settings)
    values = [f"{name} {settings[key]}" for key, name in TRAINING_SETTINGS.items() if key in settings]
    return Answer("methods", f"{joined(values).capitalize()}. All settings stand in study.yaml.") if values else None


def selection(run: Run, judged: Judged) -> Answer:
    """What was chosen, and on whom."""
    probe = "; the probe's C in inner folds of training patients" if any(one.probe for one in run.folds) else ""
    look = look_of(run.chosen_model, run.models)
    if run.chosen_model == selection_of.SELECTED:
        return Answer(
            "overfit",
            "In each fold by log loss on its validation patients, who are no test patients (nested cross-validation); "
            f"the candidates and choices stand in the table{probe}.",
        )
    return Answer(
        "overfit",
        f"No test patient served a choice. Reported is {look.phrase}, the first model that the study declares{probe}.",
    )


def ensembling(run: Run, judged: Judged) -> Answer:
    """Whether several models judged one patient."""
    when = ", once in each repeat" if run.study.repeats > 1 else ""
    if run.held_out:
        return Answer("apart", "On held-out cases, the mean over the folds' models; in the folds, no ensemble.")
    return Answer("methods", f"No ensemble: each test patient is judged by the one model of the fold{when}.")


def calculated(run: Run, judged: Judged) -> Answer:
    """How a patient's probability comes about."""
    return Answer(
        "methods",
        "The model of a patient's fold gives each image its probabilities; a patient's images are averaged.",
    )


def measures(run: Run, judged: Judged) -> Answer:
    """The measures and curves of the page."""
    primary = {known.PRIMARY.in_words: metric_name(run.classes)}
    named = joined([primary.get(name, name) for name in known.names_of("ranking", "decisions")])
    return Answer(
        "well",
        f"{named}, {joined(known.names_of('probabilities'))}; ROC, precision-recall and reliability curves.",
    )


def uncertainty(run: Run, judged: Judged) -> Answer:
    """How intervals and tests were made."""
    values = (
        "95 % intervals by patient: DeLong's variance on the logit scale, Wilson's for proportions, "
        f"{judged.resamples:,} bootstrap resamples for {joined(known.resampled())}"
    )
    corrected = any(one.p_value is not None for one in judged.differences)
    tested = "; differences over folds by the corrected t-test of Nadeau and Bengio" if corrected else ""
    return Answer("well", f"{values}{tested}.")


def explained(run: Run, judged: Judged) -> Answer:
    """The maps that were made."""
    maps = sum(len(record.saliency) for record in run.folds)
    if not maps:
        return Answer("looked", "No maps were made.")
    checks = run.saliency_checks
    values = "not checked" if checks is None else "checked by randomisation, repeatability, deletion and energy"
    failed = checks is not None and any(one.passes is False for one in checks.verdicts)
    values += "; a check failed, they are not to be interpreted" if failed else ""
    return Answer(
        "looked", f"{run.map_method} of {count(maps, 'out-of-fold case')}, {values}; not validated as localisation."
    )


def availability(run: Run, judged: Judged) -> Answer:
    """What names the run and its files."""
    return Answer(
        "methods",
        f"Configuration {run.provenance.fingerprint}; versions, seed and SHA-256 of the files behind the page.",
        "where software, model and data can be had",
    )


def output(run: Run, judged: Judged) -> Answer:
    """What the model gives, and where the threshold is from."""
    if not run.outcome.has_threshold:
        return Answer("well", "A probability per class; the decision is the most probable class.")
    return Answer("well", f"A probability; the threshold {run.study.evaluation.threshold.origin}.")


def sites(run: Run, judged: Judged) -> Answer | None:
    """How many sites there are."""
    if "site" not in run.cohort.covariates or "site" not in run.locked_cases.columns:
        return None
    sites = run.locked_cases["site"].dropna().nunique()
    return Answer("who", f"{count(int(sites), 'site')} in the manifest; models were not fitted by site.")


def unreadable(run: Run, judged: Judged) -> Answer:
    """What became of scans that could not be read."""
    return Answer(
        "who",
        f"A scan that cannot be read rightly is left out by name and reason ({len(run.exclusions):,} here); nothing is "
        "filled in.",
        "what to do with such a scan in use",
    )
