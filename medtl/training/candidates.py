"""The candidates of a fold, and the one that its validation patients choose.

In: the fold's task for each encoder and learning rate. Out: predictions of every model, among them `selected`: what the
candidate with the least validation log loss says. Nothing here looks at a test label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from medtl import run_folder as names
from medtl.adaptation import AdaptationSettings, Classifier
from medtl.errors import IntegrityFailure
from medtl.files import write_csv, write_json
from medtl.predictions import PredictionTable, concatenate, per_patient
from medtl.training.fold import FittedFold, classifier_of, train_fold, write_parts
from medtl.training.fold import FoldTask as FoldTask
from medtl.training.recipe import Recipe
from medtl.training.selection_settings import SelectionSettings

SELECTED = "selected"
CONTROLS = ("scratch", "centroid")
"""Models that stand beside the candidates and cannot be selected."""

LEAST_PROBABILITY = float(np.finfo(np.float64).eps)
"""What a probability of zero for the truth is taken for, as scikit-learn's log loss does."""


@dataclass(frozen=True)
class Variant:
    """An encoder at a learning rate: `suffix` names its models and its folder, and is empty for the study's own.

    `kept` are the models that are told; the rest are by-products.
    """

    suffix: str
    encoder: str
    adaptation: AdaptationSettings
    recipe: Recipe
    kept: tuple[str, ...]

    def named(self, model: str) -> str:
        """The name of this variant's model in the tables."""
        return f"{model}@{self.suffix}" if self.suffix else model

    def folder(self, fold: Path) -> Path:
        """Where a fold keeps this variant's parts."""
        return fold / self.suffix if self.suffix else fold


class Candidate(BaseModel):
    """A candidate and its mean log loss per validation patient, in nats."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    log_loss: float


class Selection(BaseModel):
    """What the validation patients of a fold chose, and among what."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    chosen: str
    candidates: tuple[Candidate, ...]
    patients: int


@dataclass(frozen=True)
class Fitted:
    """A fold with all its variants: every prediction, the parts of each variant, and the primary model's network."""

    predictions: PredictionTable
    history: pd.DataFrame
    parts: tuple[tuple[Variant, FittedFold], ...]
    selection: Selection | None
    primary: str
    classifier: Classifier


def variants_of(
    adaptation: AdaptationSettings, recipe: Recipe, selection: SelectionSettings | None, *, encoders: Sequence[str]
) -> tuple[Variant, ...]:
    """The study's own variant first, then each further encoder and learning rate."""
    learnt = tuple(policy for policy in adaptation.policy if policy not in CONTROLS)
    trained = tuple(policy for policy in learnt if policy != "probe")
    found = []
    for encoder in encoders:
        other = (encoder,) if encoder != encoders[0] else ()
        own = adaptation.model_copy(update={"policy": learnt or ("probe",)}) if other else adaptation
        kept = tuple(dict.fromkeys((*learnt, "probe"))) if other else adaptation.models
        found.append(Variant("-".join(other), encoder, own, recipe, kept))
        for rate in selection.learning_rates if selection and trained else ():
            suffix = "-".join((*other, f"{rate:g}"))
            own = adaptation.model_copy(update={"policy": trained})
            found.append(Variant(suffix, encoder, own, recipe.model_copy(update={"learning_rate": rate}), trained))
    return tuple(found)


def train_candidates(tasks: Sequence[tuple[Variant, FoldTask]], *, selecting: bool) -> Fitted:
    """Fit every variant on one fold and let its validation patients choose."""
    parts = tuple((variant, train_fold(task)) for variant, task in tasks)
    said = concatenate([told(variant, fitted.predictions) for variant, fitted in parts])
    curves = [
        fitted.history.assign(model=[variant.named(str(model)) for model in fitted.history["model"]])
        for variant, fitted in parts
        if len(fitted.history)
    ]
    selection = choose(said) if selecting else None
    by_name = {
        variant.named(model): (task, fitted, model)
        for (variant, task), (_, fitted) in zip(tasks, parts, strict=True)
        for model in variant.kept
    }
    wanted = selection.chosen if selection else tasks[0][0].adaptation.primary
    task, fitted, model = by_name[wanted]
    return Fitted(
        predictions=with_selected(said, selection.chosen) if selection else said,
        history=pd.concat(curves) if curves else parts[0][1].history,
        parts=parts,
        selection=selection,
        primary=SELECTED if selection else wanted,
        classifier=classifier_of(model, task, fitted),
    )


def choose(said: PredictionTable) -> Selection:
    """The candidate with the least log loss per validation patient; the first of the study's order among equals."""
    patients = per_patient(said.of(role="validation"))
    candidates = tuple(
        Candidate(model=model, log_loss=_log_loss(patients.of(model=model)))
        for model in said.models
        if model.split("@")[0] not in CONTROLS
    )
    best = min(candidates, key=lambda candidate: candidate.log_loss)
    count = patients.of(model=best.model).rows["patient_id"].nunique()
    return Selection(chosen=best.model, candidates=candidates, patients=int(count))


def told(variant: Variant, predictions: PredictionTable) -> PredictionTable:
    """A variant's predictions under the names that the study's tables use."""
    rows = predictions.rows[predictions.rows["model"].isin(variant.kept)]
    return PredictionTable(rows.assign(model=[variant.named(str(model)) for model in rows["model"]]))


def with_selected(said: PredictionTable, chosen: str) -> PredictionTable:
    """The predictions, led by those of the chosen candidate once more under the name `selected`."""
    rows = said.of(model=chosen).rows.assign(model=SELECTED)
    return concatenate([PredictionTable(rows), said])


def write_fold(fitted: Fitted, *, folder: Path) -> None:
    """Write a fold's predictions, curves and choice, and the parts of each variant."""
    fitted.predictions.write(folder / names.PREDICTIONS)
    write_csv(folder / names.HISTORY, fitted.history)
    for variant, parts in fitted.parts:
        write_parts(parts, primary=variant.adaptation.primary, folder=variant.folder(folder))
    if fitted.selection is not None:
        write_json(folder / names.SELECTION, fitted.selection.model_dump(mode="json"))


def read_selection(path: Path) -> Selection:
    """The choice that `write_fold` wrote.

    Raises:
        IntegrityFailure: the file was changed.
    """
    try:
        return Selection.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise IntegrityFailure(
            f"{path.name} in {path.parent.name} does not say what was selected: it was changed after the run wrote it. "
            "Restore it, or delete the fold's folder and run again with --resume."
        ) from error


def _log_loss(table: PredictionTable) -> float:
    truths = np.array([table.classes.index(str(truth)) for truth in table.rows["truth"]])
    said = table.probabilities[np.arange(len(truths)), truths]
    loss = -float(np.log(np.clip(said, LEAST_PROBABILITY, 1.0)).mean())
    if not math.isfinite(loss):
        raise IntegrityFailure("A candidate has no finite log loss on the validation patients; see its predictions.")
    return loss
