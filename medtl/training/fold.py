"""One fold: every model of the study fitted on its training part and asked about its validation and test parts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from torch import nn

from medtl.adaptation import (
    Classifier,
    classifier_from_probe,
    classifier_with_new_head,
    freezing,
    probe,
)
from medtl.adaptation.low_rank import LowRank, low_rank_updates
from medtl.cohort import Case
from medtl.files import fingerprint, replacing
from medtl.policies import POLICIES, Policy, policy_of
from medtl.policies.centroid import CENTROID
from medtl.policies.policy import StageInTime
from medtl.policies.probe import PROBE
from medtl.predictions import PredictionTable, concatenate
from medtl.record import run_folder as names
from medtl.record.probe import ProbeChoice, write_probe
from medtl.record.retention import Retention, write_retention
from medtl.training.checkpoint import CheckpointFolder, Checkpoints, EpochRecord, NoCheckpoints, OnlyRead
from medtl.training.device import repeatable
from medtl.training.fit import fit
from medtl.training.fit_task import FitTask
from medtl.training.kept_maps import KeptMaps, keep_maps
from medtl.training.meeting import FitName
from medtl.training.retention import retention_of
from medtl.training.seeding import seed_for
from medtl.training.study_data import FoldData
from medtl.training.test_time import predict_probabilities
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
    changed: Retention | None = None


def train_fold(fold: FoldData, variant: Variant) -> FittedFold:
    """Fit every model of a variant on one fold; continues where an interrupted fold stopped."""
    study, features = fold.study, fold.study.features[variant.encoder]
    last_stage = study.last_stage(variant.encoder)
    cases = {case.case_id: case for case in study.cohort.cases}
    ids = case_ids_by_role(fold, cases)
    classes = list(study.cohort.classes)
    labels = study.cohort.outcome.targets(cases[name].label for name in ids["training"])
    fitted_probe = probe_of_fold(fold, variant, labels, case_ids=ids["training"])
    centroids = probe.fit_centroids(last_stage.of(ids["training"]), labels, classes=study.cohort.outcome.head_width)

    classifiers: dict[str, Classifier] = {}
    kept: dict[str, KeptMaps | None] = {}
    records: list[pd.DataFrame] = []
    for policy in variant.adaptation.trained:
        classifier, history, maps = fit_policy(policy, fold, variant, ids=ids, start=fitted_probe, cases=cases)
        classifiers[policy], kept[policy] = classifier, maps
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
                values = predict_probabilities(
                    classifiers[model], study.scans, members, recipe=variant.recipe, device=study.device,
                    what=f"fold {fold.number}, {model}, {role}", kept=kept[model],
                )  # fmt: skip
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
    changed = _changed(classifiers, fold, variant, case_ids=ids["test"])
    return FittedFold(concatenate(predictions), curves, fitted_probe, centroids, classifiers, changed)


def case_ids_by_role(fold: FoldData, cases: Mapping[str, Case]) -> dict[str, tuple[str, ...]]:
    """The cases of each role, in an order that pseudonyms do not change."""
    parts = {"training": fold.split.training, "validation": fold.split.validation, "test": fold.split.test}
    return {role: tuple(sorted(members, key=lambda name: cases[name].chance_key)) for role, members in parts.items()}


def probe_of_fold(
    fold: FoldData, variant: Variant, labels: Int[np.ndarray, " case"], *, case_ids: Sequence[str]
) -> probe.Probe:
    """The probe that these cases fit, which some policies start from."""
    study = fold.study
    return probe.fit_probe(
        study.features[variant.encoder].of(case_ids),
        labels,
        groups=[study.groups[name] for name in case_ids],
        classes=study.cohort.outcome.head_width,
        seed=seed_for(study.seed, "inner folds", fold.number),
        readouts=study.widths(variant.encoder),
    )


def _changed(
    classifiers: Mapping[str, Classifier], fold: FoldData, variant: Variant, *, case_ids: Sequence[str]
) -> Retention | None:
    """What the networks that started from the pretrained encoder changed in it; None where there is none."""
    pretrained = {name: one for name, one in classifiers.items() if (own := policy_of(name)) and own.is_pretrained}
    if not pretrained:
        return None
    study = fold.study
    return retention_of(study.encoders[variant.encoder], pretrained, study.scans, case_ids, device=study.device)


def fit_policy(
    name: str,
    fold: FoldData,
    variant: Variant,
    *,
    ids: Mapping[str, tuple[str, ...]],
    start: probe.Probe,
    cases: Mapping[str, Case],
) -> tuple[Classifier, tuple[EpochRecord, ...], KeptMaps | None]:
    """The fitted network of one policy, its history, and the maps of its frozen stages where they are kept.

    Args:
        name: Of the policy.
        fold: With its study.
        variant: The encoder, the settings and the recipe.
        ids: The case ids of `training`, `validation` and `test`.
        start: The probe of these training cases, which some policies start from.
        cases: Of the study, by id.
    """
    study = fold.study
    policy = next(one for one in POLICIES if one.name == name)
    seed_names = (study.seed, name, fold.number)
    head_seed, share = seed_for(*seed_names, "head"), variant.adaptation.encoder_rate
    if policy.start == "fitted_probe":
        classifier = classifier_from_probe(
            copy.deepcopy(study.encoders[variant.encoder]),
            start,
            dropout=variant.recipe.options.head_dropout or 0.0,
        )
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
        name="" if fold.states is None else f"fold {fold.number}, {name}",
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
        rates_from=policy.rates_from,
        seed_names=seed_names,
        device=study.device,
        draws=study.augmentation.draws,
        ranks=study.ranks,
    )
    if policy.start == "fitted_probe" and fit_task.balance is not None:
        fit_task.balance.take_up(classifier)
    state = fingerprint([*seed_names, variant.recipe.deciding(), variant.adaptation.model_dump(), *ids["training"]])
    frozen = variant.adaptation.frozen_stages if policy.is_pretrained else ()
    states: Checkpoints = NoCheckpoints()
    if fold.states is not None:
        states = CheckpointFolder(variant.folder(fold.states) / name, state)
    if not study.ranks.is_first:
        states = OnlyRead(states)
    seed = seed_for(*seed_names, "low rank")
    with (
        low_rank_updates(classifier, seed=seed) if policy.learns == "low_rank" else nullcontext(),
        freezing.stages_frozen(classifier, frozen),
        freezing.layers_kept(classifier, partial(_is_kept, policy, fit_task.stage_scale)),
        repeatable(study.device, wanted=variant.recipe.deterministic),
    ):
        store = study.map_store(variant.recipe)
        kept = None if store is None else keep_maps(classifier, fit_task, store, further=ids["test"])
        study.ranks.announce(FitName(fold.number, variant.suffix, name))
        history = fit(classifier, fit_task, states, kept=kept)
    return classifier, history, kept


def _stage_scale(policy: Policy, classifier: Classifier, variant: Variant) -> Callable[[str, float], float] | None:
    """A stage's rate by its name and the progress of the training; None where all stages learn alike."""
    of_stage, stages = policy.stage_scale, classifier.encoder.stages
    if of_stage is None:
        return None

    def scale(stage: str, progress: float) -> float:
        above = len(stages) - 1 - stages.index(stage)
        return of_stage(StageInTime(above, len(stages), progress, variant.adaptation.last_stages))

    return scale


def _is_kept(policy: Policy, scale: Callable[[str, float], float] | None, stage: str, layer: nn.Module) -> bool:
    """Whether a layer of the encoder never learns: its kind does not, or its stage has no rate even at the end."""
    if scale is not None and scale(stage, 1.0) == 0.0:
        return True
    if policy.learns == "low_rank":
        return not isinstance(layer, LowRank)
    return policy.learns == "normalisation" and not freezing.is_normalisation(layer)


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
    if fitted.changed is not None:
        write_retention(fitted.changed, folder)
    parts = {f"probe.{part}": getattr(start, part) for part in PROBE_PARTS}
    parts |= {f"centroid.{part}": np.asarray(getattr(fitted.centroids, part)) for part in CENTROID_PARTS}
    needed = sum(np.asarray(values).nbytes for values in parts.values())
    with replacing(folder / names.BASELINES, bytes_needed=needed) as temporary:
        save_arrays({name: np.ascontiguousarray(values) for name, values in parts.items()}, temporary)
    if primary == PROBE.name:
        with replacing(folder / names.CHECKPOINT, bytes_needed=needed) as temporary:
            save_arrays({part: np.ascontiguousarray(getattr(start, part)) for part in PROBE_PARTS}, temporary)
    for model, classifier in fitted.classifiers.items():
        tensors = {name: value.cpu().contiguous() for name, value in classifier.state_dict().items()}
        needed = sum(value.numel() * value.element_size() for value in tensors.values())
        with replacing(checkpoint_of(model, primary=primary, folder=folder), bytes_needed=needed) as temporary:
            save_file(tensors, temporary)


def checkpoint_of(model: str, *, primary: str, folder: Path) -> Path:
    """Where a fold keeps a model's weights."""
    return folder / (names.CHECKPOINT if model == primary else f"checkpoint_{model}.safetensors")
