"""What is odd about a cohort: the same image twice, a patient with two labels, a site with one class.

Images are known here by the hash of their pixels alone. Cases that share one belong together: their patients are kept
on the same side of every fold (duplicates across a split: Kapoor & Narayanan 2023, leakage type "non-independence").
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from medtl.audit.copy_findings import copies_across_patients, copies_of_other_label, copies_within_patient
from medtl.cohort.case import Case, Cohort
from medtl.cohort.several_labels import first_few
from medtl.findings import Finding


def duplicate_groups(pixel_sha256: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """The case ids that share their pixels exactly, each group and the groups in order of first appearance."""
    by_hash: dict[str, list[str]] = defaultdict(list)
    for case_id, digest in pixel_sha256.items():
        by_hash[digest].append(case_id)
    return tuple(tuple(group) for group in by_hash.values() if len(group) > 1)


def fold_groups(cohort: Cohort, *, duplicates: Iterable[Sequence[str]] = ()) -> dict[str, str]:
    """The group of each case id: patients that share an exact duplicate are one group, named by its first patient.

    "First" is alphabetical, so the order of the manifest's rows does not matter.
    """
    patient_of = {case.case_id: case.patient_id for case in cohort.cases}
    leader = {patient: patient for patient in patient_of.values()}

    def lead(patient: str) -> str:
        while leader[patient] != patient:
            leader[patient] = leader[leader[patient]]
            patient = leader[patient]
        return patient

    for group in duplicates:
        leaders = sorted({lead(patient_of[case_id]) for case_id in group if case_id in patient_of})
        for other in leaders[1:]:
            leader[other] = leaders[0]
    return {case_id: lead(patient) for case_id, patient in patient_of.items()}


def duplicate_findings(cohort: Cohort, *, duplicates: Iterable[Sequence[str]]) -> tuple[Finding, ...]:
    """What exact duplicates there are: within a patient, between patients, and under different labels."""
    by_id = {case.case_id: case for case in cohort.cases}
    groups = [[by_id[name] for name in group if name in by_id] for group in duplicates]
    groups = [group for group in groups if len(group) > 1]
    within = [group for group in groups if len({case.patient_id for case in group}) == 1]
    between = [group for group in groups if len({case.patient_id for case in group}) > 1]
    disagreeing = [group for group in groups if len({case.label for case in group}) > 1]
    found = []
    if disagreeing:
        named = first_few(" and ".join(f"{case} {case.label}" for case in group) for group in disagreeing)
        found.append(
            copies_of_other_label(
                f"{_groups(disagreeing)} of exactly equal images with different labels: {named}. Check the labels.",
                cases=_cases(disagreeing),
            )
        )
    if within:
        images = sum(map(len, within))
        found.append(
            copies_within_patient(
                f"{_groups(within)} of exactly equal images within one patient ({images} images); all are kept.",
                cases=_cases(within),
            )
        )
    if between:
        named = first_few(_patients_of(group) for group in between)
        found.append(
            copies_across_patients(
                f"{_groups(between)} of exactly equal images under different patient numbers: {named}. "
                "Such patients are kept on the same side of every fold.",
                cases=_cases(between),
            )
        )
    return tuple(found)


def site_findings(cohort: Cohort, *, covariate: str = "site") -> tuple[Finding, ...]:
    """One finding on all sites whose cases have one class: a model could name the site instead of the disease."""
    labels: dict[str, list[str]] = defaultdict(list)
    for case in cohort.cases:
        value = case.covariates.get(covariate)
        if value is not None:
            labels[str(value)].append(case.label)
    pure = {value: found for value, found in labels.items() if len(set(found)) == 1}
    if len(labels) < 2 or not pure:
        return ()
    ordered = sorted(pure.items(), key=lambda item: (-len(item[1]), item[0]))
    if len(ordered) == 1:
        value, found = ordered[0]
        sentence = f"All {len(found)} cases of {covariate} {value} are {found[0]}"
    else:
        named = first_few(f"{value} ({len(found)} {found[0]})" for value, found in ordered)
        sentence = f"All cases of a {covariate} have one class at {len(pure)} of {len(labels)} {covariate}s: {named}"
    return (
        Finding(
            "sites of one class",
            f"{sentence}: a model can name the {covariate} instead of the disease. Read the results within each other "
            f"value, "
            "not over all.",
            question="Does the model name the site instead of the disease?",
            advice="Read the results within the other values; add patients of both classes, or leave these cases out.",
        ),
    )


def _cases(groups: Iterable[Sequence[Case]]) -> tuple[str, ...]:
    return tuple(case.case_id for group in groups for case in group)


def _groups(found: Sequence[object]) -> str:
    return f"{len(found)} group{'s' if len(found) > 1 else ''}"


def _patients_of(group: Sequence[Case]) -> str:
    return " and ".join(dict.fromkeys(case.patient_id for case in group))
