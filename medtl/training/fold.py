"""One fold: every model of the study fitted on its training part and asked about its validation and test parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from medtl.adaptation import (
    Classifier,
    classifier_from_probe,
    classifier_with_new_head,
    freezing,
    probe,
)
from medtl.adaptation.heads import activated
from medtl.cohort import Case
from medtl.files import fingerprint, replacing
from medtl.policies import POLICIES, Policy, policy_of
from medtl.policies.centroid import CENTROID
from medtl.policies.policy import StageInTime
from medtl.policies.probe import PROBE
from medtl.predictions import PredictionTable, concatenate
from medtl.record import run_folder as names
from medtl.record.probe import ProbeChoice, write_probe
from medtl.training.checkpoint import CheckpointFolder, EpochRecord
from medtl.training.device import repeatable
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.predict import predict_logits
from medtl.training.seeding import seed_for
from medtl.training.study_data import FoldData
from medtl.training.variant import Variant

PROBE_PARTS = ("mean", "scale", "weight", "bias")
CENTROID_PARTS = ("mean", "centroids", "sharpness")


@dataclass(frozen=True)
class FittedFold:
    """What a fold gives: predictions of every model, the curves of the trained ones, and the fitted parts."""

    predictions: PredictionTable
    history: pd.DataFrame
    frozen_probe: probe.Probe
    centroids: probe.Centroids
    classifiers: Mapping[str, Classifier]


def train_fold(fold: FoldData, variant: Variant) -> FittedFold:
    """Fit every model of a variant on one fold; continues where an interrupted fold stopped."""
    study, features = fold.study, fold.study.features[variant.encoder]
    last_stage = study.last_stage(variant.encoder)
    cases = {case.case_id: case for case in study.cohort.cases}
    ids = {"training": fold.split.training, "validation": fold.split.validation, "test": fold.split.test}
    ids = {role: tuple(sorted(members, key=lambda name: cases[name].chance_key)) for role, members in ids.items()}
    classes = list(study.cohort.classes)
    labels = study.cohort.outcome.targets(cases[name].label for name in ids["training"])
    learnt = features.of(ids["training"])
    fitted_probe = probe.fit_probe(
        learnt,
        labels,
        groups=[study.groups[name] for name in ids["training"]],
        classes=study.cohort.outcome.head_width,
        seed=seed_for(study.seed, "inner folds", fold.number),
        readouts=study.widths(variant.encoder),
    )
    centroids = probe.fit_centroids(last_stage.of(ids["training"]), labels, classes=study.cohort.outcome.head_width)

    classifiers: dict[str, Classifier] = {}
    records: list[pd.DataFrame] = []
    for policy in variant.adaptation.trained:
        classifier, history = _trained(policy, fold, variant, ids=ids, start=fitted_probe, cases=cases)
        classifiers[policy] = classifier
        records.append(pd.DataFrame([{"model": policy, **record.model_dump()} for record in history]))

    predictions: list[PredictionTable] = []
    for model in variant.adaptation.models:
        for role in ("validation", "test"):
            members = ids[role]
            own = policy_of(model)
            if own == PROBE:
                values = fitted_probe.probabilities(features.of(members).astype(np.float64))
            elif own == CENTROID:
                values = centroids.probabilities(last_stage.of(members).astype(np.float64))
            else:
                logits = predict_logits(
                    classifiers[model], study.scans, members, recipe=variant.recipe, device=study.device,
                    what=f"fold {fold.number}, {model}, {role}",
                )  # fmt: skip
                values = activated(logits, outcome=study.cohort.outcome)
            predictions.append(
                PredictionTable.of_cases(
                    [cases[name] for name in members],
                    values,
                    classes=classes,
                    covariates=study.cohort.covariates,
                    fold=fold.number,
                    role=role,
                    model=model,
                )
            )
    curves = pd.concat(records) if records else pd.DataFrame(columns=["model", *EpochRecord.model_fields])
    return FittedFold(concatenate(predictions), curves, fitted_probe, centroids, classifiers)


def _trained(
    name: str,
    fold: FoldData,
    variant: Variant,
    *,
    ids: Mapping[str, tuple[str, ...]],
    start: probe.Probe,
    cases: Mapping[str, Case],
) -> tuple[Classifier, tuple[EpochRecord, ...]]:
    study = fold.study
    policy = next(one for one in POLICIES if one.name == name)
    seed_names = (study.seed, name, fold.number)
    head_seed, share = seed_for(*seed_names, "head"), variant.adaptation.encoder_rate
    if policy.start == "fitted_probe":
        classifier = classifier_from_probe(copy.deepcopy(study.encoders[variant.encoder]), start)
    else:
        untrained = policy.start == "random"
        classifier = classifier_with_new_head(
            study.untrained(variant.encoder, seed=seed_for(*seed_names, "encoder"))
            if untrained
            else copy.deepcopy(study.encoders[variant.encoder]),
            classes=study.cohort.outcome.head_width,
            seed=head_seed,
            dropout=variant.adaptation.dropout,
        )
    fit_task = FitTask(
        name=f"fold {fold.number}, {name}",
        scans=study.scans,
        chance_keys={name: case.chance_key for name, case in cases.items()},
        training=ids["training"],
        validation=ids["validation"],
        recipe=variant.recipe,
        encoder_rate=share if policy.encoder_scale is None else policy.encoder_scale,
        head_rate=share if policy.head_scale is None else policy.head_scale,
        batch_norm_frozen=policy.is_pretrained,
        penalty=policy.penalty,
        stage_scale=_stage_scale(policy, classifier, variant),
        seed_names=seed_names,
        device=study.device,
    )
    state = fingerprint([*seed_names, variant.recipe.deciding(), variant.adaptation.model_dump(), *ids["training"]])
    frozen = variant.adaptation.frozen_stages if policy.is_pretrained else ()
    with (
        freezing.stages_frozen(classifier, frozen),
        freezing.parameters_kept(classifier, partial(_is_kept, policy, fit_task.stage_scale)),
        repeatable(study.device, wanted=variant.recipe.deterministic),
    ):
        history = fit(classifier, fit_task, CheckpointFolder(variant.folder(fold.states) / name, state))
    return classifier, history


def _stage_scale(policy: Policy, classifier: Classifier, variant: Variant) -> Callable[[str, float], float] | None:
    """A stage's rate by its name and the progress of the training; None where all stages learn alike."""
    of_stage, stages = policy.stage_scale, classifier.encoder.stages
    if of_stage is None:
        return None

    def scale(stage: str, progress: float) -> float:
        above = len(stages) - 1 - stages.index(stage)
        return of_stage(StageInTime(above, len(stages), progress, variant.adaptation.last_stages))

    return scale


def _is_kept(policy: Policy, scale: Callable[[str, float], float] | None, name: str, axes: int) -> bool:
    """Whether a parameter of the encoder never learns: its kind does not, or its stage has no rate even at the end."""
    stage = name.removeprefix("encoder.body.").split(".")[0]
    is_frozen = scale is not None and scale(stage, 1.0) == 0.0
    return is_frozen or (policy.learns is not None and not policy.learns(name, axes))


def classifier_of(model: str, fold: FoldData, variant: Variant, fitted: FittedFold) -> Classifier:
    """The network of a fitted model; the probe becomes one with its encoder as it was pretrained."""
    if policy_of(model) == PROBE:
        return classifier_from_probe(copy.deepcopy(fold.study.encoders[variant.encoder]), fitted.frozen_probe).to(
            fold.study.device
        )
    return fitted.classifiers[model]


def write_parts(fitted: FittedFold, *, primary: str, folder: Path) -> None:
    """Write the probe's record and the fitted weights of a fold.

    `checkpoint.safetensors` is the primary model's, `checkpoint_<model>.safetensors` the others'. A probe's file holds
    its standardisation, weight and bias; its encoder is the pretrained one. `baselines.safetensors` holds both models
    on frozen features.
    """
    start = fitted.frozen_probe
    write_probe(
        ProbeChoice(
            penalty_inverse=start.c,
            tried=start.c_grid,
            inner_log_losses=start.inner_log_loss,
            inner_folds=start.inner_folds,
            converged=start.converged,
            readout=start.readout,
            readout_log_losses=start.readout_losses,
        ),
        folder,
    )
    parts = {f"probe.{part}": getattr(start, part) for part in PROBE_PARTS}
    parts |= {f"centroid.{part}": np.asarray(getattr(fitted.centroids, part)) for part in CENTROID_PARTS}
    with replacing(folder / names.BASELINES) as temporary:
        save_arrays({name: np.ascontiguousarray(values) for name, values in parts.items()}, temporary)
    if primary == PROBE.name:
        with replacing(folder / names.CHECKPOINT) as temporary:
            save_arrays({part: np.ascontiguousarray(getattr(start, part)) for part in PROBE_PARTS}, temporary)
    for model, classifier in fitted.classifiers.items():
        with replacing(checkpoint_of(model, primary=primary, folder=folder)) as temporary:
            save_file({name: v.cpu().contiguous() for name, v in classifier.state_dict().items()}, temporary)


def checkpoint_of(model: str, *, primary: str, folder: Path) -> Path:
    """Where a fold keeps a model's weights."""
    return folder / (names.CHECKPOINT if model == primary else f"checkpoint_{model}.safetensors")
