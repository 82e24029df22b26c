"""What became of everything: under which name, used or refused, each file once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl.intake.conversion import ConversionResult
from medtl.intake.offer import Cell, Offer, Refusal, Survey

USED = "used"


@dataclass(frozen=True)
class PseudonymizedSurvey:
    """A survey with the pseudonyms of its cases (by key) and of its patients."""

    survey: Survey
    cases: Mapping[str, str]
    patients: Mapping[str, str]


def exclusion_rows(named: PseudonymizedSurvey, results: Sequence[ConversionResult]) -> list[dict[str, Cell]]:
    """The rows of the exclusions table: one for each refusal, with its reason and a sentence."""
    late: list[tuple[Offer | Refusal, str, str]] = [
        (offer, result.reason, result.sentence)
        for offer, result in zip(named.survey.offers, results, strict=True)
        if result.reason
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


def file_outcomes(survey: Survey, results: Sequence[ConversionResult]) -> list[str]:
    """For each file found `used`, or the reason of the first refusal that holds it: each file counts once."""
    use_of: dict[Path, str] = dict.fromkeys(survey.tables, USED)
    for offer, result in zip(survey.offers, results, strict=True):
        if not result.reason:
            use_of.update(dict.fromkeys(offer.files, USED))
    for offer, result in zip(survey.offers, results, strict=True):
        for file in offer.files:
            use_of.setdefault(file, result.reason)
    for refusal in survey.refusals:
        for file in refusal.files:
            use_of.setdefault(file, refusal.reason)
    return [use_of[file] for file in survey.found]
