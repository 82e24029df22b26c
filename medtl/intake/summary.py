"""The summary of an intake: the values of its page, and the lines of the command."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import medtl
from medtl.cohort import pseudonyms
from medtl.files import fingerprint
from medtl.intake.conversion import ConversionResult
from medtl.intake.convert_cases import pictures_of
from medtl.intake.file_accounting import USED, PseudonymizedSurvey, file_outcomes
from medtl.intake.offer import Cell, Offer, Survey
from medtl.intake.settings import IntakeSettings
from medtl.report import Contact, IntakeContent

KIND_WORDS = {
    "dicom": "DICOM files", "nifti": "volume files", "pictures": "pictures", "bids": "a BIDS data set",
    "datalist": "a Decathlon or MONAI datalist", "nnunet": "an nnU-Net folder", "medmnist": "a MedMNIST file",
}  # fmt: skip
MOST_PICTURES = 600
MOST_KINDS = 8
NUMBERS = re.compile(r"\d[\d.,]*")
HINTS = {
    "gantry_tilt": "Series of a tilted gantry can be resampled onto a straight grid: --correct-tilt.",
    "too_few_slices": "Series with fewer slices are accepted with --fewest-slices; with 1, a series of a single slice "
    "is taken as a picture.",
    "not_asked_for": "What was not asked for does not fit --series; capitals do not matter, * stands for anything.",
}
"""What can be done about a reason, printed once."""


def page_content(
    named: PseudonymizedSurvey, results: Sequence[ConversionResult], manifest: Path, settings: IntakeSettings
) -> IntakeContent:
    """The values of the intake page."""
    survey = named.survey
    pairs = list(zip(survey.offers, results, strict=True))
    candidates = [refusal for refusal in survey.refusals if refusal.title]
    pictures = pictures_of(candidates, workers=settings.workers, at_most=MOST_PICTURES)
    refused = [_late_refusal(offer, result) for offer, result in pairs if result.reason]
    refused += [
        _contact(
            named.cases[one.key],
            (one.title, one.sentence),
            jpeg=pictures.get(one.key, ""),
            is_withheld=one.preview is None,
            reason=one.reason,
        )
        for one in candidates
    ]
    return IntakeContent(
        name=manifest.stem,
        kind=KIND_WORDS[survey.kind],
        date=date.today().isoformat(),
        version=medtl.__version__,
        fingerprint=fingerprint(settings.model_dump(mode="json", exclude={"labels", "replace", "workers"})),
        file_outcomes=file_outcomes(survey, results),
        labels=[offer.label for offer, result in pairs if not result.reason],
        patients=len({offer.patient for offer, result in pairs if not result.reason}),
        accepted=[_accepted(offer, result) for offer, result in pairs if not result.reason],
        refused=refused,
        refused_reasons=[o.reason for o in results if o.reason] + [one.reason for one in candidates],
        notes=notes_of(survey, results),
        links=(manifest.name, f"{manifest.stem}.exclusions.csv"),
    )


def _accepted(offer: Offer, result: ConversionResult) -> Contact:
    spacing = " x ".join(f"{size:.3g}" for size in result.spacing_mm or ())
    size = " x ".join(map(str, result.shape))
    lines = (
        offer.label,
        f"{offer.covariates.get('modality') or ''} {result.plane}".strip(),
        f"{size} at {spacing} mm" if spacing else size,
        *result.notes,
    )
    return _contact(result.case_id, lines, jpeg=result.thumbnail, is_withheld=offer.shows_text)


def _late_refusal(offer: Offer, result: ConversionResult) -> Contact:
    lines = (offer.title, result.sentence)
    return _contact(result.case_id, lines, is_withheld=offer.shows_text, reason=result.reason)


def _contact(case_id: str, lines: Sequence[str], *, is_withheld: bool, jpeg: str = "", reason: str = "") -> Contact:
    without = "not shown: text may be in the picture" if is_withheld else "no picture"
    return Contact(case_id, tuple(line for line in lines if line), jpeg, without, reason)


def summary_of(
    survey: Survey, results: Sequence[ConversionResult], rows: Sequence[Mapping[str, Cell]], manifest: Path
) -> str:
    """The lines of the command: counts that add up, and where to look."""
    counts = Counter(file_outcomes(survey, results))
    used = counts.pop(USED, 0)
    total = used + sum(counts.values())
    lines = [
        f"{_count(total, 'file')} found ({KIND_WORDS[survey.kind]}): {used:,} used, {total - used:,} refused.",
        *(f"  {reason}: {number:,}" for reason, number in sorted(counts.items())),
        f"{_count(len(rows), 'case')} of {_count(len({row['patient_id'] for row in rows}), 'patient')} in "
        f"{manifest.name}.",
        *(f"Note: {note}" for note in (*notes_of(survey, results), *scan_notes(results))),
        f"Look at {manifest.stem}.intake.html; refusals stand in {manifest.stem}.exclusions.csv, who is who in the "
        f"private folder ({pseudonyms.HOME_VARIABLE}).",
    ]
    return "\n".join(lines)


def scan_notes(results: Sequence[ConversionResult]) -> tuple[str, ...]:
    """The notes on single scans: each kind once, with the number of cases that have it."""
    kinds: dict[str, list[str]] = {}
    for result in results:
        for note in () if result.reason else result.notes:
            kinds.setdefault(NUMBERS.sub("#", note), []).append(note)
    often = sorted(kinds.values(), key=len, reverse=True)
    shown = [f"{notes[0][:1].upper()}{notes[0][1:].rstrip('.')} ({_alike(notes)})." for notes in often[:MOST_KINDS]]
    left = len(often) - MOST_KINDS
    return (*shown, *([f"{_count(left, 'further kind')} of notes stand in the page."] if left > 0 else []))


def _alike(notes: Sequence[str]) -> str:
    """`3 cases`, or `1 case, and with other numbers in 2`."""
    same = notes.count(notes[0])
    others = f", and with other numbers in {len(notes) - same:,}" if same < len(notes) else ""
    return f"{_count(same, 'case')}{others}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def notes_of(survey: Survey, results: Sequence[ConversionResult]) -> tuple[str, ...]:
    """The survey's notes and what can be done about its refusals."""
    reasons = {result.reason for result in results} | {refusal.reason for refusal in survey.refusals}
    return (*survey.notes, *(hint for reason, hint in HINTS.items() if reason in reasons))
