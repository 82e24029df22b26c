"""How near a control that must fail comes to the model, in words that its numbers bear.

In: two AUROCs. Out: one of four relations, and a sentence made from it that names the control with both numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from medtl.evaluation import Estimate
from medtl.report.html.numbers import interval, plain

NEARLY = 0.05
"""AUROC between a control and the model up to which the one does nearly as well as the other."""

Relation = Literal["as well", "nearly as well", "indistinguishable", "less"]


@dataclass(frozen=True)
class ControlWords:
    """A control in the report: `alone` begins the sentence on it, `instead` is what a model may be reading."""

    name: str
    what: str
    alone: str
    instead: str


CONTROLS = {
    "metadata_only": ControlWords(
        "Metadata only",
        "covariates, size, spacing and type of the files, without a pixel",
        "The metadata alone reach",
        "how and of whom the scans were made",
    ),
    "thumbnail": ControlWords(
        "Thumbnail",
        "every scan shrunk to 8 cells a side",
        "A thumbnail of 8 cells a side alone reaches",
        "exposure, size or framing",
    ),
    "border_only": ControlWords(
        "Border only",
        "the outer eighth of every scan, in 16 cells a side",
        "The outer eighth of the scans alone reaches",
        "collimation, markers or framing",
    ),
    "centre_masked": ControlWords(
        "Centre masked",
        "frozen features of scans whose middle is black",
        "The scans with their middle blacked out reach",
        "what surrounds the organ",
    ),
}


def relation(control: float, model: Estimate) -> Relation:
    """By the points: as well, nearly as well (within 0.05); else whether the model's interval reaches the control."""
    if model.value is None:
        return "indistinguishable"
    if control >= model.value:
        return "as well"
    if model.value - control <= NEARLY:
        return "nearly as well"
    return "indistinguishable" if model.low is None or model.low <= control else "less"


def control_sentence(name: str, control: float, model: Estimate) -> str:
    """What a control reached that should have failed, beside the model, and what that puts in doubt."""
    words, held = CONTROLS[name], relation(control, model)
    reached = f"{words.alone} an AUROC of {plain(control)}"
    if model.value is None:
        return f"{reached}; that of the model is not defined."
    if held in ("as well", "nearly as well"):
        return f"{reached}, the model {plain(model.value)}: it may be reading {words.instead}, not the condition."
    bounds = interval(model.low, model.high)
    if held == "indistinguishable":
        within = (
            f"the interval of the model's {plain(model.value)} ({bounds}) includes that"
            if bounds
            else (f"the model {plain(model.value)}, without an interval")
        )
        return f"{reached}, and {within}: the model is not shown to use more."
    return f"{reached}, the model {plain(model.value)} ({bounds}): part of the result does not need the condition."
