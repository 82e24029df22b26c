"""A smaller study of the same cohort: some patients of each class, drawn by the study's seed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from medtl.cohort.case import Case, Cohort
from medtl.errors import ConfigurationError
from medtl.files import sha256_of
from medtl.findings import reassurance


def limit_patients(cohort: Cohort, *, per_class: int, seed: int) -> Cohort:
    """The cohort with at most `per_class` patients of each class.

    A patient is drawn by a hash of seed, class and manifest id: independent of the row order, of the pseudonym key,
    and nested (the first 50 are among the first 100). A patient with two classes is drawn for each of them separately.
    The rest is not excluded for a fault, so it is stated in `limited` and in a finding instead of the exclusions.

    Raises:
        ConfigurationError: `per_class` is below 1.
    """
    if per_class < 1:
        raise ConfigurationError(f"The limit of patients a class must be 1 or more, got {per_class}.")
    keys: dict[tuple[str, str], str] = {}
    for case in cohort.cases:
        drawn = (case.label, case.patient_id)
        keys[drawn] = min(keys.get(drawn, "~"), case.chance_key or case.case_id)
    ranked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (label, patient), key in keys.items():
        ranked[label].append((sha256_of(f"{seed}|limit|{label}|{key}".encode()), patient))
    chosen = {(label, patient) for label, order in ranked.items() for _, patient in sorted(order)[:per_class]}
    if len(chosen) == len(keys):
        return cohort

    def stays(case: Case) -> bool:
        return (case.label, case.patient_id) in chosen

    kept = replace(cohort, cases=tuple(filter(stays, cohort.cases)))
    limited = f"limited to {per_class} patients a class"
    return replace(kept, limited=limited).with_findings(
        reassurance(
            "limited",
            f"This study is {limited}, drawn with seed {seed}: {len(kept.patients)} of {len(cohort.patients)} "
            f"patients, "
            f"{len(kept.cases)} of {len(cohort.cases)} cases.",
        )
    )
