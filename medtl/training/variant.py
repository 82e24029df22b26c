"""The variants of a study: its encoders at its learning rates and with the settings that it searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.adaptation import AdaptationSettings
from medtl.policies import reference_model
from medtl.predictions import selection
from medtl.training.recipe import Recipe
from medtl.training.search_grid import grid_of
from medtl.training.selection_settings import SelectionSettings


@dataclass(frozen=True)
class Variant:
    """An encoder at a learning rate: `suffix` names its models and its folder, and is empty for the study's own.

    `kept` are its candidates, and are reported unless it `is_searched`; the rest are by-products.
    """

    suffix: str
    encoder: str
    adaptation: AdaptationSettings
    recipe: Recipe
    kept: tuple[str, ...]
    is_searched: bool = False

    def named(self, model: str) -> str:
        """The name of this variant's model in the tables."""
        return f"{model}@{self.suffix}" if self.suffix else model

    def folder(self, fold: Path) -> Path:
        """Where a fold keeps this variant's parts."""
        return fold / self.suffix if self.suffix else fold


def variants_of(
    adaptation: AdaptationSettings, recipe: Recipe, among: SelectionSettings | None, *, encoders: Sequence[str]
) -> tuple[Variant, ...]:
    """The study's own variant first, then each further encoder, learning rate and setting of the search."""
    learnt = tuple(policy for policy in adaptation.policy if not selection.is_control(policy))
    trained = tuple(name for name in learnt if name in adaptation.trained)
    found = []
    for encoder in encoders:
        other = (encoder,) if encoder != encoders[0] else ()
        own = adaptation.model_copy(update={"policy": learnt or (reference_model(),)}) if other else adaptation
        kept = tuple(dict.fromkeys((*learnt, reference_model()))) if other else adaptation.models
        found.append(Variant("-".join(other), encoder, own, recipe, kept))
        for rate in among.learning_rates if among and trained else ():
            suffix = "-".join((*other, f"{rate:.12g}"))
            own = adaptation.model_copy(update={"policy": trained})
            found.append(Variant(suffix, encoder, own, recipe.model_copy(update={"learning_rate": rate}), trained))
        for point in grid_of(adaptation, recipe, among.search) if among and among.search and trained else ():
            own = point.adaptation.model_copy(update={"policy": trained})
            suffix = "-".join((*other, point.name))
            found.append(Variant(suffix, encoder, own, point.recipe, trained, is_searched=True))
    return tuple(found)
