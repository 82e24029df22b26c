"""What became of everything: under which name, used or refused, each file once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.intake.conversion import Outcome
from medtl.intake.offer import Cell, Offer, Refusal, Survey

USED = "used"


@dataclass(frozen=True)
class Named:
    """The survey with everybody's other name."""

    survey: Survey
    cases: Mapping[str, str]
    patients: Mapping[str, str]


def exclusion_rows(named: Named, outcomes: Sequence[Outcome]) -> list[dict[str, Cell]]:
    """A row for everything refused, with its reason and a sentence."""
    late: list[tuple[Offer | Refusal, str, str]] = [
        (offer, outcome.reason, outcome.sentence)
        for offer, outcome in zip(named.survey.offers, outcomes, strict=True)
        if outcome.reason
    ]
    early: list[tuple[Offer | Refusal, str, str]] = [
        (refusal, refusal.reason, refusal.sentence) for refusal in named.survey.refusals
    ]
    return [
        {
            "case_id": named.cases[one.key],
            "patient_id": named.patients[one.patient],
            "files": len(one.files),
            "what": one.title or "single file",
            "reason": reason,
            "detail": sentence,
        }
        for one, reason, sentence in [*late, *early]
    ]


def file_outcomes(survey: Survey, outcomes: Sequence[Outcome]) -> list[str]:
    """For each file found `used`, or the reason of the first refusal that holds it: each file counts once."""
    fate: dict[Path, str] = dict.fromkeys(survey.tables, USED)
    for offer, outcome in zip(survey.offers, outcomes, strict=True):
        if not outcome.reason:
            fate.update(dict.fromkeys(offer.files, USED))
    for offer, outcome in zip(survey.offers, outcomes, strict=True):
        for file in offer.files:
            fate.setdefault(file, outcome.reason)
    for refusal in survey.refusals:
        for file in refusal.files:
            fate.setdefault(file, refusal.reason)
    return [fate[file] for file in survey.found]
