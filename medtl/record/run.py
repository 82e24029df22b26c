"""A run folder as one frozen value: everything the pages tell, from files alone.

In: the folder that `medtl run` made, finished or not. Out: a `Run`. Folds without DONE.json are not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.errors import ConfigurationError, IntegrityFailure
from medtl.evaluation import StudyMetrics
from medtl.files import read_csv
from medtl.outcomes import Outcome, outcome_of
from medtl.policies import POLICIES
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.record import run_folder as names
from medtl.record.controls import Controls, read_controls
from medtl.record.fold import FoldRecord, read_fold
from medtl.record.held_out import HeldOut, read_held_out
from medtl.record.metrics import read_study_metrics
from medtl.record.provenance import Provenance, read_provenance
from medtl.record.run_seal import refuse_changed
from medtl.record.saliency_checks import Method, SaliencyChecks, read_saliency_checks
from medtl.record.sealed import Seal, read_seal
from medtl.record.studied_cohort import StudiedCohort, read_cohort, read_exclusions, read_lock
from medtl.record.study import DeclaredStudy, read_study

PREFERRED_MODELS = tuple(one.name for one in sorted(POLICIES, key=lambda policy: policy.rank))
"""Which model a page speaks of when the study declares none that ran; declared policies come first, never results."""


MAP_METHODS: dict[Method, str] = {
    "hirescam": "HiResCAM", "layercam": "LayerCAM", "gradcam_plus_plus": "Grad-CAM++", "eigencam": "EigenCAM"
}  # fmt: skip
"""The methods of the study's saliency settings by their authors' names."""


@dataclass(frozen=True)
class HeldOutRun:
    """A held-out cohort with what the run says of it: its test rows, and the study's own as validation rows.

    `members` are the single folds' models.
    """

    record: HeldOut
    predictions: PredictionTable
    members: PredictionTable
    metrics: StudyMetrics


@dataclass(frozen=True)
class Run:
    """One run. `planned_folds` are all that folds.csv names; `folds` are those that are finished, in order.

    `predictions` holds the validation and test rows of the finished folds. `classes` are in the study's order.
    """

    folder: Path
    study: DeclaredStudy
    cohort: StudiedCohort
    provenance: Provenance
    locked_cases: pd.DataFrame
    fold_table: pd.DataFrame
    exclusions: pd.DataFrame
    predictions: PredictionTable
    folds: tuple[FoldRecord, ...]
    planned_folds: tuple[int, ...]
    controls: Controls | None = None
    saliency_checks: SaliencyChecks | None = None
    seal: Seal | None = None
    held_out: tuple[HeldOutRun, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether every planned fold is finished."""
        return len(self.folds) == len(self.planned_folds)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the study's order; with two, the last is the positive class."""
        return self.cohort.classes

    @property
    def outcome(self) -> Outcome:
        """What is predicted: everything that depends on the kind of the classes is asked of it."""
        return outcome_of(self.classes)

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the predictions."""
        return self.predictions.models

    @property
    def chosen_model(self) -> str:
        """The model the pages speak of: what the folds selected, else the first declared policy that ran.

        It is fixed before any result is known.
        """
        return next(
            name
            for name in (selection.SELECTED, *self.study.policies, *PREFERRED_MODELS, *self.models)
            if name in self.models
        )

    @property
    def map_method(self) -> str:
        """How the maps were made, as the authors of the method call it."""
        return MAP_METHODS["hirescam" if self.study.saliency is None else self.study.saliency.method]

    @property
    def left_out_by(self) -> str | None:
        """The covariate whose values are the test folds, such as site; None where the folds are made otherwise."""
        column = self.study.fold_column
        return column if column in self.predictions.covariates else None

    def named(self, fold: int) -> str:
        """A fold by its number, and by the value that it leaves out."""
        if self.left_out_by is None:
            return f"Fold {fold}"
        rows = self.predictions.rows
        values = rows[(rows["fold"] == fold) & (rows["role"] == "test")][self.left_out_by].dropna().unique()
        return f"Fold {fold} ({values[0]})" if len(values) == 1 else f"Fold {fold}"

    def fold(self, number: int) -> FoldRecord:
        """A finished fold by its number."""
        for record in self.folds:
            if record.fold == number:
                return record
        finished = ", ".join(str(record.fold) for record in self.folds)
        raise ConfigurationError(
            f"Fold {number} of {self.folder.name} is not finished; finished are: {finished}. "
            "Run again with --resume, or ask for one of these.",
            fold=number,
        )


def read_run(folder: Path, *, weights_too: bool = True) -> Run:
    """Read a run folder; refuses by name what is missing or changed, and a folder without a finished fold.

    Without `weights_too`, files of weights and maps are not held against the run's seal.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no run folder {folder.name}: give the folder that medtl run made, such as runs/NAME-FINGERPRINT."
        )
    sealed = refuse_changed(folder, weights_too=weights_too)
    study = read_study(folder)
    fold_table = read_csv(folder / names.FOLDS, text_columns=("case_id", "patient_id", "label"))
    planned = tuple(sorted(int(fold) for fold in fold_table["fold"].unique()))
    finished = tuple(fold for fold in planned if (folder / f"fold_{fold}" / names.DONE).is_file())
    if not finished:
        raise ConfigurationError(
            f"No fold of {folder.name} is finished, so there is nothing to report. Run again with --resume.",
            planned=planned,
        )
    cohort = read_cohort(folder)
    predictions = _predictions(folder, finished, is_whole=finished == planned)
    if tuple(predictions.classes) != cohort.classes:
        raise IntegrityFailure(
            f"predictions.csv of {folder.name} speaks of the classes {', '.join(predictions.classes)}, cohort.json of "
            f"{', '.join(cohort.classes)}. The files are from different runs; restore them, or run again."
        )
    return Run(
        folder=folder,
        study=study,
        cohort=cohort,
        provenance=read_provenance(folder),
        locked_cases=read_lock(folder),
        fold_table=fold_table,
        exclusions=read_exclusions(folder),
        predictions=predictions,
        folds=tuple(read_fold(folder / f"fold_{fold}", fold=fold) for fold in finished),
        planned_folds=planned,
        controls=read_controls(folder),
        saliency_checks=read_saliency_checks(folder),
        seal=read_seal(folder),
        held_out=tuple(
            _held_out(record, folder / names.HELD_OUT / record.name)
            for record in read_held_out(folder)
            if sealed is None or f"{names.HELD_OUT}/{record.name}/{names.RECORD}" in sealed.sha256
        ),
    )


def _held_out(record: HeldOut, folder: Path) -> HeldOutRun:
    metrics = read_study_metrics(folder)
    predictions, members = (PredictionTable.read(folder / name) for name in (names.PREDICTIONS, names.MEMBERS))
    return HeldOutRun(record, predictions, members, metrics)


def _predictions(folder: Path, finished: tuple[int, ...], *, is_whole: bool) -> PredictionTable:
    if is_whole and (folder / names.PREDICTIONS).is_file():
        return PredictionTable.read(folder / names.PREDICTIONS)
    return concatenate([PredictionTable.read(folder / f"fold_{n}" / names.PREDICTIONS) for n in finished])
