"""From a study's settings to who is in it and who is kept apart: the steps that run, check and pretrain share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medtl.cohort import Cohort, audit, pseudonyms, read_manifest
from medtl.cohort.sampling import limit_patients
from medtl.controls import margin_notes
from medtl.errors import DataRefused
from medtl.folds import FoldTable, assign
from medtl.imaging import ScanFacts
from medtl.study_settings import Study


@dataclass(frozen=True)
class Recruited:
    """The cohort after every scan was looked at, its fold groups by case, and its folds."""

    cohort: Cohort
    groups: Mapping[str, str]
    duplicates: tuple[tuple[str, ...], ...]
    folds: FoldTable


def read_cohort(study: Study) -> Cohort:
    """The study's cohort by its manifest alone: limited and pseudonymised as the study says."""
    settings = study.model_copy(update={"split_column": study.folds.column or study.split_column})
    cohort = read_manifest(study.manifest, settings)
    if study.limit_patients is not None:
        cohort = limit_patients(cohort, per_class=study.limit_patients, seed=study.seed)
    if study.identifiers == "as_in_manifest":
        return cohort
    hidden = pseudonyms.pseudonymised(cohort, key=pseudonyms.pseudonym_key())
    pseudonyms.write_links(cohort, hidden=hidden, name=study.name)
    return hidden


def apart(study: Study, cohort: Cohort, facts: Mapping[str, ScanFacts]) -> Recruited:
    """Audit a cohort whose unreadable scans are already left out, and assign its folds."""
    if not cohort.cases:
        reasons = sorted({exclusion.reason for exclusion in cohort.exclusions})
        raise DataRefused(
            f"No case can be studied: all {len(cohort.exclusions)} are left out ({', '.join(reasons)}). "
            f"The first: {cohort.exclusions[0].detail} Run medtl check MANIFEST to see each one.",
            exclusions=len(cohort.exclusions),
        )
    duplicates = audit.duplicate_groups({case.case_id: facts[case.case_id].pixel_sha256 for case in cohort.cases})
    groups = audit.fold_groups(cohort, duplicates=duplicates)
    told = cohort.told(*audit.audit_notes(cohort, duplicates=duplicates), *_margins(study, cohort, facts))
    return Recruited(told, groups, duplicates, assign(told, study.folds, groups=groups))


def _margins(study: Study, cohort: Cohort, facts: Mapping[str, ScanFacts]) -> tuple[str, ...]:
    """What the margins of prepared volumes say; a picture's bars are its aspect ratio, which the tables show."""
    settings = study.preparation
    if settings.extent_mm is None:
        return ()
    covered = {case.case_id: facts[case.case_id].placement(settings).covered for case in cohort.cases}
    return margin_notes(cohort, covered, grid=" x ".join(f"{side:g}" for side in settings.extent_mm) + " mm")
