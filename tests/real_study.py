"""From a study of real scans to its data and its models' predictions, for the scripts that measure and print tables."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from medtl import imaging, training
from medtl.encoders import WeightStore
from medtl.predictions import PredictionTable, concatenate
from medtl.study.cohort import Recruited, audit_and_split, read_cohort
from medtl.study.data import study_data
from medtl.study.encoders import resolve_encoder
from medtl.study.settings import Study
from medtl.training.variants import Fitted


def data_of(study: Study) -> tuple[Study, training.StudyData, Recruited]:
    """The study with its encoder's whole name, its data with features, and who was recruited into which folds."""
    cohort = read_cohort(study)
    prepared = imaging.prepare_cohort(cohort.cases, study.preparation, cache=imaging.PreparedCache.shared())
    recruited = audit_and_split(study, cohort.without(prepared.exclusions), prepared.facts)
    study, encoder = resolve_encoder(study, store=WeightStore.from_environment())
    data = study_data(
        study, recruited.cohort, prepared, groups=recruited.groups, encoders={study.encoder: encoder},
        device=training.choose_device("auto"),
    )  # fmt: skip
    return study, data, recruited


def fitted_folds(study: Study) -> tuple[list[Fitted], int]:
    """What every fold's training gives, and how many patients there are."""
    study, data, recruited = data_of(study)
    (variant,) = training.variants_of(study.adaptation, study.recipe, None, encoders=[study.encoder])
    folds = []
    for fold in recruited.folds.folds:
        with tempfile.TemporaryDirectory() as states:
            own = training.FoldData(data, fold, recruited.folds.split(fold), Path(states))
            folds.append(training.variants.train_variants(own, (variant,), is_selecting=False))
    return folds, len(recruited.cohort.patients)


def predictions_of(folds: list[Fitted]) -> PredictionTable:
    """The out-of-fold predictions of every model."""
    return concatenate([fold.predictions for fold in folds])


def interval(found: Any) -> str:
    """A value and its 95 % interval, as the tables print it; few patients have none."""
    if found.low is None or found.high is None:
        return "not defined" if found.value is None else f"{found.value:.3f} (no interval)"
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def arguments(of: str | None, *, named: str, patients: int, epochs: int) -> argparse.Namespace:
    """The command line of a script that trains on real scans; names may stand before or after options."""
    parser = argparse.ArgumentParser(description=of, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", metavar=named, help="what is measured; without names all of it")
    parser.add_argument("--patients", type=int, default=patients)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--encoder", default="resnet18-imagenet")
    torch.set_num_threads(1)
    return parser.parse_intermixed_args()
