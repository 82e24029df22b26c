"""An intake in words: the values of its page, and the lines of the command."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import medtl
from medtl.cohort import pseudonyms
from medtl.files import fingerprint
from medtl.intake.conversion import Outcome
from medtl.intake.fates import USED, Named, file_outcomes
from medtl.intake.offer import Cell, Offer, Survey
from medtl.intake.settings import IntakeSettings
from medtl.intake.taking_in import pictures_of
from medtl.report import Contact, IntakeTold

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
"""What can be done about a reason, told once."""


def told_of(named: Named, outcomes: Sequence[Outcome], manifest: Path, settings: IntakeSettings) -> IntakeTold:
    """What the page says."""
    survey = named.survey
    pairs = list(zip(survey.offers, outcomes, strict=True))
    candidates = [refusal for refusal in survey.refusals if refusal.title]
    pictures = pictures_of(candidates, workers=settings.workers, at_most=MOST_PICTURES)
    refused = [_late_refusal(offer, outcome) for offer, outcome in pairs if outcome.reason]
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
    return IntakeTold(
        name=manifest.stem,
        kind=KIND_WORDS[survey.kind],
        date=date.today().isoformat(),
        version=medtl.__version__,
        fingerprint=fingerprint(settings.model_dump(mode="json", exclude={"labels", "replace", "workers"})),
        file_outcomes=file_outcomes(survey, outcomes),
        labels=[offer.label for offer, outcome in pairs if not outcome.reason],
        patients=len({offer.patient for offer, outcome in pairs if not outcome.reason}),
        accepted=[_accepted(offer, outcome) for offer, outcome in pairs if not outcome.reason],
        refused=refused,
        refused_reasons=[o.reason for o in outcomes if o.reason] + [one.reason for one in candidates],
        notes=notes_of(survey, outcomes),
        links=(manifest.name, f"{manifest.stem}.exclusions.csv"),
    )


def _accepted(offer: Offer, outcome: Outcome) -> Contact:
    spacing = " x ".join(f"{size:.3g}" for size in outcome.spacing_mm or ())
    size = " x ".join(map(str, outcome.shape))
    lines = (
        offer.label,
        f"{offer.covariates.get('modality') or ''} {outcome.plane}".strip(),
        f"{size} at {spacing} mm" if spacing else size,
        *outcome.notes,
    )
    return _contact(outcome.case_id, lines, jpeg=outcome.thumbnail, is_withheld=offer.shows_text)


def _late_refusal(offer: Offer, outcome: Outcome) -> Contact:
    lines = (offer.title, outcome.sentence)
    return _contact(outcome.case_id, lines, is_withheld=offer.shows_text, reason=outcome.reason)


def _contact(case_id: str, lines: Sequence[str], *, is_withheld: bool, jpeg: str = "", reason: str = "") -> Contact:
    without = "not shown: text may be in the picture" if is_withheld else "no picture"
    return Contact(case_id, tuple(line for line in lines if line), jpeg, without, reason)


def summary_of(survey: Survey, outcomes: Sequence[Outcome], rows: Sequence[Mapping[str, Cell]], manifest: Path) -> str:
    """What the command says: counts that add up, and where to look."""
    fates = Counter(file_outcomes(survey, outcomes))
    used = fates.pop(USED, 0)
    total = used + sum(fates.values())
    lines = [
        f"{_count(total, 'file')} found ({KIND_WORDS[survey.kind]}): {used:,} used, {total - used:,} refused.",
        *(f"  {reason}: {number:,}" for reason, number in sorted(fates.items())),
        f"{_count(len(rows), 'case')} of {_count(len({row['patient_id'] for row in rows}), 'patient')} in "
        f"{manifest.name}.",
        *(f"Note: {note}" for note in (*notes_of(survey, outcomes), *scan_notes(outcomes))),
        f"Look at {manifest.stem}.intake.html; refusals stand in {manifest.stem}.exclusions.csv, who is who in the "
        f"private folder ({pseudonyms.HOME_VARIABLE}).",
    ]
    return "\n".join(lines)


def scan_notes(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """What was decided about single scans: each kind of note once, with the number of cases that have it."""
    kinds: dict[str, list[str]] = {}
    for outcome in outcomes:
        for note in () if outcome.reason else outcome.notes:
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


def notes_of(survey: Survey, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The survey's notes and what can be done about its refusals."""
    reasons = {outcome.reason for outcome in outcomes} | {refusal.reason for refusal in survey.refusals}
    return (*survey.notes, *(hint for reason, hint in HINTS.items() if reason in reasons))
