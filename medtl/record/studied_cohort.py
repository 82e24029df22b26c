"""Who is in the study and who is not: cohort.json, manifest.lock.csv and exclusions.csv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Self

import pandas as pd
from pydantic import BeforeValidator, PlainSerializer, model_validator

from medtl.cohort import Cohort, flow
from medtl.errors import IntegrityFailure
from medtl.files import read_csv, write_csv
from medtl.findings import Finding, Severity, sentences
from medtl.imaging import ScanFacts
from medtl.record import run_folder as names
from medtl.record.controls import BlindAuroc
from medtl.record.typed_files import Count, Frozen, Text, read_typed, write_typed

LOCK_TEXT = ("case_id", "patient_id", "label", "sha256", "pixel_sha256")
EXCLUSION_COLUMNS = ("case_id", "line", "reason", "detail")


NOTE = "note"
"""The kind of a sentence of which no more is recorded."""


def _severity(value: object) -> object:
    return Severity.__members__.get(value.upper(), value) if isinstance(value, str) else value


class NoteDetails(Frozen):
    """What a finding is beside its sentence."""

    kind: str
    severity: Annotated[
        Severity, BeforeValidator(_severity), PlainSerializer(lambda one: one.name.lower(), return_type=str)
    ]
    question: Text
    advice: Text
    cases: tuple[str, ...] = ()


class StudiedCohort(Frozen):
    """Who was studied, counted: files found, cases and patients kept, and what the reader should know of them.

    `limited` says in words which part was studied, and is None for all. `without_scans` is how well covariates and
    files alone tell the label, None where this was not measured. `notes` are the findings as sentences and
    `note_details` the rest of each; a file of an earlier version has sentences only.
    """

    files: Count
    cases: Count
    patients: Count
    classes: tuple[str, ...]
    positive_class: str | None
    covariates: tuple[str, ...] = ()
    notes: tuple[Text, ...] = ()
    note_details: tuple[NoteDetails, ...] = ()
    is_phantom: bool = False
    limited: Text | None = None
    without_scans: BlindAuroc | None = None

    @model_validator(mode="after")
    def _details_fit(self) -> Self:
        if self.note_details and len(self.note_details) != len(self.notes):
            raise ValueError(
                f"{len(self.notes)} notes and {len(self.note_details)} note_details; expected one for each "
                "note, or none"
            )
        return self

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found about the cohort; a sentence without details is a note with the open question."""
        if not self.note_details:
            return tuple(Finding(NOTE, note) for note in self.notes)
        return tuple(
            Finding(one.kind, note, "", one.advice, one.question, one.severity, one.cases)
            for note, one in zip(self.notes, self.note_details, strict=True)
        )

    def with_findings(self, findings: Sequence[Finding]) -> StudiedCohort:
        """The same counts with these findings."""
        details = tuple(
            NoteDetails(kind=one.kind, severity=one.severity, question=one.question, advice=one.advice, cases=one.cases)
            for one in findings
        )
        return self.model_copy(update={"notes": sentences(findings), "note_details": details})


def studied_cohort(cohort: Cohort, *, without_scans: BlindAuroc) -> StudiedCohort:
    """The counts of a cohort as the run writes them."""
    counts = flow.flow_of(cohort)
    return StudiedCohort(
        files=counts.files,
        cases=counts.cases,
        patients=counts.patients,
        classes=cohort.classes,
        positive_class=cohort.positive_class,
        covariates=cohort.covariates,
        is_phantom=cohort.is_phantom,
        limited=cohort.limited,
        without_scans=without_scans,
    ).with_findings(cohort.findings)


def write_cohort(cohort: StudiedCohort, run: Path) -> None:
    """Write cohort.json into a run folder."""
    write_typed(run / names.COHORT, cohort)


def read_cohort(run: Path) -> StudiedCohort:
    """The cohort.json of a run folder.

    Raises:
        ConfigurationError: there is none.
        IntegrityFailure: it is not what medtl wrote.
    """
    return read_typed(run / names.COHORT, StudiedCohort, what="who was studied")


def write_case_tables(cohort: Cohort, facts: Mapping[str, ScanFacts], run: Path) -> None:
    """Write manifest.lock.csv, a row per studied case, and exclusions.csv, a row per case that was left out.

    Raises:
        IntegrityFailure: the run goes on with other scans than it began with.
    """
    lock = flow.manifest_lock(cohort, facts)
    if (run / names.LOCK_TABLE).is_file():
        _refuse_other_scans(lock, before=read_lock(run))
    write_csv(run / names.LOCK_TABLE, lock)
    left_out = [asdict(exclusion) for exclusion in cohort.exclusions]
    write_csv(run / names.EXCLUSIONS, pd.DataFrame(left_out, columns=list(EXCLUSION_COLUMNS)))


def read_lock(run: Path) -> pd.DataFrame:
    """The manifest.lock.csv of a run folder: a row per studied case, ids and hashes as text."""
    return read_csv(run / names.LOCK_TABLE, text_columns=LOCK_TEXT)


def read_exclusions(run: Path) -> pd.DataFrame:
    """The exclusions.csv of a run folder: `case_id`, `line` of the manifest, `reason` and `detail`."""
    return read_csv(run / names.EXCLUSIONS, text_columns=("case_id", "reason", "detail"))


def _refuse_other_scans(lock: pd.DataFrame, *, before: pd.DataFrame) -> None:
    began_with = dict(zip(before["case_id"], before["sha256"], strict=True))
    changed = [
        case for case, sha256 in zip(lock["case_id"], lock["sha256"], strict=True) if began_with.get(case) != sha256
    ]
    if changed:
        raise IntegrityFailure(
            f"{len(changed)} scan{'s have' if len(changed) > 1 else ' has'} changed since this run began, first case "
            f"{changed[0]}: its folds would not belong together. Put the old files back, or start anew with --out.",
            cases=tuple(changed),
        )
