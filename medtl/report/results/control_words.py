"""How near a control that must fail comes to the model, in words that its numbers bear.

In: two AUROCs. Out: one of four relations, and sentences made from it.
"""

from __future__ import annotations

from typing import Literal

from medtl.evaluation import Estimate

NEARLY = 0.05
"""AUROC between a control and the model up to which the one does nearly as well as the other."""

Relation = Literal["as well", "nearly as well", "indistinguishable", "less"]


def relation(control: float, model: Estimate) -> Relation:
    """By the points: as well, nearly as well (within 0.05); else whether the model's interval reaches the control."""
    if model.value is None:
        return "indistinguishable"
    if control >= model.value:
        return "as well"
    if model.value - control <= NEARLY:
        return "nearly as well"
    return "indistinguishable" if model.low is None or model.low <= control else "less"


WITHOUT_SCANS: dict[Relation, str] = {
    "as well": "The label can be predicted as well without looking at the scans, so nothing shows that the network "
    "sees the "
    "condition.",
    "nearly as well": "The label can be predicted nearly as well without looking at the scans, so nothing shows that "
    "the "
    "network sees the condition.",
    "indistinguishable": "The scans are not shown to add to what can be predicted without them: the interval of the "
    "AUROC with "
    "the scans reaches down to the AUROC without.",
    "less": "Part of what was found can be predicted without looking at the scans.",
}

CONTROL: dict[Relation, str] = {
    "as well": "A control that must fail does as well as the model: the condition may not be what is seen.",
    "nearly as well": "A control that must fail does nearly as well as the model: the condition may not be what is "
    "seen.",
    "indistinguishable": "A control that must fail does not, and the model is not shown to exceed it: the interval of "
    "its "
    "AUROC reaches down to the control's.",
    "less": "A control that must fail does not: part of what was found needs no view of the condition.",
}
