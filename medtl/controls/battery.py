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
from medtl.controls.permuted_labels import permuted_labels
from medtl.controls.same_folds import Features, Labels, auroc_of, plain_logistic, predict_in_folds
from medtl.controls.settings import ControlSettings
from medtl.controls.thumbnails import grey_cells
from medtl.folds import FoldTable
from medtl.predictions import PredictionTable, concatenate
from medtl.record.controls import Control, Controls, Name, PermutedLabels
from medtl.training import Scans
from medtl.training.study_data import StudyData

IMAGE_FOLDS = 5
MIDDLE = 0.25
"""The masked middle begins and ends this share from each side: half of every side, a quarter of a picture's area."""


@dataclass(frozen=True)
class _Known:
    """What the controls are fitted on: the study's data and folds, and one encoder of it."""

    data: StudyData
    folds: FoldTable
    encoder: str

    @property
    def features(self) -> Features:
        return self.data.features[self.encoder].values

    @property
    def last_stage(self) -> Features:
        return self.data.last_stage(self.encoder).values

    def features_of(self, scans: Scans, content: Mapping[str, str]) -> Features:
        return self.data.features_of(self.encoder, scans, content).values


def run_controls(
    data: StudyData, folds: FoldTable, settings: ControlSettings, *, encoder: str
) -> tuple[Controls, PredictionTable | None]:
    """Run the controls in the settings; the predictions are None when none was fitted.

    `encoder` names the one whose frozen features the controls share with the probe.
    """
    known = _Known(data, folds, encoder)
    permuted = None
    if settings.permutations:
        permuted = permuted_labels(
            known.last_stage,
            known.data.cohort,
            known.folds,
            groups=known.data.groups,
            draws=settings.permutations,
            seed=known.data.seed,
        )
    tables: dict[Name, PredictionTable] = {}
    if settings.thumbnail or settings.border_only:
        cells = grey_cells(known.data.scans.pixels, [case.case_id for case in known.data.cohort.cases])
        if settings.thumbnail:
            tables["thumbnail"] = _predicted(cells.thumbnail, known, "thumbnail")
        if settings.border_only:
            tables["border_only"] = _predicted(cells.border, known, "border_only")
    if settings.centre_masked:
        tables["centre_masked"] = _centre_masked(known)
    if settings.image_level_split:
        tables["image_level_split"] = _image_level_split(known)
    found = Controls(
        permuted_labels=permuted if isinstance(permuted, PermutedLabels) else None,
        why=permuted if isinstance(permuted, str) else "",
        controls=tuple(
            Control(name=name, auroc=auroc_of(table, seed=known.data.seed)) for name, table in tables.items()
        ),
    )
    return found, concatenate(list(tables.values())) if tables else None


def _predicted(features: Features, known: _Known, model: Name) -> PredictionTable:
    return predict_in_folds(features, known.data.cohort, known.folds, fit=plain_logistic, model=model)


def _centre_masked(known: _Known) -> PredictionTable:
    masked = Scans(
        partial(_without_middle, known.data.scans.pixels),
        known.data.scans.labels,
        known.data.scans.augment,
        outcome=known.data.scans.outcome,
    )
    keys = {case.case_id: f"{known.data.content[case.case_id]} without its middle" for case in known.data.cohort.cases}
    features = known.features_of(masked, keys)
    names = [known.data.groups[case.case_id] for case in known.data.cohort.cases]

    def fit(
        training_features: Features, labels: Labels, indices: tuple[int, ...], test_features: Features
    ) -> np.ndarray:
        return _probed(
            training_features, labels, test_features, groups=[names[index] for index in indices], known=known
        )

    return predict_in_folds(features, known.data.cohort, known.folds, fit=fit, model="centre_masked")


def _without_middle(pixels: Callable[[str], np.ndarray], case_id: str) -> Float[np.ndarray, "channel ..."]:
    scan = pixels(case_id).copy()
    scan[(slice(None), *(slice(round(MIDDLE * n), n - round(MIDDLE * n)) for n in scan.shape[1:]))] = 0.0
    return scan


def _image_level_split(known: _Known) -> PredictionTable:
    """The probe in folds by image: a patient may stand on both sides, and that is the point."""
    features, classes = known.features, known.data.cohort.classes
    labels = known.data.cohort.outcome.targets(case.label for case in known.data.cohort.cases)
    drawn = StratifiedKFold(n_splits=IMAGE_FOLDS, shuffle=True, random_state=known.data.seed % 2**32)
    tables = []
    for fold, (training, test) in enumerate(drawn.split(features, labels)):
        images = [str(index) for index in training]
        values = _probed(features[training], labels[training], features[test], groups=images, known=known)
        tables.append(
            PredictionTable.of_cases(
                [known.data.cohort.cases[index] for index in test], values, classes=classes,
                fold=fold, role="test", model="image_level_split",
            )
        )  # fmt: skip
    return concatenate(tables)


def _probed(
    training_features: Features, labels: Labels, test_features: Features, *, groups: list[str], known: _Known
) -> np.ndarray:
    fitted = probe.fit_probe(
        training_features,
        labels,
        groups=groups,
        classes=known.data.cohort.outcome.head_width,
        seed=known.data.seed,
        readouts=known.data.widths(known.encoder),
    )
    return fitted.probabilities(test_features.astype(np.float64))
