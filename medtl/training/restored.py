"""A fold's models, read back from its folder and asked about cases that the study never saw."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.torch import load_file

from medtl import run_folder as names
from medtl.adaptation import AdaptationSettings, Classifier, classifier_with_new_head, probe
from medtl.cohort import Cohort
from medtl.encoders import Encoder
from medtl.errors import IntegrityFailure
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.training.batches import Scans
from medtl.training.candidates import Variant, told
from medtl.training.feature_table import FeatureTable
from medtl.training.fold import CENTROID_PARTS, PROBE_PARTS, checkpoint_of
from medtl.training.predict import predict_logits, probabilities
from medtl.training.recipe import Recipe

Said = Float[np.ndarray, "case class"]


@dataclass(frozen=True)
class Question:
    """The cases that are asked about, their frozen features, and how the networks of the folds are built."""

    cohort: Cohort
    scans: Scans
    features: FeatureTable
    borrowed: Encoder
    untrained: Callable[..., Encoder]
    adaptation: AdaptationSettings
    recipe: Recipe
    device: torch.device


def ask_fold(questions: Sequence[tuple[Variant, Question]], *, fold: int, folder: Path) -> PredictionTable:
    """What every model of a finished fold says of these cases, as test rows of that fold; nothing is fitted.

    Where the fold's validation patients chose a candidate, its rows are there once more as `selected`.

    Raises:
        IntegrityFailure: a file of weights is missing, damaged, or of another network.
    """
    said = concatenate(
        [told(variant, _asked(question, fold=fold, folder=variant.folder(folder))) for variant, question in questions]
    )
    path = folder / names.SELECTION
    return selection.with_selected(said, selection.read_selection(path).chosen) if path.is_file() else said


def _asked(question: Question, *, fold: int, folder: Path) -> PredictionTable:
    cohort = question.cohort
    return concatenate(
        [
            PredictionTable.of_cases(
                cohort.cases,
                _said(model, question, [case.case_id for case in cohort.cases], fold=fold, folder=folder),
                classes=cohort.classes,
                covariates=cohort.covariates,
                fold=fold,
                role="test",
                model=model,
            )
            for model in question.adaptation.models
        ]
    )


def _said(model: str, question: Question, case_ids: Sequence[str], *, fold: int, folder: Path) -> Said:
    if model == "probe":
        parts = _baseline(folder, model, PROBE_PARTS)
        fitted = probe.Probe(
            **parts, c=float("nan"), c_grid=(), inner_log_loss=(), inner_folds=0, converged=True
        )  # what it takes to predict; how it was chosen stands in probe.json
        return fitted.probabilities(_features(question.features, case_ids))
    if model == "centroid":
        parts = _baseline(folder, model, CENTROID_PARTS)
        centroids = probe.Centroids(parts["mean"], parts["centroids"], parts["sharpness"].item())
        return centroids.probabilities(_features(question.features, case_ids))
    path = checkpoint_of(model, primary=question.adaptation.primary, folder=folder)
    encoder = question.untrained(seed=0) if model == "scratch" else copy.deepcopy(question.borrowed)
    classifier = classifier_with_new_head(encoder, classes=len(question.cohort.classes), seed=0)
    _load(classifier, path)
    logits = predict_logits(
        classifier.to(question.device), question.scans, case_ids, recipe=question.recipe, device=question.device,
        what=f"fold {fold}, {model}, held out",
    )  # fmt: skip
    return probabilities(logits)


def _features(table: FeatureTable, case_ids: Sequence[str]) -> Float[np.ndarray, "case feature"]:
    return table.of(case_ids).astype(np.float64)


def _baseline(folder: Path, model: str, parts: Sequence[str]) -> Mapping[str, np.ndarray]:
    path = folder / names.BASELINES
    try:
        stored = load_arrays(path)
        return {part: stored[f"{model}.{part}"] for part in parts}
    except (FileNotFoundError, SafetensorError, KeyError) as error:
        raise _cannot(path, "both models on frozen features") from error


def _load(classifier: Classifier, path: Path) -> None:
    try:
        classifier.load_state_dict(load_file(path), strict=True)
    except (FileNotFoundError, SafetensorError, RuntimeError) as error:
        raise _cannot(path, "the network of this study") from error


def _cannot(path: Path, what: str) -> IntegrityFailure:
    return IntegrityFailure(
        f"{path.name} in {path.parent.name} does not hold {what}: it is missing, damaged, or from a run of an earlier "
        "medtl. Delete the fold's folder and run the study again with --resume.",
        file=path.name,
    )
