"""The candidates of a fold, and the one that its validation patients choose.

In: the fold's task for each encoder and learning rate. Out: predictions of every model, among them `selected`: what the
candidate with the least validation log loss says. Nothing here looks at a test label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from medtl.adaptation import AdaptationSettings, Classifier
from medtl.cohort import Cohort
from medtl.encoders import Encoder, build_untrained
from medtl.folds import Split
from medtl.policies import reference_model
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.record import run_folder as names
from medtl.record.history import write_history
from medtl.training.batches import Scans
from medtl.training.feature_table import FeatureTable
from medtl.training.fold import FittedFold, FoldTask, classifier_of, train_fold, write_parts
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
class StudyTask:
    """What all folds of a study share; also who a finished study is asked about. Encoders and features are by name."""

    cohort: Cohort
    groups: Mapping[str, str]
    scans: Scans
    features: Mapping[str, FeatureTable]
    encoders: Mapping[str, Encoder]
    variants: tuple[Variant, ...]
    is_selecting: bool
    seed: int
    device: torch.device

    def untrained(self, variant: Variant, *, seed: int) -> Encoder:
        """The variant's network without what was borrowed."""
        return build_untrained(self.encoders[variant.encoder].card, seed=seed)

    def of_fold(self, variant: Variant, *, number: int, split: Split, states: Path) -> FoldTask:
        """What the variant needs to be fitted in a fold."""
        return FoldTask(
            number=number,
            split=split,
            cohort=self.cohort,
            groups=self.groups,
            scans=self.scans,
            features=self.features[variant.encoder],
            pretrained=self.encoders[variant.encoder],
            untrained=partial(self.untrained, variant),
            adaptation=variant.adaptation,
            recipe=variant.recipe,
            seed=self.seed,
            device=self.device,
            states=variant.folder(states),
        )


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
    learnt = tuple(policy for policy in adaptation.policy if not selection.is_control(policy))
    trained = tuple(name for name in learnt if name in adaptation.trained)
    found = []
    for encoder in encoders:
        other = (encoder,) if encoder != encoders[0] else ()
        own = adaptation.model_copy(update={"policy": learnt or (reference_model(),)}) if other else adaptation
        kept = tuple(dict.fromkeys((*learnt, reference_model()))) if other else adaptation.models
        found.append(Variant("-".join(other), encoder, own, recipe, kept))
        for rate in among.learning_rates if among and trained else ():
            suffix = "-".join((*other, f"{rate:g}"))
            own = adaptation.model_copy(update={"policy": trained})
            found.append(Variant(suffix, encoder, own, recipe.model_copy(update={"learning_rate": rate}), trained))
    return tuple(found)


def train_variants(task: StudyTask, *, number: int, split: Split, states: Path) -> Fitted:
    """Fit every variant on one fold and let its validation patients choose; goes on where it was interrupted."""
    tasks = [task.of_fold(variant, number=number, split=split, states=states) for variant in task.variants]
    parts = tuple((variant, train_fold(own)) for variant, own in zip(task.variants, tasks, strict=True))
    predictions = concatenate([rename_models(variant, fitted.predictions) for variant, fitted in parts])
    curves = [
        fitted.history.assign(model=[variant.named(str(model)) for model in fitted.history["model"]])
        for variant, fitted in parts
        if len(fitted.history)
    ]
    choice = selection.choose(predictions) if task.is_selecting else None
    by_name = {
        variant.named(model): (own, fitted, model)
        for own, (variant, fitted) in zip(tasks, parts, strict=True)
        for model in variant.kept
    }
    wanted = choice.chosen if choice else task.variants[0].adaptation.primary
    own, fitted, model = by_name[wanted]
    return Fitted(
        predictions=selection.with_selected(predictions, choice.chosen) if choice else predictions,
        history=pd.concat(curves) if curves else parts[0][1].history,
        parts=parts,
        choice=choice,
        primary=selection.SELECTED if choice else wanted,
        classifier=classifier_of(model, own, fitted),
    )


def rename_models(variant: Variant, predictions: PredictionTable) -> PredictionTable:
    """A variant's predictions under the names that the study's tables use."""
    rows = predictions.rows[predictions.rows["model"].isin(variant.kept)]
    return PredictionTable(rows.assign(model=[variant.named(str(model)) for model in rows["model"]]))


def write_fold(fitted: Fitted, *, folder: Path) -> None:
    """Write a fold's predictions, curves and choice, and the parts of each variant."""
    fitted.predictions.write(folder / names.PREDICTIONS)
    write_history(fitted.history, folder)
    for variant, parts in fitted.parts:
        write_parts(parts, primary=variant.adaptation.primary, folder=variant.folder(folder))
    if fitted.choice is not None:
        selection.write_selection(fitted.choice, folder / names.SELECTION)
