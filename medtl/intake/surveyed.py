"""What a folder offers, with everyone's patient and label: surveyed, joined with the labels file, read by its paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medtl.errors import ConfigurationError
from medtl.intake.bids import survey_bids
from medtl.intake.cells import in_manifest_form, refuse_twin_patients
from medtl.intake.class_folders import ClassLevel, class_level, with_classes
from medtl.intake.datalist import survey_datalist
from medtl.intake.dicom_tree import survey_dicom
from medtl.intake.file_offer import with_choice
from medtl.intake.folder_contents import files_below, kind_of
from medtl.intake.folder_levels import split_in
from medtl.intake.labels_file import LabelsFile, chosen_key, joined_labels, read_labels
from medtl.intake.medmnist import survey_medmnist
from medtl.intake.nifti_folder import survey_nifti
from medtl.intake.nnunet import survey_nnunet
from medtl.intake.offer import Survey
from medtl.intake.one_per_patient import one_each, several_note
from medtl.intake.outside_links import without_outside_links
from medtl.intake.patients import collected, with_patients
from medtl.intake.picture_folders import survey_pictures
from medtl.intake.sequences import with_sequences
from medtl.intake.settings import IntakeSettings, SourceKind

SURVEYS: Mapping[SourceKind, Callable[[Path, IntakeSettings], Survey]] = {
    "dicom": survey_dicom,
    "nifti": survey_nifti,
    "pictures": survey_pictures,
    "bids": survey_bids,
    "datalist": survey_datalist,
    "nnunet": survey_nnunet,
    "medmnist": survey_medmnist,
}

BY_FOLDERS: tuple[SourceKind, ...] = ("pictures", "nifti")
"""Collections whose folders may be classes and parts of a split."""


def surveyed(folder: Path, settings: IntakeSettings) -> Survey:
    """The survey of a folder with labels and, for every offer, a patient.

    Raises:
        ConfigurationError: there is nothing to take in, or an option does not fit it.
        DataRefused: a list or a labels file is faulty, or it is not clear who the patient is.
    """
    kind, kinds = settings.source, tuple[str, ...]()
    if kind == "auto":
        kind, kinds = kind_of(folder, () if folder.is_file() else files_below(folder))
    survey = SURVEYS[kind](folder, settings)
    survey = without_outside_links(survey, folder.parent if folder.is_file() else folder)
    survey = replace(survey, offers=with_choice(survey.offers, settings), notes=(*kinds, *survey.notes))
    _refuse_options_without_use(survey, settings)
    survey = _of_one_sequence(survey, settings)
    root = folder.parent if folder.is_file() else folder
    labels = None
    if settings.labels is not None:
        labels = read_labels(
            settings.labels, label_column=settings.label_column, ids_as_written=settings.ids_as_written
        )
        survey = _counted_as_read(survey, settings.labels)
    survey = _with_patients_and_labels(survey, settings, labels, root=root, by_folders=kind in BY_FOLDERS)
    are_folders = labels is None and kind in BY_FOLDERS
    offers, notes = in_manifest_form(survey.offers, classes=settings.classes, labels_are_folders=are_folders)
    survey = _with_notes(replace(survey, offers=offers), *notes)
    if not settings.ids_as_written:
        refuse_twin_patients(survey.offers)
    if settings.one_per_patient:
        kept, refused = one_each(survey.offers)
        return replace(survey, offers=kept, refusals=(*survey.refusals, *refused))
    return _with_notes(survey, *several_note(survey.offers))


def _refuse_options_without_use(survey: Survey, settings: IntakeSettings) -> None:
    """Refuse options for collections of files where the source itself states what they give."""
    if settings.labels is not None and settings.labels_from is not None:
        raise ConfigurationError("--labels and --labels-from both say what the classes are: give one of them.")
    if survey.kind not in BY_FOLDERS and settings.labels_from is not None:
        raise ConfigurationError(
            "--labels-from takes the folders of pictures and NIfTI files for classes; this is another kind of "
            "collection. Give --labels with a CSV."
        )
    if survey.kind != "dicom" and settings.series is not None:
        raise ConfigurationError(
            "--series chooses DICOM series by their description; this is another kind of collection. Leave it out "
            "(--modality keeps one suffix of a BIDS data set)."
        )
    if any(offer.path for offer in survey.offers) or not survey.offers:
        return
    for option, value in (("--patients-from", settings.patients_from), ("--sequence", settings.sequence)):
        if value is not None:
            raise ConfigurationError(
                f"{option} reads the names of files; this collection says itself who the patient is and what its "
                "images are. Leave it out (--modality keeps one kind of image)."
            )


def _of_one_sequence(survey: Survey, settings: IntakeSettings) -> Survey:
    found = collected([offer for offer in survey.offers if offer.path])
    kept, refused, notes = with_sequences(found.offers, found.units, wanted=settings.sequence)
    others = tuple(offer for offer in survey.offers if not offer.path)
    return replace(
        survey, offers=(*others, *kept), refusals=(*survey.refusals, *refused), notes=(*survey.notes, *notes)
    )


def _counted_as_read(survey: Survey, labels: Path) -> Survey:
    """A labels file that lies in the folder is read, not refused."""
    own = tuple(file for file in survey.found if file.absolute() == labels.absolute())
    refusals = tuple(refusal for refusal in survey.refusals if refusal.files != own or not own)
    return replace(survey, tables=(*survey.tables, *own), refusals=refusals)


def _with_patients_and_labels(
    survey: Survey, settings: IntakeSettings, labels: LabelsFile | None, *, root: Path, by_folders: bool
) -> Survey:
    """First the rows that name a case, then the patients, then the rows that name a patient, then folders as classes.

    An explicit patient_id in a row wins over every reading of the path.
    """
    whole = collected(survey.offers)
    if by_folders:
        survey = replace(
            survey,
            offers=tuple(
                replace(offer, split=split_in(own, whole.levels))
                for offer, own in zip(survey.offers, whole.folders, strict=True)
            ),
        )
    levels = whole.levels if by_folders else ()
    classes = ClassLevel()
    if labels is None or settings.labels_from is not None:
        classes = class_level(levels, labels_from=settings.labels_from)
    key = chosen_key(labels, survey.offers, root=root) if labels is not None else None
    if labels is not None and key is not None:
        joined = joined_labels(survey.offers, labels, key, root=root)
        survey = _with_notes(replace(survey, offers=joined.offers), *joined.notes)
    ids = {cells[labels.patient_column] for _, cells in labels.table.rows} if labels and labels.patient_column else ()
    survey = _with_patients(survey, settings, classes, ids=() if key is not None else tuple(ids))
    if labels is not None:
        if key is None:
            joined = joined_labels(survey.offers, labels, labels.keys[-1], root=root)
            survey = _with_notes(replace(survey, offers=joined.offers), *joined.notes)
        return survey
    if not by_folders:
        return survey
    folders = tuple(tuple(offer.path.split("/")[:-1]) for offer in survey.offers)
    offers, notes = with_classes(survey.offers, folders, levels, classes, declared=settings.classes)
    return _with_notes(replace(survey, offers=offers), *notes)


def _with_patients(survey: Survey, settings: IntakeSettings, classes: ClassLevel, *, ids: Sequence[str]) -> Survey:
    nameless = [offer for offer in survey.offers if offer.path and not offer.patient]
    if not nameless:
        return survey
    is_known = len(nameless) < len(survey.offers)
    patients_from, notes = settings.patients_from, tuple[str, ...]()
    if patients_from is None and is_known and not any(offer.label for offer in nameless):
        patients_from = "file"
        notes = (f"{len(nameless):,} images whose patient no row says are each taken as a patient of their own.",)
    found = with_patients(collected(nameless), patients_from=patients_from, classes=classes, ids=ids)
    own = {offer.key: offer for offer in found.offers}
    gone = {refusal.key for refusal in found.refusals}
    offers = tuple(own.get(offer.key, offer) for offer in survey.offers if offer.key not in gone)
    survey = replace(survey, offers=offers, refusals=(*survey.refusals, *found.refusals))
    return _with_notes(survey, *(notes or found.notes))


def _with_notes(survey: Survey, *notes: str) -> Survey:
    return replace(survey, notes=(*survey.notes, *notes))
