"""One look: colours fixed by meaning, dashes beside hues, sizes of figures, and names as people say them.

Colours are those of Okabe and Ito (2008, Color Universal Design), which the colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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

Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class ModelLook:
    """How a model is drawn and named: `name` in tables and figures, `phrase` inside a sentence."""

    colour: str
    dash: Dash
    marker: str
    name: str
    phrase: str


MODEL_LOOKS = {
    "selected": ModelLook("#D55E00", "-", "o", "Selected per fold", "the model selected in each fold"),
    "scratch": ModelLook("#7f7f7f", (0, (1.2, 1.4)), "s", "From scratch", "the network trained from scratch"),
    "probe": ModelLook("#0072B2", (0, (5, 2)), "D", "Frozen probe", "the frozen probe"),
    "lp_ft": ModelLook("#D55E00", "-", "o", "Fine-tuned (LP-FT)", "the fine-tuned network (LP-FT)"),
    "full": ModelLook("#009E73", (0, (7, 1.5, 1.2, 1.5)), "^", "Fully fine-tuned", "the fully fine-tuned network"),
    "centroid": ModelLook("#CC79A7", (0, (3, 1.2)), "v", "Nearest centroid", "the nearest-centroid baseline"),
    "model": ModelLook("#0072B2", "-", "o", "The model", "the model"),
}
"""The models that medtl makes, and the one of a table that names none."""

SHORT = {"probe": "Probe", "lp_ft": "LP-FT", "full": "Full"}
"""Names of models that are followed by an encoder or a learning rate."""

BROWN = "#8c510a"
FURTHER_COLOURS = ("#56B4E9", "#E69F00", "#000000", "#F0E442")
FURTHER_DASHES: tuple[Dash, ...] = ((0, (4, 1, 1, 1)), (0, (2, 2)), (0, (8, 2)), (0, (1, 1)))
CLASS_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#F0E442", "#000000")
CLASS_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oo", "--")
"""Classes differ by pattern as well as by hue, so that a grey print can be read."""


def look_of(model: str, models: Sequence[str]) -> ModelLook:
    """How a model looks; a model of another tool gets the palette's next colour, in the study's order."""
    if model == "lp_ft" and "selected" in models:  # the selected one has the colour that the eye follows
        return replace(MODEL_LOOKS[model], colour=BROWN, marker="h", dash=(0, (6, 1.5)))
    if model in MODEL_LOOKS:
        return MODEL_LOOKS[model]
    place = [name for name in models if name not in MODEL_LOOKS].index(model)
    colour = FURTHER_COLOURS[place % len(FURTHER_COLOURS)]
    known, _, variant = model.partition("@")
    if variant and known in MODEL_LOOKS:
        look, dash = MODEL_LOOKS[known], FURTHER_DASHES[place % len(FURTHER_DASHES)]
        return ModelLook(colour, dash, "P", f"{SHORT.get(known, look.name)}, {variant}", f"{look.phrase} ({variant})")
    return ModelLook(colour, FURTHER_DASHES[place % len(FURTHER_DASHES)], "P", model, f"the model {model}")


def class_colour(place: int) -> str:
    """The colour of the class at this place of the study's order."""
    return CLASS_COLOURS[place % len(CLASS_COLOURS)]


def class_hatch(place: int) -> str:
    """The pattern of the class at this place of the study's order."""
    return CLASS_HATCHES[place % len(CLASS_HATCHES)]


def short_label(text: str, *, letters: int = LONGEST_LABEL) -> str:
    """A label that fits into a figure: one line, no control characters, at most so many letters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= letters else line[: letters - 1] + "…"
