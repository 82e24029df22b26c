"""How near a control that must fail comes to the model, in words that its numbers bear.

In: two AUROCs. Out: one of four relations, and sentences made from it.
"""

from __future__ import annotations

from typing import Literal

from medtl.evaluation import Estimate

NEARLY = 0.05
"""AUROC between a control and the model up to which the one does nearly as well as the other."""

Relation = Literal["as well", "nearly as well", "not told apart", "less"]


def relation(control: float, model: Estimate) -> Relation:
    """By the points: as well, nearly as well (within 0.05); else whether the model's interval reaches the control."""
    if model.value is None:
        return "not told apart"
    if control >= model.value:
        return "as well"
    if model.value - control <= NEARLY:
        return "nearly as well"
    return "not told apart" if model.low is None or model.low <= control else "less"


WITHOUT_SCANS: dict[Relation, str] = {
    "as well": "The label can be told as well without looking at the scans, so nothing shows that the network sees the "
    "condition.",
    "nearly as well": "The label can be told nearly as well without looking at the scans, so nothing shows that the "
    "network sees the condition.",
    "not told apart": "The scans are not shown to add to what can be told without them: the interval of the AUROC with "
    "the scans reaches down to the AUROC without.",
    "less": "Part of what was found can be told without looking at the scans.",
}

CONTROL: dict[Relation, str] = {
    "as well": "A control that must fail does as well as the model: the condition may not be what is seen.",
    "nearly as well": "A control that must fail does nearly as well as the model: the condition may not be what is "
    "seen.",
    "not told apart": "A control that must fail does not, and the model is not shown to exceed it: the interval of its "
    "AUROC reaches down to the control's.",
    "less": "A control that must fail does not: part of what was found needs no view of the condition.",
}
