"""The grid of a search: settings of the training that each fold's validation patients choose among.

In: the study's adaptation and recipe, and for some of their keys further values. Out: every combination but the study's
own, each with a name.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from medtl.adaptation import AdaptationSettings
from medtl.training.recipe import Recipe

MOST_SETTINGS = 48
"""Networks of a fold and policy, the study's own among them; a choice among more is a choice by chance."""

SEARCHED: Mapping[str, tuple[str, ...]] = {
    "recipe": (
        "epochs", "batch_size", "learning_rate", "weight_decay", "warmup_epochs", "gradient_limit", "average_decay",
        "stopping", "small_data.label_smoothing", "small_data.head_dropout", "small_data.class_balance",
        "small_data.mixup", "small_data.cutmix", "small_data.swa_from",
    ),
    "adaptation": ("dropout", "encoder_rate", "last_stages"),
}  # fmt: skip
"""The keys that can be searched: they change the training and neither the scans nor what the probe reads."""

Value = float | int | str


@dataclass(frozen=True)
class Setting:
    """One point of the grid; `name` is made of its keys and values."""

    name: str
    adaptation: AdaptationSettings
    recipe: Recipe


class SearchSettings(BaseModel):
    """Further values of keys of the recipe and the adaptation: lists, in the nesting of a study file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: dict[str, Any] = {}
    adaptation: dict[str, Any] = {}

    @property
    def axes(self) -> dict[str, tuple[Value, ...]]:
        """Each key, with dots for what lies deeper, and its further values.

        Raises:
            ValueError: a key cannot be searched, or has no list of different values.
        """
        found = {}
        for above in type(self).model_fields:
            for key, values in _leaves(getattr(self, above)):
                name = f"{above}.{key}"
                if key not in SEARCHED[above]:
                    raise ValueError(f"search.{name} cannot be searched; {above} has {', '.join(SEARCHED[above])}")
                if not isinstance(values, list | tuple) or not values:
                    raise ValueError(f"search.{name} takes a list of values; got {values!r}")
                if len(set(map(str, values))) < len(values):
                    raise ValueError(f"search.{name} names a value twice: {', '.join(map(str, values))}")
                found[name] = tuple(values)
        return found


def grid_of(adaptation: AdaptationSettings, recipe: Recipe, search: SearchSettings) -> tuple[Setting, ...]:
    """Every combination of the study's own values and the further ones, without the study's own.

    Raises:
        ValueError: a value is not one that its key takes, is the study's own, or there are too many combinations.
    """
    axes = search.axes
    own = {"recipe": recipe.model_dump(mode="json"), "adaptation": adaptation.model_dump(mode="json")}
    for key, values in axes.items():
        if _value_at(own, key.split(".")) in values:
            raise ValueError(
                f"search.{key} names {_value_at(own, key.split('.'))}, which is the study's own: remove it"
            )
    options = [[None, *values] for values in axes.values()]
    combinations = list(itertools.product(*options))[1:]
    if len(combinations) >= MOST_SETTINGS:
        raise ValueError(
            f"search has {len(combinations) + 1} settings with the study's own, and a fold's validation patients can "
            f"choose among at most {MOST_SETTINGS}: name fewer values"
        )
    return tuple(_setting(own, dict(zip(axes, values, strict=True))) for values in combinations)


def _setting(own: Mapping[str, Any], values: Mapping[str, Value | None]) -> Setting:
    changed, words = dict(own), []
    for key, value in values.items():
        if value is not None:
            changed = _with(changed, key.split("."), value)
            words.append(f"{key.rpartition('.')[2]}-{value:.12g}" if isinstance(value, int | float) else str(value))
    try:
        return Setting(
            "-".join(words),
            AdaptationSettings.model_validate(changed["adaptation"]),
            Recipe.model_validate(changed["recipe"]),
        )
    except ValidationError as error:
        (fault, *_) = error.errors(include_url=False)
        keys = ", ".join(f"{key} = {value}" for key, value in values.items() if value is not None)
        raise ValueError(f"search: with {keys}, {fault['msg'].removeprefix('Value error, ')}") from error


def _leaves(values: Mapping[str, Any], *above: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, *above, key)
        else:
            yield ".".join((*above, key)), value


def _value_at(values: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _with(values: Mapping[str, Any], keys: Sequence[str], value: Value) -> dict[str, Any]:
    if len(keys) == 1:
        return {**values, keys[0]: value}
    inner = values.get(keys[0])
    return {**values, keys[0]: _with(inner if isinstance(inner, Mapping) else {}, keys[1:], value)}
