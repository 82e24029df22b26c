"""A finding: something that was noticed about a cohort, a run or its numbers, as one value.

In: what a rule noticed, written down by the rule that judges it. Out: sentences for the console, the page and the
record, and the question that a reviewer would ask about it. Nothing reads a sentence back to find out what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

OPEN_QUESTION = "What does this mean for the result?"
OPEN_ADVICE = "Say in the manuscript how it was dealt with."
"""What is asked about a finding whose rule has no question of its own."""


class Severity(IntEnum):
    """How much a finding weighs. The strongest stands in the verdict; equal ones keep the order of their rules."""

    WELL = 0
    """Nothing is wrong, or it is only said how something was read: no reviewer asks."""
    NOTE = 1
    """A fact about the cohort that changes how a number is read."""
    SCOPE = 2
    """Holds for every study of this kind, such as internal testing."""
    WEAKNESS = 3
    """A part of the result is weak: calibration, a baseline, the maps."""
    PRECISION = 4
    """The numbers are too uncertain for a claim."""
    VALIDITY = 5
    """The numbers may be about something else than the condition, or about patients who were seen before."""
    INCOMPLETE = 6
    """Numbers are missing."""
    VOID = 7
    """The numbers are no result."""


@dataclass(frozen=True)
class Finding:
    """One finding; `kind` names its rule, for programs and not for people.

    `title` stands alone, in the verdict and in notes; `evidence` holds its numbers. `advice` says what to do,
    `question` how a reviewer would put it: empty where no one would ask. `cases` are the ids of the cases it is about,
    as the run writes them.
    """

    kind: str
    title: str
    evidence: str = ""
    advice: str = OPEN_ADVICE
    question: str = OPEN_QUESTION
    severity: Severity = Severity.NOTE
    cases: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found, with its numbers."""
        return f"{self.title} {self.evidence}".strip()

    def __str__(self) -> str:
        return self.sentence


def reassurance(kind: str, title: str) -> Finding:
    """A finding about which no reviewer asks."""
    return Finding(kind, title, advice="", question="", severity=Severity.WELL)


def sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What was found, one text per finding."""
    return tuple(finding.sentence for finding in findings)


def by_severity(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The strongest first; equal ones stay in their order."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity))


@dataclass(frozen=True)
class ReviewerQuestion:
    """A question, what it rests on (one line per finding), and what to do."""

    question: str
    evidence: tuple[str, ...]
    advice: str


def questions_of(findings: Iterable[Finding]) -> tuple[ReviewerQuestion, ...]:
    """What a reviewer will ask, the strongest first; findings that raise the same question are one entry."""
    lines: dict[tuple[str, str], list[str]] = {}
    for finding in by_severity(findings):
        if finding.question:
            lines.setdefault((finding.question, finding.advice), []).append(finding.sentence)
    return tuple(ReviewerQuestion(question, tuple(own), advice) for (question, advice), own in lines.items())
