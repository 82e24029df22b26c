"""From a study's settings to who is in it and who is kept apart: the steps that run, check and pretrain share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from medtl.cohort import Cohort, audit, pseudonyms, read_manifest
from medtl.cohort.near_duplicates import NearPair, near_notes, near_pairs
from medtl.cohort.sampling import limit_patients
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
    near: tuple[NearPair, ...]
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
            "Run medtl check MANIFEST to see each one.",
            exclusions=len(cohort.exclusions),
        )
    duplicates = audit.duplicate_groups({case.case_id: facts[case.case_id].pixel_sha256 for case in cohort.cases})
    hashes = {case.case_id: facts[case.case_id].perceptual_hash for case in cohort.cases}
    near = near_pairs(cohort, hashes, exact=duplicates)
    tied = study.folds.tie_near_duplicates
    ties = [tuple(case.case_id for case in pair.cases) for pair in near] if tied else []
    groups = audit.fold_groups(cohort, duplicates=[*duplicates, *ties])
    told = cohort.told(*audit.audit_notes(cohort, duplicates=duplicates), *near_notes(near, tied=tied))
    return Recruited(told, groups, duplicates, near, assign(told, study.folds, groups=groups))
