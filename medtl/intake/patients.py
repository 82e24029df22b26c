"""Who the patient is, for collections that do not state it: as requested, as the only reading has it, or a question."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from medtl.errors import ConfigurationError, DataRefused
from medtl.intake.class_folders import ClassLevel
from medtl.intake.folder_levels import Level, levels_of
from medtl.intake.name_shapes import shapes_of
from medtl.intake.offer import Offer, Refusal
from medtl.intake.patient_pattern import patient_pattern
from medtl.intake.patient_readings import PatientReading, by_file, by_folder, by_name, readings_of
from medtl.intake.sequences import Unit, units_of

NO_PATIENT = "no_patient_in_path"
READINGS_SHOWN = 8
FOLDER = re.compile(r"folder(?::([1-9]\d?))?")
WHY = (
    "A patient who is cut in two stands on both sides of a fold, and two who are taken for one are counted once: this "
    "is not guessed."
)


@dataclass(frozen=True)
class FileCollection:
    """Offers without a patient, with what their paths state."""

    offers: tuple[Offer, ...]
    paths: tuple[str, ...]
    folders: tuple[tuple[str, ...], ...]
    units: tuple[Unit, ...]
    levels: tuple[Level, ...]


def collected(offers: Sequence[Offer]) -> FileCollection:
    """The offers with what their paths state."""
    paths = tuple(offer.path for offer in offers)
    folders = tuple(tuple(path.split("/")[:-1]) for path in paths)
    levels = levels_of(folders)
    return FileCollection(tuple(offers), paths, folders, units_of(paths, levels), levels)


@dataclass(frozen=True)
class Resolved:
    """The offers with their patients, files in whose path none is found, and notes."""

    offers: tuple[Offer, ...]
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def with_patients(
    found: FileCollection, *, patients_from: str | None, classes: ClassLevel, ids: Collection[str] = ()
) -> Resolved:
    """The offers with their patients, refusals of files in whose path none is found, and notes.

    `ids` are the patients that a labels file names: a reading that none of them fits is left out.

    Raises:
        ConfigurationError: `patients_from` is not understood, or fits no file.
        DataRefused: nothing was requested, and the names allow several readings.
    """
    if not found.offers:
        return Resolved(())
    if patients_from is not None:
        return _as_requested(found, patients_from, classes)
    readings = readings_of(found.folders, found.units, found.levels, class_level=classes.number)
    if ids:
        fitting = [reading for reading in readings if _fits(reading, ids)]
        readings = tuple(fitting) or readings
    if len(readings) > 1:
        raise _question(found, readings)
    return Resolved(_named(found.offers, readings[0].patients), notes=(_taken(readings[0]),))


def _fits(reading: PatientReading, ids: Collection[str]) -> bool:
    return any(patient in ids or patient.rpartition("/")[2] in ids for patient in set(reading.patients))


def _taken(reading: PatientReading) -> str:
    images, patients = len(reading.patients), reading.count
    return (
        "Who the patient is was read from the names of files and folders, which allow one reading: "
        f"{reading.words} ({images:,} images of {patients:,} patients). Decide otherwise with --patients-from, or with "
        "a column patient_id in --labels: a study keeps apart only patients whom it can tell apart."
    )


def _question(found: FileCollection, readings: Sequence[PatientReading]) -> DataRefused:
    shown = "\n".join(f"  {reading.summary}" for reading in readings[:READINGS_SHOWN])
    more = len(readings) - READINGS_SHOWN
    rest = f"\n  … and {more} more" if more > 0 else ""
    return DataRefused(
        f"Who is the patient? The names of {len(found.offers):,} images allow {len(readings)} readings:\n"
        f"{shown}{rest}\n"
        f"Names have the form {shapes_of(found.paths)} (words are shown as a or A, digits as 9). {WHY} Choose one "
        'of them, write a pattern of your own (--patients-from "{patient}_*"), or give --labels with a column '
        "patient_id. Folders that are classes are named with --labels-from folder:N. Nothing was written."
    )


def _as_requested(found: FileCollection, patients_from: str, classes: ClassLevel) -> Resolved:
    if folder := FOLDER.fullmatch(patients_from):
        number = int(folder[1]) if folder[1] else None
        if number is not None and number > len(found.levels):
            raise ConfigurationError(
                f"--patients-from {patients_from}: the folders here have {len(found.levels)} levels. Choose one of "
                "them, file, name, or a pattern; nothing was written."
            )
        reading = by_folder(found.folders, found.units, number=number)
    elif patients_from in ("file", "name"):
        reading = by_file(found.units)
        if patients_from == "name":
            reading = by_name(found.folders, found.units, found.levels, class_level=classes.number)
    else:
        return _by_pattern(found, patients_from)
    return Resolved(_named(found.offers, reading.patients), notes=(_request_note(reading.count, len(found.offers)),))


def _by_pattern(found: FileCollection, text: str) -> Resolved:
    pattern = patient_pattern(text)
    patients = [
        pattern.patient_in(path) or pattern.patient_in(offer.names.get("image", path))
        for offer, path in zip(found.offers, found.paths, strict=True)
    ]
    outside = [path for path, patient in zip(found.paths, patients, strict=True) if not patient]
    if len(outside) == len(patients):
        raise ConfigurationError(
            f"--patients-from {text} fits none of the {len(patients):,} files. Their paths have the form "
            f"{shapes_of(found.paths)} (words are shown as a or A, digits as 9); nothing was written."
        )
    kept = _named(found.offers, patients)
    refusals = tuple(
        Refusal(
            key=offer.key,
            patient="",
            files=offer.files,
            reason=NO_PATIENT,
            sentence="Its path is not as --patients-from says, so whose it is is not known.",
            origin=offer.origin,
        )
        for offer, patient in zip(found.offers, patients, strict=True)
        if not patient
    )
    notes = [_request_note(len({patient for patient in patients if patient}), len(kept))]
    if outside:
        notes.append(
            f"{len(outside):,} files do not fit --patients-from and were refused ({NO_PATIENT}); their names have the "
            f"form {shapes_of(path.rpartition('/')[2] for path in outside)}. Which they are stands in the private "
            "table of this intake."
        )
    return Resolved(
        tuple(offer for offer, patient in zip(kept, patients, strict=True) if patient), refusals, tuple(notes)
    )


def _request_note(patients: int, images: int) -> str:
    return f"Patients are as --patients-from says: {patients:,} patients of {images:,} images."


def _named(offers: Sequence[Offer], patients: Sequence[str]) -> tuple[Offer, ...]:
    return tuple(
        replace(offer, patient=patient, names={**offer.names, "patient_id": patient})
        for offer, patient in zip(offers, patients, strict=True)
    )
