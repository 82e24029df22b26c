"""The grid of a search: every combination once, named by its values, and refused where a value cannot be."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from medtl.adaptation import AdaptationSettings
from medtl.training import Recipe, SelectionSettings
from medtl.training.search_grid import SearchSettings, grid_of
from medtl.training.variant import variants_of

OWN = AdaptationSettings(policy=("full", "scratch", "probe"))


def grid(search: dict[str, object], own: Recipe | None = None) -> dict[str, tuple[AdaptationSettings, Recipe]]:
    found = grid_of(OWN, own or Recipe(epochs=4), SearchSettings.model_validate(search))
    assert len({one.name for one in found}) == len(found)
    return {one.name: (one.adaptation, one.recipe) for one in found}


def test_every_combination_but_the_studys_own_is_there_once() -> None:
    found = grid({"recipe": {"epochs": [8, 16], "small_data": {"mixup": [0.2]}}, "adaptation": {"encoder_rate": [0.3]}})
    assert len(found) == 3 * 2 * 2 - 1
    adaptation, recipe = found["epochs-16-mixup-0.2-encoder_rate-0.3"]
    assert (recipe.epochs, recipe.options.mixup, adaptation.encoder_rate) == (16, 0.2, 0.3)
    alone = found["mixup-0.2"][1]
    assert (alone.epochs, alone.options.named) == (4, ("mixup",))


def test_values_that_differ_late_have_names_of_their_own() -> None:
    assert len(grid({"recipe": {"learning_rate": [0.00012345678, 0.00012345679]}})) == 2


def test_a_search_keeps_what_the_study_says_of_other_keys() -> None:
    base = Recipe.model_validate({"epochs": 4, "weight_decay": 0.5, "small_data": {"label_smoothing": 0.1}})
    (_, recipe), *_ = grid({"recipe": {"small_data": {"mixup": [0.2]}}}, base).values()
    assert (recipe.weight_decay, recipe.options.label_smoothing, recipe.options.mixup) == (0.5, 0.1, 0.2)


def test_the_variants_of_a_search_train_and_are_not_reported() -> None:
    among = SelectionSettings.model_validate({"search": {"recipe": {"epochs": [8]}}})
    own, searched, other, other_searched = variants_of(OWN, Recipe(epochs=4), among, encoders=["a", "b"])
    assert [one.is_searched for one in (own, searched, other, other_searched)] == [False, True, False, True]
    assert searched.kept == ("full",), "the frozen probe is the same in each of them, and a control is no candidate"
    assert other_searched.named("full") == "full@b-epochs-8"
    assert other_searched.recipe.epochs == 8


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"recipe": {"epochs": [4]}}, r"search\.recipe\.epochs names 4, which is the study's own: remove it"),
        ({"recipe": {"epochs": [0]}}, r"search: with recipe\.epochs = 0, Input should be greater than or equal to 1"),
        ({"recipe": {"epochs": 5}}, r"search\.recipe\.epochs takes a list of values; got 5"),
        ({"recipe": {"epochs": []}}, r"search\.recipe\.epochs takes a list of values; got \[\]"),
        ({"recipe": {"epochs": [5, 5]}}, r"search\.recipe\.epochs names a value twice: 5, 5"),
        ({"recipe": {"loading_workers": [1]}}, r"recipe\.loading_workers cannot be searched; recipe has epochs, bat"),
        ({"adaptation": {"policy": ["full"]}}, r"adaptation\.policy cannot be searched; adaptation has dropout, enc"),
        ({"recipe": {"small_data": {"swa_from": [0.9]}}}, r"with recipe\.small_data\.swa_from = 0\.9, .*leaves 0 of 4"),
        (
            {"recipe": {"epochs": [5, 6, 7, 8, 9, 10], "batch_size": [2, 3, 5, 6, 7, 8]}},
            r"search has 49 settings with the study's own, .* choose among at most 48: name fewer values",
        ),
    ],
)  # fmt: skip
def test_a_search_that_cannot_be_is_refused(search: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid(search)


def test_an_unknown_part_of_a_study_cannot_be_searched() -> None:
    with pytest.raises(ValidationError, match="preparation"):
        SearchSettings.model_validate({"preparation": {"size_px": [[64, 64]]}})
