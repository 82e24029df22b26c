"""Which of two classes is the positive one, why, and whether it looks like the healthy one.

In: the classes of a study. Out: findings. Sensitivity, predictive values and thresholds change their meaning with this
choice, so it is stated first and never made in silence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from medtl.cohort import words
from medtl.cohort.cells import as_number
from medtl.findings import Finding, reassurance
from medtl.outcomes import outcome_of

POSITIVE_CLASS = "positive class"
"""The kind of these findings: what a console and the heading of a page state first."""

Reason = Literal["named", "order_of_classes", "alphabet", "numbers", "columns", "asked"]

BECAUSE: dict[Reason, str] = {
    "named": "as positive_class in the study says",
    "order_of_classes": "the last of classes in the study",
    "alphabet": "the last label in alphabetical order (capitals do not count); positive_class in the study chooses "
    "another",
    "numbers": "the last label in the order of the numbers; positive_class in the study chooses another",
    "asked": "as --positive says",
    "columns": "the last column of probabilities; --positive chooses another",
}

HEALTHY = frozenset(words.HEALTHY.split())
"""Names of the absence of what a study looks for: one such word in a class's name is enough."""

HEALTHY_SIGNS = tuple(words.HEALTHY_SIGNS.split())
"""The same in writings without blanks or with many endings: any part of the name counts."""

HEALTHY_ALONE = frozenset({"well", "clear", "good", "f"})
"""Words that mean it only when nothing else stands in the name: a tumour may be well differentiated."""

OPPOSITE = re.compile(r"\b(?:not|non|un|ab|nicht|pas)[-_ ]*(?:normal|healthy|negative|benign|gesund|sain|absent|clear)")
"""`abnormal`, `not healthy`: names of the ill that hold a word of the healthy."""


def alphabetical(label: str) -> tuple[bool, float, str, str, str]:
    """The sort key of a label: numbers by value, then words without regard to capitals and accents."""
    number = as_number(label)
    folded = label.casefold()
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(sign))
    return (number is None, number or 0.0, bare, folded, label)


def looks_healthy(label: str) -> bool:
    """Whether a class's name means that what is looked for is absent, in one of many languages."""
    small = unicodedata.normalize("NFC", label).casefold()
    if any(sign in small for sign in HEALTHY_SIGNS):
        return True
    if OPPOSITE.search(small):
        return False
    if as_number(small) == 0.0 or small in HEALTHY_ALONE:
        return True
    words = re.findall(r"[^\W_]+", small)
    return any(word in HEALTHY for word in words)


def positive_class_findings(classes: Sequence[str], *, reason: Reason) -> tuple[Finding, ...]:
    """Which class is positive and why, then a warning where it looks like the healthy one; nothing for more classes."""
    positive = outcome_of(classes).positive_class
    if positive is None:
        return ()
    other = classes[0]
    stated = reassurance(POSITIVE_CLASS, f"The positive class is {positive}, {BECAUSE[reason]}.")
    if not looks_healthy(positive) or looks_healthy(other):
        return (stated,)
    choose = f"--positive {other!r}" if reason in ("columns", "asked") else f"positive_class: {other!r} in the study"
    return (
        stated,
        Finding(
            POSITIVE_CLASS,
            f"The positive class {positive} looks like the healthy one: sensitivity would be the share of {positive} "
            f"that is found, and a probability that of being {positive}. If {other} is what is looked for, give "
            f"{choose}.",
            question="Which class is looked for?",
            advice="Make the class that is looked for the positive one (positive_class in the study, --positive for a "
            "table) and run again: sensitivity, predictive values and thresholds refer to it.",
        ),
    )
