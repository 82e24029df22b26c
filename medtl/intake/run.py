"""One intake, told in order: found, offered, named, converted, written, shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medtl.cohort import pseudonyms
from medtl.errors import ConfigurationError, Interrupted
from medtl.intake.bids import survey_bids
from medtl.intake.conversion import Outcome
from medtl.intake.datalist import survey_datalist
from medtl.intake.dicom_tree import survey_dicom
from medtl.intake.fates import USED, Named, exclusion_rows
from medtl.intake.file_offer import with_choice
from medtl.intake.finding import files_below, kind_of
from medtl.intake.labels_file import chosen_key, joined_labels, read_labels
from medtl.intake.links import write_intake_links
from medtl.intake.manifest_file import manifest_row, refuse_to_overwrite, write_exclusions, write_manifest
from medtl.intake.medmnist import survey_medmnist
from medtl.intake.nifti_folder import survey_nifti
from medtl.intake.nnunet import survey_nnunet
from medtl.intake.offer import Cell, Offer, Refusal, Survey
from medtl.intake.one_each import one_each, several_note
from medtl.intake.picture_folders import survey_pictures
from medtl.intake.records import Records
from medtl.intake.settings import IntakeSettings, SourceKind
from medtl.intake.taking_in import taken_in
from medtl.intake.telling import summary_of, told_of
from medtl.report import write_intake_page

SURVEYS: Mapping[SourceKind, Callable[[Path, IntakeSettings], Survey]] = {
    "dicom": survey_dicom,
    "nifti": survey_nifti,
    "pictures": survey_pictures,
    "bids": survey_bids,
    "datalist": survey_datalist,
    "nnunet": survey_nnunet,
    "medmnist": survey_medmnist,
}


def run_intake(folder: Path, manifest: Path, settings: IntakeSettings) -> str:
    """Take a folder in: a manifest, the scans beside it, refusals, a page, and a private link table; what to tell.

    Raises:
        ConfigurationError: there is nothing to take in, or something would be overwritten.
        DataRefused: a list, a labels file or an archive is faulty.
        Interrupted: somebody stopped it; the same command goes on.
    """
    try:
        return _run(folder.absolute(), manifest.absolute(), settings)
    except KeyboardInterrupt:
        raise Interrupted(
            "Stopped. What was converted is kept: the same command goes on where it was stopped."
        ) from None


def _run(folder: Path, manifest: Path, settings: IntakeSettings) -> str:
    seal = manifest.with_name(f".{manifest.stem}.intake.sha256")
    refuse_to_overwrite(manifest, seal=seal, may_replace=settings.replace)
    if manifest.is_relative_to(folder):
        raise ConfigurationError(
            "The manifest would lie inside the folder that is taken in, and the next intake would find what this one "
            "wrote. Give --out a place outside of it."
        )
    survey = _surveyed(folder, settings)
    key = pseudonyms.pseudonym_key()
    named = _named(survey, key=key)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    records = Records(manifest.with_name(f"{manifest.stem}.intake.jsonl"), key=key, settings=settings)
    outcomes = taken_in(
        survey.offers,
        named.cases,
        records=records,
        folder=manifest.parent,
        workers=settings.workers,
        may_replace=settings.replace,
    )
    rows = _rows(named, outcomes, with_interval=settings.interval)
    exclusions = exclusion_rows(named, outcomes)
    _keep_links(named, outcomes, manifest)
    write_exclusions(manifest.with_name(f"{manifest.stem}.exclusions.csv"), exclusions)
    write_intake_page(manifest.with_name(f"{manifest.stem}.intake.html"), told_of(named, outcomes, manifest, settings))
    write_manifest(manifest, rows, seal=seal)
    return summary_of(survey, outcomes, rows, manifest)


def _surveyed(folder: Path, settings: IntakeSettings) -> Survey:
    kind, kinds = settings.source, tuple[str, ...]()
    if kind == "auto":
        kind, kinds = kind_of(folder, () if folder.is_file() else files_below(folder))
    survey = SURVEYS[kind](folder, settings)
    survey = replace(survey, offers=with_choice(survey.offers, settings), notes=(*kinds, *survey.notes))
    if settings.labels is not None:
        labels, root = read_labels(settings.labels, label_column=settings.label_column), _root(folder)
        key = chosen_key(labels, survey.offers, root=root) or labels.keys[-1]
        joined = joined_labels(survey.offers, labels, key, root=root)
        notes = tuple(note for note in survey.notes if "--labels" not in note) + joined.notes
        survey = replace(survey, offers=joined.offers, notes=notes)
    if settings.one_per_patient:
        kept, refused = one_each(survey.offers)
        return replace(survey, offers=kept, refusals=(*survey.refusals, *refused))
    return replace(survey, notes=(*survey.notes, *several_note(survey.offers)))


def _root(folder: Path) -> Path:
    """The folder that paths are relative to."""
    return folder.parent if folder.is_file() else folder


def _named(survey: Survey, *, key: bytes) -> Named:
    everything: list[Offer | Refusal] = [*survey.offers, *survey.refusals]
    cases = pseudonyms.pseudonyms_of((one.key for one in everything), kind="case", key=key)
    patients = pseudonyms.pseudonyms_of((one.patient for one in everything if one.patient), kind="patient", key=key)
    return Named(survey, cases, {**patients, "": ""})


def _rows(named: Named, outcomes: Sequence[Outcome], *, with_interval: bool) -> list[dict[str, Cell]]:
    accepted = [pair for pair in zip(named.survey.offers, outcomes, strict=True) if not pair[1].reason]
    first: dict[str, int] = {}
    for offer, _ in accepted:
        if offer.moment_days is not None:
            first[offer.patient] = min(offer.moment_days, first.get(offer.patient, offer.moment_days))
    return [
        manifest_row(
            offer,
            outcome,
            patient_id=named.patients[offer.patient],
            interval_days=offer.moment_days - first[offer.patient]
            if with_interval and offer.moment_days is not None
            else None,
        )
        for offer, outcome in accepted
    ]


def _keep_links(named: Named, outcomes: Sequence[Outcome], manifest: Path) -> None:
    everything: list[Offer | Refusal] = [*named.survey.offers, *named.survey.refusals]
    entries = [(one, named.cases[one.key], named.patients[one.patient]) for one in everything]
    became = {outcome.case_id: outcome.reason or USED for outcome in outcomes}
    became |= {named.cases[refusal.key]: refusal.reason for refusal in named.survey.refusals}
    write_intake_links(entries, outcomes=became, manifest=manifest)
