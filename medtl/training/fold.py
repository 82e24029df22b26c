"""One fold: every model of the study fitted on its training part and asked about its validation and test parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from medtl.adaptation import (
    AdaptationSettings,
    Classifier,
    classifier_from_probe,
    classifier_with_new_head,
    freezing,
    probe,
)
from medtl.adaptation.heads import activated
from medtl.cohort import Case, Cohort
from medtl.encoders import Encoder
from medtl.files import fingerprint, replacing
from medtl.folds import Split
from medtl.policies import POLICIES, policy_of
from medtl.policies.centroid import CENTROID
from medtl.policies.probe import PROBE
from medtl.predictions import PredictionTable, concatenate
from medtl.record import run_folder as names
from medtl.record.probe import ProbeChoice, write_probe
from medtl.training.batches import Scans
from medtl.training.checkpoint import CheckpointFolder, EpochRecord
from medtl.training.device import repeatable
from medtl.training.feature_table import FeatureTable
from medtl.training.fit import FitTask, fit
from medtl.training.predict import predict_logits
from medtl.training.recipe import Recipe
from medtl.training.seeding import seed_for

PROBE_PARTS = ("mean", "scale", "weight", "bias")
CENTROID_PARTS = ("mean", "centroids", "sharpness")


@dataclass(frozen=True)
class FoldTask:
    """What a fold needs: who, what was borrowed, how it is adapted, and where its states are kept."""

    number: int
    split: Split
    cohort: Cohort
    groups: Mapping[str, str]
    scans: Scans
    features: FeatureTable
    pretrained: Encoder
    untrained: Callable[..., Encoder]
    adaptation: AdaptationSettings
    recipe: Recipe
    seed: int
    device: torch.device
    states: Path


@dataclass(frozen=True)
class FittedFold:
    """What a fold gives: predictions of every model, the curves of the trained ones, and the fitted parts."""

    predictions: PredictionTable
    history: pd.DataFrame
    frozen_probe: probe.Probe
    centroids: probe.Centroids
    classifiers: Mapping[str, Classifier]


def train_fold(task: FoldTask) -> FittedFold:
    """Fit every model of the study on one fold; continues where an interrupted fold stopped."""
    cases = {case.case_id: case for case in task.cohort.cases}
    ids = {"training": task.split.training, "validation": task.split.validation, "test": task.split.test}
    ids = {role: tuple(sorted(members, key=lambda name: cases[name].chance_key)) for role, members in ids.items()}
    classes = list(task.cohort.classes)
    labels = task.cohort.outcome.targets(cases[name].label for name in ids["training"])
    learnt = task.features.of(ids["training"])
    fitted_probe = probe.fit_probe(
        learnt,
        labels,
        groups=[task.groups[name] for name in ids["training"]],
        classes=task.cohort.outcome.head_width,
        seed=seed_for(task.seed, "inner folds", task.number),
    )
    centroids = probe.fit_centroids(learnt, labels, classes=task.cohort.outcome.head_width)

    classifiers: dict[str, Classifier] = {}
    records: list[pd.DataFrame] = []
    for policy in task.adaptation.trained:
        classifier, history = _trained(policy, task, ids, fitted_probe, cases)
        classifiers[policy] = classifier
        records.append(pd.DataFrame([{"model": policy, **record.model_dump()} for record in history]))

    predictions: list[PredictionTable] = []
    for model in task.adaptation.models:
        for role in ("validation", "test"):
            members = ids[role]
            own = policy_of(model)
            if own == PROBE:
                values = fitted_probe.probabilities(task.features.of(members).astype(np.float64))
            elif own == CENTROID:
                values = centroids.probabilities(task.features.of(members).astype(np.float64))
            else:
                logits = predict_logits(
                    classifiers[model], task.scans, members, recipe=task.recipe, device=task.device,
                    what=f"fold {task.number}, {model}, {role}",
                )  # fmt: skip
                values = activated(logits, outcome=task.cohort.outcome)
            predictions.append(
                PredictionTable.of_cases(
                    [cases[name] for name in members],
                    values,
                    classes=classes,
                    covariates=task.cohort.covariates,
                    fold=task.number,
                    role=role,
                    model=model,
                )
            )
    curves = pd.concat(records) if records else pd.DataFrame(columns=["model", *EpochRecord.model_fields])
    return FittedFold(concatenate(predictions), curves, fitted_probe, centroids, classifiers)


def _trained(
    name: str, task: FoldTask, ids: Mapping[str, tuple[str, ...]], start: probe.Probe, cases: Mapping[str, Case]
) -> tuple[Classifier, tuple[EpochRecord, ...]]:
    policy = next(one for one in POLICIES if one.name == name)
    seed_names = (task.seed, name, task.number)
    head_seed, share = seed_for(*seed_names, "head"), task.adaptation.encoder_rate
    if policy.start == "fitted_probe":
        classifier = classifier_from_probe(copy.deepcopy(task.pretrained), start)
    else:
        untrained = policy.start == "random"
        classifier = classifier_with_new_head(
            task.untrained(seed=seed_for(*seed_names, "encoder")) if untrained else copy.deepcopy(task.pretrained),
            classes=task.cohort.outcome.head_width,
            seed=head_seed,
            dropout=task.adaptation.dropout,
        )
    fit_task = FitTask(
        name=f"fold {task.number}, {name}",
        scans=task.scans,
        chance_keys={name: case.chance_key for name, case in cases.items()},
        training=ids["training"],
        validation=ids["validation"],
        recipe=task.recipe,
        encoder_rate=share if policy.encoder_scale is None else policy.encoder_scale,
        head_rate=share if policy.head_scale is None else policy.head_scale,
        batch_norm_frozen=policy.is_pretrained,
        penalty=policy.penalty,
        seed_names=seed_names,
        device=task.device,
    )
    state = fingerprint([*seed_names, task.recipe.deciding(), task.adaptation.model_dump(), *ids["training"]])
    frozen = task.adaptation.frozen_stages if policy.is_pretrained else ()
    with freezing.stages_frozen(classifier, frozen), repeatable(task.device, wanted=task.recipe.deterministic):
        history = fit(classifier, fit_task, CheckpointFolder(task.states / name, state))
    return classifier, history


def classifier_of(model: str, task: FoldTask, fitted: FittedFold) -> Classifier:
    """The network of a fitted model; the probe becomes one with its encoder as it was borrowed."""
    if policy_of(model) == PROBE:
        return classifier_from_probe(copy.deepcopy(task.pretrained), fitted.frozen_probe).to(task.device)
    return fitted.classifiers[model]


def write_parts(fitted: FittedFold, *, primary: str, folder: Path) -> None:
    """Write the probe's record and the fitted weights of a fold.

    `checkpoint.safetensors` is the primary model's, `checkpoint_<model>.safetensors` the others'. A probe's file holds
    its standardisation, weight and bias; its encoder is the borrowed one. `baselines.safetensors` holds both models on
    frozen features.
    """
    start = fitted.frozen_probe
    write_probe(
        ProbeChoice(
            penalty_inverse=start.c,
            tried=start.c_grid,
            inner_log_losses=start.inner_log_loss,
            inner_folds=start.inner_folds,
            converged=start.converged,
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
