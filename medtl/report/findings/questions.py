"""What a reviewer will ask: each warning that fired, as a question, with its evidence and what to do.

In: the concerns of a run and the notes of its intake, audit and controls. Out: questions, those of the concerns first
in their order. A note that says that nothing is wrong raises no question.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medtl.findings import Concern


@dataclass(frozen=True)
class Asked:
    """A question, what it rests on (one line per warning), and what to do."""

    question: str
    evidence: tuple[str, ...]
    advice: str


REASSURING = re.compile(
    r"alone the label can hardly be told|lies within every scan|^This study is limited to|are sealed as the|"
    r"^The positive class is |^The label can be told without looking at the scans|cannot give the label"
)
"""Notes that no reviewer asks about: what they say is well, or a concern tells it with the same numbers."""

NOTED = (
    (
        r"looks like the healthy one",
        "Which class is looked for?",
        "Make the class that is looked for the positive one (positive_class in the study, --positive for a table) and "
        "run again: sensitivity, predictive values and thresholds refer to it.",
    ),
    (
        r"^The positive class .* looks like the healthy one",
        "Is the positive class the one that is looked for?",
        "Name the other with positive_class in the study and run again, or say why the healthy are sought.",
    ),
    (
        r"equal images with different labels",
        "Are the labels right, if equal images have different ones?",
        "Look at the pairs side by side and correct the wrong label, or leave both out.",
    ),
    (
        r"equal images under different patient numbers",
        "Could one patient be in training and in test?",
        "Ask the source whether they are the same people. Exact duplicates share a fold already; near ones do with "
        "--tie-duplicates.",
    ),
    (
        r"equal images within one patient",
        "Do repeated images count more than once?",
        "Nothing has to be done: the patient is the unit, and the images of a patient are averaged.",
    ),
    (
        r"cases of more than one class|with two labels",
        "What is the reference standard of a patient with two labels?",
        "Say how the label of such a patient was decided, or leave the patient out.",
    ),
    (
        r"^All \d[\d,]* cases of .* are |^All cases of a .* have one class",
        "Does the model name the site instead of the disease?",
        "Read the results within the other values; add patients of both classes, or leave these cases out.",
    ),
    (
        r"near the border of [\d,]+ of [\d,]+ pictures",
        "Do burned-in marks name a side, a site or a person?",
        "Look at the pictures; cover the marks, and read what the control border only can do.",
    ),
    (
        r"goe?s? with the (label|site)",
        "Could the model use the acquisition instead of the condition?",
        "Make these properties alike in all classes, compare within equal ones, or train on what the preparation "
        "leaves equal.",
    ),
    (
        r"without looking at the scans is not known",
        "Was a model without the scans tried?",
        "Add patients, so that this control can be judged.",
    ),
    (
        r"patient number|one number may stand for several people|named alike but for left and right",
        "Is one patient number one person?",
        "Check the numbers with the source before the manuscript says that patients were kept apart.",
    ),
    (
        r"is not stated in",
        "Are the missing entries missing by chance?",
        "Say how missing entries were dealt with; compare the patients with and without them.",
    ),
    (
        r"classes are mixed differently on the sides",
        "Is the test part like the part that was trained on?",
        "Report the share of each class beside every number that depends on it, and do not reuse the threshold.",
    ),
    (
        r"^The prepared grid .* reaches beyond|^Scans differ in size",
        "Does the size of the scan give the label away?",
        "Look at the control without scans; choose a grid that lies within every scan, or bring the sizes together.",
    ),
)
"""Which note raises which question. Notes are written on lower floors; a test asks each of them for its notes."""

OTHERWISE = ("What does this mean for the result?", "Say in the manuscript how it was dealt with.")


def asked_of(concerns: Sequence[Concern], notes: Sequence[str]) -> tuple[Asked, ...]:
    """All questions; notes that raise the same one stand together."""
    asked = [Asked(concern.question or concern.title, (_evidence(concern),), concern.advice) for concern in concerns]
    by_question: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        if not REASSURING.search(note):
            by_question.setdefault(question_on(note), []).append(note)
    return (*asked, *(Asked(question, tuple(told), advice) for (question, advice), told in by_question.items()))


def question_on(note: str) -> tuple[str, str]:
    """The question that a note raises, and what to do."""
    found = [(question, advice) for pattern, question, advice in NOTED if re.search(pattern, note)]
    return found[0] if found else OTHERWISE


def _evidence(concern: Concern) -> str:
    return f"{concern.title} {concern.evidence}" if concern.question else concern.evidence
