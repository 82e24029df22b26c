"""The candidates of a fold, and the one that its validation patients choose.

In: the fold's task for each encoder and learning rate. Out: predictions of every model, among them `selected`: what the
candidate with the least validation log loss says. Nothing here looks at a test label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl import run_folder as names
from medtl.adaptation import AdaptationSettings, Classifier
from medtl.files import write_csv, write_json
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.training.fold import FittedFold, classifier_of, train_fold, write_parts
from medtl.training.fold import FoldTask as FoldTask
from medtl.training.recipe import Recipe
from medtl.training.selection_settings import SelectionSettings


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


@dataclass(frozen=True)
class Fitted:
    """A fold with all its variants: every prediction, the parts of each variant, and the primary model's network."""

    predictions: PredictionTable
    history: pd.DataFrame
    parts: tuple[tuple[Variant, FittedFold], ...]
    choice: selection.Selection | None
    primary: str
    classifier: Classifier


def variants_of(
    adaptation: AdaptationSettings, recipe: Recipe, among: SelectionSettings | None, *, encoders: Sequence[str]
) -> tuple[Variant, ...]:
    """The study's own variant first, then each further encoder and learning rate."""
    learnt = tuple(policy for policy in adaptation.policy if policy not in selection.CONTROLS)
    trained = tuple(policy for policy in learnt if policy != "probe")
    found = []
    for encoder in encoders:
        other = (encoder,) if encoder != encoders[0] else ()
        own = adaptation.model_copy(update={"policy": learnt or ("probe",)}) if other else adaptation
        kept = tuple(dict.fromkeys((*learnt, "probe"))) if other else adaptation.models
        found.append(Variant("-".join(other), encoder, own, recipe, kept))
        for rate in among.learning_rates if among and trained else ():
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
    choice = selection.choose(said) if selecting else None
    by_name = {
        variant.named(model): (task, fitted, model)
        for (variant, task), (_, fitted) in zip(tasks, parts, strict=True)
        for model in variant.kept
    }
    wanted = choice.chosen if choice else tasks[0][0].adaptation.primary
    task, fitted, model = by_name[wanted]
    return Fitted(
        predictions=selection.with_selected(said, choice.chosen) if choice else said,
        history=pd.concat(curves) if curves else parts[0][1].history,
        parts=parts,
        choice=choice,
        primary=selection.SELECTED if choice else wanted,
        classifier=classifier_of(model, task, fitted),
    )


def told(variant: Variant, predictions: PredictionTable) -> PredictionTable:
    """A variant's predictions under the names that the study's tables use."""
    rows = predictions.rows[predictions.rows["model"].isin(variant.kept)]
    return PredictionTable(rows.assign(model=[variant.named(str(model)) for model in rows["model"]]))


def write_fold(fitted: Fitted, *, folder: Path) -> None:
    """Write a fold's predictions, curves and choice, and the parts of each variant."""
    fitted.predictions.write(folder / names.PREDICTIONS)
    write_csv(folder / names.HISTORY, fitted.history)
    for variant, parts in fitted.parts:
        write_parts(parts, primary=variant.adaptation.primary, folder=variant.folder(folder))
    if fitted.choice is not None:
        write_json(folder / names.SELECTION, fitted.choice.model_dump(mode="json"))
