"""From a study's settings to who is in it and who is held out: the steps that run, check and pretrain share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from medtl.audit import findings as audit
from medtl.audit.border_confounders import BorderAudit, border_audit
from medtl.audit.confounding import as_matrix, properties_of
from medtl.audit.near_duplicates import NearPair, near_pairs
from medtl.audit.suspicious_patient_ids import number_in_splits_findings
from medtl.cohort import Cohort, flow, pseudonyms, read_manifest
from medtl.cohort.manifest_links import require_manifest
from medtl.cohort.positive_class import POSITIVE_CLASS
from medtl.cohort.sampling import limit_patients
from medtl.controls import blind_auroc
from medtl.errors import DataRefused
from medtl.findings import sentences
from medtl.folds import FoldTable, assign, sealing
from medtl.imaging import ScanFacts
from medtl.progress import say
from medtl.record import run_folder
from medtl.record.controls import BlindAuroc
from medtl.study.cohort_findings import AuditedCohort, cohort_findings
from medtl.study.settings import Study


@dataclass(frozen=True)
class Recruited:
    """The cohort after every scan was looked at, its fold groups by case, its folds, and who is sealed off from it."""

    cohort: Cohort
    groups: Mapping[str, str]
    duplicates: tuple[tuple[str, ...], ...]
    near: tuple[NearPair, ...]
    blind: BlindAuroc
    folds: FoldTable
    sealed: Cohort | None = None
    border: BorderAudit = field(default_factory=BorderAudit)


def read_cohort(study: Study) -> Cohort:
    """The study's cohort by its manifest alone: limited and pseudonymised as the study says."""
    require_manifest(study.manifest)
    settings = study.model_copy(update={"split_column": study.folds.split_column or study.split_column})
    cohort = read_manifest(study.manifest, settings)
    named = study.identifiers == "as_in_manifest"
    cohort = cohort.with_findings(*number_in_splits_findings(cohort, named=named))
    if study.limit_patients is not None:
        cohort = _limited(cohort, study, per_class=study.limit_patients)
    if named:
        return cohort
    hidden = pseudonyms.pseudonymised(cohort, key=pseudonyms.pseudonym_key())
    pseudonyms.write_links(cohort, hidden=hidden, name=study.name, manifest=study.manifest)
    return hidden


def positive_class_notes(cohort: Cohort) -> tuple[str, ...]:
    """The sentences on which class is positive, and why: what a console states first."""
    return sentences(finding for finding in cohort.findings if finding.kind == POSITIVE_CLASS)


def announced(cohort: Cohort) -> Cohort:
    """The same cohort, after the console was told which class is positive and why."""
    for note in positive_class_notes(cohort):
        say(note)
    return cohort


def _limited(cohort: Cohort, study: Study, *, per_class: int) -> Cohort:
    """Fewer patients to develop on; a sealed test is left whole."""
    sealed = frozenset[str]()
    if study.folds.sealed is not None:
        sealed = frozenset(sealing.sealed_ids(cohort, column=study.folds.sealed))
    others = replace(cohort, cases=tuple(case for case in cohort.cases if case.case_id not in sealed))
    limited = limit_patients(others, per_class=per_class, seed=study.seed)
    stay = sealed | {case.case_id for case in limited.cases}
    return replace(limited, cases=tuple(case for case in cohort.cases if case.case_id in stay))


def audit_and_split(study: Study, cohort: Cohort, facts: Mapping[str, ScanFacts]) -> Recruited:
    """Audit a cohort whose unreadable scans are already left out, and assign its folds."""
    if not cohort.cases:
        raise DataRefused(_nobody(cohort), exclusions=len(cohort.exclusions))
    duplicates = audit.duplicate_groups({case.case_id: facts[case.case_id].pixel_sha256 for case in cohort.cases})
    hashes = {case.case_id: facts[case.case_id].perceptual_hash for case in cohort.cases}
    borders = {case.case_id: facts[case.case_id].border for case in cohort.cases}
    greys = {name: border.grey for name, border in borders.items() if border is not None}
    near = near_pairs(cohort, hashes, greys=greys, exact=duplicates)
    tied = study.folds.tie_near_duplicates
    ties = [tuple(case.case_id for case in pair.cases) for pair in near] if tied else []
    groups = audit.fold_groups(cohort, duplicates=[*duplicates, *ties])
    cohort, sealed = _sealed_off(study, cohort, groups)
    studied = {case.case_id for case in cohort.cases}
    across = [pair for pair in near if len({case.case_id in studied for case in pair.cases}) > 1]
    near = tuple(pair for pair in near if all(case.case_id in studied for case in pair.cases))
    properties = properties_of(cohort, facts)
    of_groups = [groups[case.case_id] for case in cohort.cases]
    blind = blind_auroc(as_matrix(properties), cohort, names=tuple(properties), groups=of_groups, seed=study.seed)
    border = border_audit(cohort, borders, seed=study.seed)
    audited = AuditedCohort(
        cohort, study.preparation, facts, seed=study.seed, duplicates=duplicates, near=near, near_are_tied=tied,
        properties=properties, blind=blind, border=border, sealed=sealed, near_across_seal=len(across),
    )  # fmt: skip
    found = cohort.with_findings(*cohort_findings(audited))
    return Recruited(found, groups, duplicates, near, blind, assign(found, study.folds, groups=groups), sealed, border)


def announce_left_out(cohort: Cohort) -> None:
    """Say how many cases are left out, and for each reason the first of them; nothing where nobody is."""
    reasons = left_out_by_reason(cohort)
    if reasons:
        gone = len(cohort.exclusions)
        say(f"{'1 case is' if gone == 1 else f'{gone:,} cases are'} left out ({run_folder.EXCLUSIONS} names each):")
        for reason in reasons:
            say(f"  {reason}")


def left_out_by_reason(cohort: Cohort) -> tuple[str, ...]:
    """Who is left out: every reason with its count and its first case, the commonest first."""
    first = {exclusion.reason: exclusion for exclusion in reversed(cohort.exclusions)}
    return tuple(
        f"{one.reason}: {one.cases}; the first, case {first[one.reason].case_id} in line {first[one.reason].line}: "
        f"{first[one.reason].detail}"
        for one in flow.flow_of(cohort).exclusions
    )


def _nobody(cohort: Cohort) -> str:
    """Why no case is left."""
    names = ", ".join(sorted({exclusion.reason for exclusion in cohort.exclusions}))
    reasons = "".join(f"\n  {reason}" for reason in left_out_by_reason(cohort))
    return (
        f"No case can be studied: all {len(cohort.exclusions)} are left out ({names}).{reasons}\n"
        "Correct the scans or the manifest, and run again; nothing was written."
    )


def _sealed_off(study: Study, cohort: Cohort, groups: Mapping[str, str]) -> tuple[Cohort, Cohort | None]:
    if study.folds.sealed is None:
        return cohort, None
    parts = sealing.seal(cohort, column=study.folds.sealed, groups=groups)
    return parts.development, parts.sealed
