"""One look: colours fixed by meaning, dashes beside hues, sizes of figures, and names as people say them.

Colours are those of Okabe and Ito (2008, Color Universal Design), which the colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medtl.policies import Dash, policy_of

INK, ACCENT, HAIRLINE, QUIET = "#1b1f24", "#0b5cad", "#d0d7de", "#57606a"

PAIR_INCHES = (4.6, 3.6)
"""A figure that stands beside another."""

ALONE_INCHES = (9.4, 3.6)
"""A figure that has the column for itself."""

FONT_POINTS = 9.0
FOLD_OPACITY = 0.35
"""Single folds are the model's hue at this opacity, the pooled curve is opaque."""

LONGEST_LABEL = 22
"""Letters of a label inside a figure; the full name stands in the tables."""


@dataclass(frozen=True)
class ModelLook:
    """How a model is drawn and named: `name` in tables and figures, `phrase` inside a sentence."""

    colour: str
    dash: Dash
    marker: str
    name: str
    phrase: str


OTHER_LOOKS = {
    "selected": ModelLook("#D55E00", "-", "o", "Selected per fold", "the model selected in each fold"),
    "model": ModelLook("#0072B2", "-", "o", "The model", "the model"),
}
"""The model that the folds selected, and the one of a table that names none."""

BROWN = "#8c510a"
FURTHER_COLOURS = ("#56B4E9", "#E69F00", "#000000", "#F0E442")
FURTHER_DASHES: tuple[Dash, ...] = ((0, (4, 1, 1, 1)), (0, (2, 2)), (0, (8, 2)), (0, (1, 1)))
CLASS_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#000000")
CLASS_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oo", "--")
"""Classes differ by pattern as well as by hue, so that a grey print can be read."""


def look_of(model: str, models: Sequence[str]) -> ModelLook:
    """How a model looks; a model of another tool gets the palette's next colour, in the study's order."""
    look = _known(model)
    if look is not None and look.colour == OTHER_LOOKS["selected"].colour and _is_beside_the_selected(model, models):
        return replace(look, colour=BROWN, marker="h", dash=(0, (6, 1.5)))  # the eye follows the selected one
    if look is not None:
        return look
    index = [name for name in models if _known(name) is None].index(model)
    colour = FURTHER_COLOURS[index % len(FURTHER_COLOURS)]
    known, _, variant = model.partition("@")
    base, policy = _known(known), policy_of(known)
    dash = FURTHER_DASHES[index % len(FURTHER_DASHES)]
    if variant and base is not None:
        short = policy.short if policy is not None and policy.short else base.name
        return ModelLook(colour, dash, "P", f"{short}, {variant}", f"{base.phrase} ({variant})")
    return ModelLook(colour, dash, "P", model, f"the model {model}")


def _is_beside_the_selected(model: str, models: Sequence[str]) -> bool:
    return model != "selected" and "selected" in models


def _known(model: str) -> ModelLook | None:
    policy = policy_of(model) if "@" not in model else None
    if policy is None:
        return OTHER_LOOKS.get(model)
    look = policy.look
    return ModelLook(look.colour, look.dash, look.marker, policy.label, policy.phrase)


def class_colour(index: int) -> str:
    """The colour of the class at this place of the study's order."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def class_hatch(index: int) -> str:
    """The pattern of the class at this place of the study's order."""
    return CLASS_HATCHES[index % len(CLASS_HATCHES)]


def short_label(text: str, *, length: int = LONGEST_LABEL) -> str:
    """A label that fits into a figure: one line, no control characters, at most so many letters."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= length else line[: length - 1] + "…"
