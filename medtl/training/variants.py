"""The candidates of a fold, and the one that its validation patients choose.

In: the fold's task for each encoder and learning rate. Out: predictions of every model, among them `selected`: what the
candidate with the least validation log loss says. Nothing here looks at a test label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from medtl.adaptation import Classifier
from medtl.predictions import PredictionTable, concatenate, selection
from medtl.record import run_folder as names
from medtl.record.history import write_history
from medtl.training.fold import FittedFold, classifier_of, train_fold, write_parts
from medtl.training.study_data import FoldData
from medtl.training.variant import Variant


@dataclass(frozen=True)
class Fitted:
    """A fold with all its variants: every prediction, the parts of each variant, and the primary model's network."""

    predictions: PredictionTable
    history: pd.DataFrame
    parts: tuple[tuple[Variant, FittedFold], ...]
    choice: selection.Selection | None
    primary: str
    classifier: Classifier


def train_variants(fold: FoldData, variants: Sequence[Variant], *, is_selecting: bool) -> Fitted:
    """Fit every variant on one fold and let its validation patients choose; goes on where it was interrupted.

    Of the variants that a search adds, the best so far alone is kept, so that memory holds one of them.
    """
    parts: list[tuple[Variant, FittedFold]] = []
    tables: list[PredictionTable] = []
    for variant in variants:
        fitted = train_fold(fold, variant)
        tables.append(rename_models(variant, fitted.predictions))
        parts.append((variant, fitted))
        if variant.is_searched:
            parts = _without_beaten(parts, chosen=selection.choose(concatenate(tables)).chosen)
    predictions = concatenate(tables)
    curves = [
        fitted.history.assign(model=[variant.named(str(model)) for model in fitted.history["model"]])
        for variant, fitted in parts
        if len(fitted.history)
    ]
    choice = selection.choose(predictions) if is_selecting else None
    by_name = {variant.named(model): (variant, fitted, model) for variant, fitted in parts for model in variant.kept}
    wanted = choice.chosen if choice else variants[0].adaptation.primary
    own, fitted, model = by_name[wanted]
    return Fitted(
        predictions=reported(predictions, variants, choice),
        history=pd.concat(curves) if curves else parts[0][1].history,
        parts=tuple(parts),
        choice=choice,
        primary=selection.SELECTED if choice else wanted,
        classifier=classifier_of(model, fold, own, fitted),
    )


def reported(
    predictions: PredictionTable, variants: Sequence[Variant], choice: selection.Selection | None
) -> PredictionTable:
    """The predictions led by those of the chosen candidate; candidates that only a search looked at are left out."""
    found = predictions if choice is None else selection.with_selected(predictions, choice.chosen)
    searched = {variant.named(model) for variant in variants if variant.is_searched for model in variant.kept}
    return PredictionTable(found.rows[~found.rows["model"].isin(searched)]) if searched else found


def _without_beaten(parts: Sequence[tuple[Variant, FittedFold]], *, chosen: str) -> list[tuple[Variant, FittedFold]]:
    return [
        (variant, fitted)
        for variant, fitted in parts
        if not variant.is_searched or chosen in map(variant.named, variant.kept)
    ]


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
