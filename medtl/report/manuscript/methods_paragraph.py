"""The Methods paragraph in publication English, written from the study's settings and nothing else.

In: a run and its numbers. Out: sentences to paste into a manuscript, and the limits that belong beside them.
"""

from __future__ import annotations

from medtl.evaluation.metrics import known
from medtl.outcomes import Outcome
from medtl.policies import policy_of
from medtl.predictions import selection
from medtl.record.controls import Controls
from medtl.record.fold import FoldRecord
from medtl.record.probe import READ_FROM
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.saliency_checks import SaliencyChecks
from medtl.record.study import DeclaredStudy
from medtl.report.html.numbers import count, joined
from medtl.report.manuscript.references import MAP_WORKS, cite
from medtl.report.manuscript.works import WORKS
from medtl.report.results.judged import Judged

LIFTING_SENTENCES = {
    "slices": " It saw each slice by itself; the slices' features were pooled for the patient.",
    "inflated": " Its 2D kernels were inflated to 3D (Carreira and Zisserman 2017).",
    "acs": " Its 2D kernels were shared out over axial, coronal and sagittal planes (Yang et al. 2021).",
}
"""How an encoder for pictures was taken to volumes."""

CHOSEN_ON_VALIDATION = "chosen per fold on the validation patients"
CONTROL_WORDS = {
    "thumbnail": "scans shrunk to 8 cells a side",
    "border_only": "the border of the scans alone",
    "centre_masked": "frozen features of scans whose middle was black",
}
MAIN_LIBRARIES = ("medtl", "torch", "monai", "scikit-learn")
LIBRARY_WORKS = {"torch": "paszke2019", "monai": "cardoso2022", "scikit-learn": "pedregosa2011"}
"""The works that describe these libraries."""


def methods_paragraph(run: Run, judged: Judged) -> str:
    """One paragraph; what the run does not state is left out rather than guessed."""
    return " ".join(
        [
            _design(run),
            _network(run),
            _models(run.models, run.study, run.folds),
            evaluation_words(run, judged),
            _software(run.provenance),
        ]
    )


def _design(run: Run) -> str:
    cases = f"{count(run.cohort.cases, 'case')} of {count(run.cohort.patients, 'patient')}"
    study = run.study
    if run.left_out_by is not None:
        by = run.left_out_by
        design = (
            f"were divided by {by} (leave-one-{by}-out, {count(len(run.planned_folds), 'fold')}): the patients of each "
            f"{by} were tested by models that had seen no patient of it"
        )
    elif study.fold_source == "official split":
        design = "were divided by the data set's official split"
    elif study.fold_source.startswith("folds given"):
        design = f"were divided into the {count(len(run.planned_folds), 'fold')} that the manifest names"
    else:
        repeated = f", repeated {study.repeats} times" if study.repeats > 1 else ""
        number = study.fold_count or len(run.planned_folds)
        design = f"were divided by {number}-fold cross-validation stratified by class{repeated}"
    sealed = ""
    if run.seal is not None:
        sealed = (
            f" {count(run.seal.cases, 'further case')} of {count(run.seal.patients, 'patient')} were sealed as the "
            "test before anything was learnt; all numbers but theirs come from the others."
        )
    served = _what_validation_served(run.outcome, run.models, run.study)
    return (
        f"{cases} {design}; all images of a patient were kept in one part. Within each training part, a validation "
        f"part of other patients served {served}; test patients served no choice.{sealed}"
    )


def _what_validation_served(outcome: Outcome, models: tuple[str, ...], study: DeclaredStudy) -> str:
    is_chosen = outcome.has_threshold and study.evaluation.threshold.rule != "fixed"
    chosen = [*(("model",) if _selects(models) else ()), *(("thresholds",) if is_chosen else ())]
    return f"the choice of {joined(chosen)}" if chosen else "no choice of a threshold"


def _network(run: Run) -> str:
    study = run.study
    size = (
        f", scaled to {' × '.join(str(side) for side in study.size_px)} pixels (aspect ratio kept)"
        if study.size_px
        else ""
    )
    preset = f"Images were prepared with the {study.preset} preset{size}. " if study.preset else ""
    if study.spacing_mm and study.extent_mm:
        spacing, extent = (" × ".join(f"{mm:g}" for mm in sides) for sides in (study.spacing_mm, study.extent_mm))
        middle = "foreground" if study.around == "foreground" else "scan"
        preset = (
            f"Volumes were resampled to {spacing} mm (right, anterior, superior), and {extent} mm around the middle of "
            f"the {middle} were taken, with the {study.preset} preset. "
        )
    card = run.provenance.card
    if not study.encoder:
        return preset.strip()
    origin = f", trained on {card['trained_on'].rstrip('.')}" if "trained_on" in card else ""
    lifted = LIFTING_SENTENCES.get(card.get("lifting", ""), "")
    return f"{preset}The encoder was {study.encoder}{origin}.{lifted}"


def _models(models: tuple[str, ...], study: DeclaredStudy, folds: tuple[FoldRecord, ...]) -> str:
    sentences = [words_of(model) for model in models if model != selection.SELECTED]
    epochs = f" Networks were trained for {count(study.epochs, 'epoch')}." if study.epochs and _trains(models) else ""
    options = _options(study) if _trains(models) else ""
    chosen = _selection(study, folds)
    return f"On the same folds we compared {joined(sentences)}.{_readout(folds)}{epochs}{options}{chosen}"


def _readout(folds: tuple[FoldRecord, ...]) -> str:
    """Which features the probe reads, where these are not the last stage's means by default."""
    probes = [record.probe for record in folds if record.probe is not None]
    if any(probe.was_offered_readouts for probe in probes):
        offered = ", ".join(READ_FROM[name] for name in READ_FROM)
        return f" Which features the probe reads was chosen in the same inner folds, among {offered}."
    names = {probe.readout for probe in probes} - {"last"}
    return "".join(f" The features were {READ_FROM[name]}." for name in names)


def words_of(model: str) -> str:
    """What a model is, inside a sentence; with another encoder or learning rate this is added."""
    name, _, variant = model.partition("@")
    policy = policy_of(name)
    words = f"the model {name}" if policy is None else policy.methods + "".join(cite(work) for work in policy.cites)
    return f"{words} ({variant})" if variant else words


def _options(study: DeclaredStudy) -> str:
    """How scans were varied and the options for small data, a sentence each; nothing where all are as usual."""
    options = study.small_data
    sentences = [*(("Training scans were varied over twice the usual ranges",) if study.is_varied_strongly else ())]
    if study.draws is not None:
        copies = "1 varied copy" if study.draws == 1 else f"{study.draws} varied copies"
        sentences.append(f"Each training scan had {copies}, drawn once for all epochs, folds and networks")
    sentences += [f"{sentence}{cite(work)}" for sentence, work in (options.methods if options else ())]
    return "".join(f" {one}." for one in sentences)


def _selects(models: tuple[str, ...]) -> bool:
    return selection.SELECTED in models


def _selection(study: DeclaredStudy, folds: tuple[FoldRecord, ...]) -> str:
    looked_at = next((len(one.selection.candidates) for one in folds if one.selection is not None), 0)
    if not looked_at:
        return ""
    tried = [f"{name} {values}" for name, values in study.searched]
    return (
        f" In each fold, the one of {count(looked_at, 'candidate')} with the least log loss on the validation patients "
        f"was selected, and is the model reported (nested cross-validation{cite('varma2006')})."
        + (f" Beside the study's own values, {joined(tried)} were searched as a grid." if tried else "")
    )


def _trains(models: tuple[str, ...]) -> bool:
    return any((own := policy_of(model)) is not None and own.is_trained for model in models if "@" not in model)


def evaluation_words(run: Run, judged: Judged) -> str:
    """How the numbers were made, as sentences of a paragraph."""
    chosen_on = "that was given" if run.study.evaluation.threshold.rule == "fixed" else CHOSEN_ON_VALIDATION
    decision = (
        f"Sensitivity and specificity refer to a threshold {chosen_on} ({_rule(run.study)})."
        if run.outcome.has_threshold
        else "The decision is the most probable class; AUROC and average precision are macro averages, one class "
        "against the rest."
    )
    maps = "".join((*_controls(run.controls), *_maps(run.saliency_checks, run.map_method, run.folds)))
    averaged = (
        "Probabilities of a patient's images were averaged; the" if run.cohort.cases > run.cohort.patients else "The"
    )
    tested = (
        "out-of-fold predictions pooled over folds" if len(run.planned_folds) > 1 else "the test patients' predictions"
    )
    intervals = (
        ", with 95 % intervals by patient, the models taken as they are: from DeLong's variance on the logit scale for "
        f"the AUROC{cite('delong1988')}, Wilson's for proportions{cite('wilson1927')}, and from {judged.resamples:,} "
        f"bootstrap resamples of patients{cite('efron1979')} for "
        f"{joined([*known.resampled(), 'rates read from the ROC curve'])}"
        if judged.resamples
        else ", without intervals"
    )
    return (
        f"{averaged} patient is the unit of all numbers. Metrics were computed on {tested}{intervals}. {decision}{maps}"
    )


def _controls(controls: Controls | None) -> tuple[str, ...]:
    """Which negative controls were made; how a study without them is told needs no words."""
    found = controls
    named = [CONTROL_WORDS[one.name] for one in found.controls if one.name in CONTROL_WORDS] if found else []
    null = found.permuted_labels if found else None
    if null is not None:
        named.insert(0, f"{null.draws:,} permutations of the labels between patients{cite('phipson2010')}")
    return (f" As negative controls, the same folds were judged with {joined(named)}.",) if named else ()


def _maps(saliency_checks: SaliencyChecks | None, map_method: str, folds: tuple[FoldRecord, ...]) -> tuple[str, ...]:
    if not any(record.saliency for record in folds):
        return ()
    made = f" Maps of what a decision rests on were made by {map_method}{cite(MAP_WORKS[map_method])}"
    if saliency_checks is None:
        return (f"{made}; they were not checked.",)
    return (
        f"{made} and checked on out-of-fold cases: cascading randomisation of the weights{cite('adebayo2018')} against "
        f"the likeness of maps of different cases{cite('arun2021')}, repeatability between folds, deletion and "
        f"insertion{cite('petsiuk2018')} against random and central places, and the share outside the body and at the "
        "border.",
    )


def _rule(study: DeclaredStudy) -> str:
    rule = study.evaluation.threshold
    return f"{rule.in_words}; {WORKS['youden1950'].cited}" if rule.rule == "youden" else rule.in_words


def _software(provenance: Provenance) -> str:
    versions = provenance.installed
    works = {name: cite(key) for name, key in LIBRARY_WORKS.items()}
    named = [f"{name} {versions[name]}{works.get(name, '')}" for name in MAIN_LIBRARIES if name in versions]
    software = f"Software: {', '.join(named)}, Python {provenance.python}. " if named else ""
    seed = f"The study's seed was {provenance.seed}"
    return f"{software}{seed}; its configuration has the fingerprint {provenance.fingerprint}."


def limits_of(run: Run, judged: Judged) -> tuple[str, ...]:
    """What these numbers cannot carry, in plain words."""
    found = judged.of(run.chosen_model, fold=None)
    limits = [
        f"The study has {count(found.patients, 'patient')}, {min(found.by_class)} in the smallest class. "
        "The intervals say how far "
        "other patients of the same kind could move the numbers; they do not cover other hospitals, scanners or times.",
        "Internal testing only. Cross-validation estimates how models trained this way do on average, not how one "
        "particular model does.",
        "Folds share training patients, so the spread over folds is no confidence interval.",
        "The reference standard is taken as given by the manifest; its errors count as the model's.",
        "Predicted probabilities reflect the share of classes in this cohort. Where the condition is rarer, they are "
        "too high, and predictive values fall.",
    ]
    if any(record.saliency for record in run.folds):
        limits.append(
            "The maps show where evidence for a decision arose in the network. They are not validated as localisation."
        )
    if run.held_out:
        limits[1] = (
            "Cross-validation estimates how models trained this way do on average; the held-out cases were judged by "
            "the mean of its models, which is another model than any of them."
        )
    trained = [name for name in run.study.policies if name in run.models]
    if len(trained) > 1 and not _selects(run.models):
        limits.append(
            f"{len(run.models)} models were looked at on the same patients. Choosing the best of them from this page "
            "would make its number too high; the page speaks of the first one that the study declares."
        )
    return tuple(limits)
