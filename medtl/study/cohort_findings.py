"""What is found about a cohort before training: one rule per question, in the order in which console and page state it.

In: the cohort with everything that was measured of its scans. Out: findings. A rule lives beside what it judges; this
room only lists them. A new one is a function and one line in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from medtl.audit.border_confounders import BorderAudit, border_findings
from medtl.audit.confounding import association_findings, associations, missing_findings
from medtl.audit.findings import duplicate_findings, site_findings
from medtl.audit.near_duplicates import NearPair, near_findings
from medtl.audit.suspicious_patient_ids import both_sides_findings, prevalence_findings, suspicious_number_findings
from medtl.cohort import Cohort
from medtl.controls import blind_findings, margin_findings, size_finding
from medtl.findings import Finding, reassurance
from medtl.imaging import PreparationSettings, ScanFacts
from medtl.record.controls import BlindAuroc


@dataclass(frozen=True)
class AuditedCohort:
    """The cases that are studied, and what was measured of them.

    `duplicates` are case ids by group, `near` pairs that only look the same; `near_across_seal` counts such pairs that
    reach into the sealed test. `properties` are known of each case without its pixels. `facts` are by case id.
    """

    cohort: Cohort
    preparation: PreparationSettings
    facts: Mapping[str, ScanFacts]
    seed: int
    duplicates: tuple[tuple[str, ...], ...] = ()
    near: tuple[NearPair, ...] = ()
    near_are_tied: bool = False
    properties: Mapping[str, Sequence[str | float | None]] = field(default_factory=dict)
    blind: BlindAuroc | None = None
    border: BorderAudit = field(default_factory=BorderAudit)
    sealed: Cohort | None = None
    near_across_seal: int = 0


def cohort_findings(audited: AuditedCohort) -> tuple[Finding, ...]:
    """Everything that was found, in the order of the rules."""
    return tuple(finding for rule in RULES for finding in rule(audited))


def _sealed(audited: AuditedCohort) -> tuple[Finding, ...]:
    """What is stated about the sealed test; nothing that was learnt from its labels."""
    sealed = audited.sealed
    if sealed is None:
        return ()
    stated = reassurance(
        "sealed test",
        f"{len(sealed.cases)} cases of {len(sealed.patients)} patients are sealed as the official test: nothing was "
        "learnt from them, and medtl unseal asks the finished study about them once.",
    )
    if not audited.near_across_seal:
        return (stated,)
    count = audited.near_across_seal
    near = f"{count} pairs of images look nearly the same across the seal; --tie-duplicates leaves them out."
    return (stated, Finding("copies across the seal", near))


def _duplicates(audited: AuditedCohort) -> tuple[Finding, ...]:
    return duplicate_findings(audited.cohort, duplicates=audited.duplicates)


def _sites(audited: AuditedCohort) -> tuple[Finding, ...]:
    return site_findings(audited.cohort)


def _near(audited: AuditedCohort) -> tuple[Finding, ...]:
    return near_findings(audited.near, tied=audited.near_are_tied)


def _suspicious_numbers(audited: AuditedCohort) -> tuple[Finding, ...]:
    cohort = audited.cohort
    attributes = {
        name: {case.case_id: str(value) for case in cohort.cases if (value := case.covariates.get(name))}
        for name in cohort.covariates
        if not any(isinstance(case.covariates.get(name), float) for case in cohort.cases)
    }
    attributes["side of the split"] = {case.case_id: case.split for case in cohort.cases if case.split}
    return suspicious_number_findings(cohort, attributes=attributes)


def _both_sides(audited: AuditedCohort) -> tuple[Finding, ...]:
    return both_sides_findings(audited.cohort)


def _prevalence(audited: AuditedCohort) -> tuple[Finding, ...]:
    return prevalence_findings(audited.cohort)


def _missing(audited: AuditedCohort) -> tuple[Finding, ...]:
    return missing_findings(audited.cohort)


def _associations(audited: AuditedCohort) -> tuple[Finding, ...]:
    return association_findings(associations(audited.cohort, audited.properties, seed=audited.seed))


def _blind(audited: AuditedCohort) -> tuple[Finding, ...]:
    return () if audited.blind is None else blind_findings(audited.blind)


def _border(audited: AuditedCohort) -> tuple[Finding, ...]:
    return border_findings(audited.border)


def _sizes(audited: AuditedCohort) -> tuple[Finding, ...]:
    """How sizes and spacings of volumes differ, and what is done about it."""
    settings, cases = audited.preparation, audited.cohort.cases
    facts = [audited.facts[case.case_id] for case in cases]
    sizes = {fact.shape for fact in facts}
    if settings.extent_mm is None or (len(sizes) == 1 and len({fact.spacing_mm for fact in facts}) == 1):
        return ()
    spacings = [round(gap, 3) for fact in facts for gap in fact.spacing_mm or ()]
    grid = " x ".join(f"{gap:g}" for gap in settings.spacing_mm or ())
    least, most = min(spacings), max(spacings)
    gaps = f"{least:g} mm" if least == most else f"{least:g} to {most:g} mm"
    title = f"Scans differ in size ({len(sizes)} different grids, voxels of {gaps}); all are resampled to {grid} mm."
    return (size_finding("scan sizes", title),)


def _margins(audited: AuditedCohort) -> tuple[Finding, ...]:
    """What the margins of prepared volumes show; a picture's bars are its aspect ratio, which the tables show."""
    settings, cases = audited.preparation, audited.cohort.cases
    if settings.extent_mm is None:
        return ()
    covered = {case.case_id: audited.facts[case.case_id].placement(settings).covered for case in cases}
    grid = " x ".join(f"{side:g}" for side in settings.extent_mm) + " mm"
    return margin_findings(audited.cohort, covered, grid=grid)


RULES: tuple[Callable[[AuditedCohort], tuple[Finding, ...]], ...] = (
    _sealed,
    _duplicates,
    _sites,
    _near,
    _suspicious_numbers,
    _both_sides,
    _prevalence,
    _missing,
    _associations,
    _blind,
    _border,
    _sizes,
    _margins,
)
