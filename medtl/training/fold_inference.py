"""A fold's models, read back from its folder and asked about cases that the study never saw."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file

from medtl.adaptation import Classifier, classifier_from_probe, classifier_with_new_head, probe
from medtl.encoders import Encoder
from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.policies import policy_of
from medtl.policies.centroid import CENTROID
from medtl.policies.probe import PROBE
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.record import run_folder as names
from medtl.record.probe import read_probe
from medtl.training.fold import CENTROID_PARTS, PROBE_PARTS, checkpoint_of
from medtl.training.study_data import StudyData
from medtl.training.test_time import predict_probabilities
from medtl.training.variant import Variant
from medtl.training.variants import rename_models, reported

Probabilities = Float[np.ndarray, "case class"]


def predict_fold(data: StudyData, variants: Sequence[Variant], *, fold: int, folder: Path) -> PredictionTable:
    """What every model of a finished fold says of the cases of `data`, as test rows of that fold; nothing is fitted.

    Where the fold's validation patients chose a candidate, its rows are there once more as `selected`.

    Raises:
        IntegrityFailure: a file of weights is missing, damaged, or of another network.
    """
    path = folder / names.SELECTION
    choice = selection.read_selection(path) if path.is_file() else None
    kept = [
        variant
        for variant in variants
        if not variant.is_searched or (choice is not None and choice.chosen in map(variant.named, variant.kept))
    ]
    predictions = concatenate(
        [rename_models(variant, _predictions(data, variant, fold=fold, folder=folder)) for variant in kept]
    )
    return reported(predictions, variants, choice)


def primary_of_fold(data: StudyData, variants: Sequence[Variant], *, folder: Path) -> tuple[str, Classifier]:
    """The model that a finished fold's maps explain, by its name in the tables, and its network.

    Raises:
        IntegrityFailure: a file of weights is missing, damaged, or of another network.
    """
    path = folder / names.SELECTION
    wanted = selection.read_selection(path).chosen if path.is_file() else variants[0].adaptation.primary
    variant, model = next(
        (variant, model) for variant in variants for model in variant.kept if variant.named(model) == wanted
    )
    network = _network(model, data, variant, folder=variant.folder(folder))
    return selection.SELECTED if path.is_file() else wanted, network


def _predictions(data: StudyData, variant: Variant, *, fold: int, folder: Path) -> PredictionTable:
    cohort = data.cohort
    return concatenate(
        [
            PredictionTable.of_cases(
                cohort.cases,
                _probabilities(model, data, variant, fold=fold, folder=variant.folder(folder)),
                classes=cohort.classes,
                covariates=cohort.covariates,
                fold=fold,
                role="test",
                model=model,
            )
            for model in variant.adaptation.models
        ]
    )


def _probabilities(model: str, data: StudyData, variant: Variant, *, fold: int, folder: Path) -> Probabilities:
    case_ids = [case.case_id for case in data.cohort.cases]
    features = data.features[variant.encoder]
    if policy_of(model) == PROBE:
        return _probe(folder).probabilities(features.of(case_ids).astype(np.float64))
    if policy_of(model) == CENTROID:
        parts = _baseline(folder, model, CENTROID_PARTS)
        centroids = probe.Centroids(parts["mean"], parts["centroids"], parts["sharpness"].item())
        last_stage = data.last_stage(variant.encoder)
        return centroids.probabilities(last_stage.of(case_ids).astype(np.float64))
    return predict_probabilities(
        _network(model, data, variant, folder=folder),
        data.scans,
        case_ids,
        recipe=variant.recipe,
        device=data.device,
        what=f"fold {fold}, {variant.named(model)}, held out",
    )


def _network(model: str, data: StudyData, variant: Variant, *, folder: Path) -> Classifier:
    """A fitted model's network; the probe is one with its encoder as it was pretrained."""
    pretrained = data.encoders[variant.encoder]
    if policy_of(model) == PROBE:
        return classifier_from_probe(copy.deepcopy(pretrained), _probe(folder)).to(data.device)
    encoder = data.untrained(variant.encoder, seed=0) if _is_untrained(model) else copy.deepcopy(pretrained)
    path = checkpoint_of(model, primary=variant.adaptation.primary, folder=folder)
    return _stored(encoder, path, classes=data.cohort.outcome.head_width).to(data.device)


def _is_untrained(model: str) -> bool:
    policy = policy_of(model)
    return policy is not None and policy.start == "random"


def _probe(folder: Path) -> probe.Probe:
    """What it takes to predict; how it was chosen stands in probe.json."""
    parts = _baseline(folder, PROBE.name, PROBE_PARTS)
    choice = read_probe(folder)
    mean, scale, weight, bias = (parts[name] for name in PROBE_PARTS)
    return probe.Probe(
        mean, scale, weight, bias, c=float("nan"), c_grid=(), inner_log_loss=(), inner_folds=0,
        converged=True, readout="last" if choice is None else choice.readout,
    )  # fmt: skip


def _baseline(folder: Path, model: str, parts: Sequence[str]) -> Mapping[str, np.ndarray]:
    path = folder / names.BASELINES
    try:
        stored = load_arrays(path)
        return {part: stored[f"{model}.{part}"] for part in parts}
    except (FileNotFoundError, SafetensorError, KeyError) as error:
        raise _cannot(path, "both models on frozen features") from error


def _stored(encoder: Encoder, path: Path, *, classes: int) -> Classifier:
    """The network of a checkpoint; what its head reads follows from how many features it takes."""
    try:
        tensors = load_file(path)
        readout = encoder.readout_of(tensors["head.weight"].shape[1])
        classifier = classifier_with_new_head(encoder, classes=classes, seed=0, readout=readout)
        classifier.load_state_dict(tensors, strict=True)
    except (FileNotFoundError, SafetensorError, RuntimeError, KeyError, ConfigurationError) as error:
        raise _cannot(path, "the network of this study") from error
    return classifier


def _cannot(path: Path, what: str) -> IntegrityFailure:
    return IntegrityFailure(
        f"{path.name} in {path.parent.name} does not hold {what}: it is missing, damaged, or from a run of an earlier "
        "medtl. Delete the fold's folder and run the study again with --resume.",
        file=path.name,
    )
