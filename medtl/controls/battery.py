"""The controls of a study, one after the other, in the study's own folds.

In: the cohort, folds and frozen features of a run. Out: `Controls`, and the predictions of the fitted controls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from sklearn.model_selection import StratifiedKFold

from medtl.adaptation import probe
from medtl.cohort import Cohort
from medtl.controls.permuted_labels import permuted_labels
from medtl.controls.same_folds import Features, Labels, auroc_of, plain_logistic, predict_in_folds
from medtl.controls.settings import ControlSettings
from medtl.controls.thumbnails import grey_cells
from medtl.folds import FoldTable
from medtl.predictions import PredictionTable, concatenate
from medtl.record.controls import Control, Controls, Name, PermutedLabels
from medtl.training import Scans

IMAGE_FOLDS = 5
MIDDLE = 0.25
"""The masked middle begins and ends this share from each side: half of every side, a quarter of a picture's area."""


@dataclass(frozen=True)
class ControlTask:
    """The cohort, its folds and its features, for the controls.

    `features` are frozen, (case, feature) in cohort order, of the prepared scans that `keys` names by case; `featured`
    makes them of other scans, given a key for each case's content.
    """

    cohort: Cohort
    groups: Mapping[str, str]
    folds: FoldTable
    scans: Scans
    keys: Mapping[str, str]
    features: Features
    featured: Callable[[Scans, Mapping[str, str]], Features]
    seed: int


def run_controls(task: ControlTask, settings: ControlSettings) -> tuple[Controls, PredictionTable | None]:
    """Run the controls in the settings; the predictions are None when none was fitted."""
    permuted = None
    if settings.permutations:
        permuted = permuted_labels(
            task.features, task.cohort, task.folds, groups=task.groups, draws=settings.permutations, seed=task.seed
        )
    tables: dict[Name, PredictionTable] = {}
    if settings.thumbnail or settings.border_only:
        cells = grey_cells(task.scans.pixels, [case.case_id for case in task.cohort.cases])
        if settings.thumbnail:
            tables["thumbnail"] = _predicted(cells.thumbnail, task, "thumbnail")
        if settings.border_only:
            tables["border_only"] = _predicted(cells.border, task, "border_only")
    if settings.centre_masked:
        tables["centre_masked"] = _centre_masked(task)
    if settings.image_level_split:
        tables["image_level_split"] = _image_level_split(task)
    found = Controls(
        permuted_labels=permuted if isinstance(permuted, PermutedLabels) else None,
        why=permuted if isinstance(permuted, str) else "",
        controls=tuple(Control(name=name, auroc=auroc_of(table, seed=task.seed)) for name, table in tables.items()),
    )
    return found, concatenate(list(tables.values())) if tables else None


def _predicted(features: Features, task: ControlTask, model: Name) -> PredictionTable:
    return predict_in_folds(features, task.cohort, task.folds, fit=plain_logistic, model=model)


def _centre_masked(task: ControlTask) -> PredictionTable:
    masked = Scans(
        partial(_without_middle, task.scans.pixels), task.scans.labels, task.scans.augment, outcome=task.scans.outcome
    )
    keys = {case.case_id: f"{task.keys[case.case_id]} without its middle" for case in task.cohort.cases}
    features = task.featured(masked, keys)
    names = [task.groups[case.case_id] for case in task.cohort.cases]

    def fit(
        training_features: Features, labels: Labels, indices: tuple[int, ...], test_features: Features
    ) -> np.ndarray:
        return _probed(training_features, labels, test_features, groups=[names[index] for index in indices], task=task)

    return predict_in_folds(features, task.cohort, task.folds, fit=fit, model="centre_masked")


def _without_middle(pixels: Callable[[str], np.ndarray], case_id: str) -> Float[np.ndarray, "channel ..."]:
    scan = pixels(case_id).copy()
    scan[(slice(None), *(slice(round(MIDDLE * n), n - round(MIDDLE * n)) for n in scan.shape[1:]))] = 0.0
    return scan


def _image_level_split(task: ControlTask) -> PredictionTable:
    """The probe in folds by image: a patient may stand on both sides, and that is the point."""
    features, classes = task.features, task.cohort.classes
    labels = task.cohort.outcome.targets(case.label for case in task.cohort.cases)
    drawn = StratifiedKFold(n_splits=IMAGE_FOLDS, shuffle=True, random_state=task.seed % 2**32)
    tables = []
    for fold, (training, test) in enumerate(drawn.split(features, labels)):
        images = [str(index) for index in training]
        values = _probed(features[training], labels[training], features[test], groups=images, task=task)
        tables.append(
            PredictionTable.of_cases(
                [task.cohort.cases[index] for index in test], values, classes=classes,
                fold=fold, role="test", model="image_level_split",
            )
        )  # fmt: skip
    return concatenate(tables)


def _probed(
    training_features: Features, labels: Labels, test_features: Features, *, groups: list[str], task: ControlTask
) -> np.ndarray:
    fitted = probe.fit_probe(
        training_features, labels, groups=groups, classes=task.cohort.outcome.head_width, seed=task.seed
    )
    return fitted.probabilities(test_features.astype(np.float64))
