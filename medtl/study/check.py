"""Everything that can be known before training: who would be studied, what is wrong, what each fold would hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtl.cohort import Cohort, flow
from medtl.cohort.positive_class import POSITIVE_CLASS
from medtl.errors import ConfigurationError
from medtl.files import fingerprint, write_csv
from medtl.folds import FoldTable
from medtl.imaging import PreparedCache, inspect_cohort, prepare_cohort
from medtl.report.pages.audit_page import AuditFacts, write_audit_page
from medtl.study.audit import cases_shown, write_audit_with_pictures
from medtl.study.cohort import Recruited, audit_and_split, positive_class_notes, read_cohort
from medtl.study.settings import Study, read_study, study_from

CHECK = "check"
"""The name of a study that only a manifest makes."""

PAIRED = ("line", "case_id", "patient_id", "label", "split")
"""What near_duplicates.csv tells of each of two cases; the line is the manifest's, the ids are pseudonyms."""

MOST_NAMED = 20
"""Excluded cases named one by one; the rest are counted."""


def check_data(path: Path, *, changes: Sequence[str] = (), out: Path | None = None) -> str:
    """Read a manifest or a study and every scan it names, and say what was found, the positive class first.

    Cases and patients bear pseudonyms in everything that is said and written, beside the manifest's line; only a study
    that declares its ids public or pseudonyms already (`identifiers: as_in_manifest`) shows them.

    With `out`, audit.html, audit.csv (the findings) and near_duplicates.csv (every candidate pair) are written there.

    Raises:
        MedtlError: whatever would stop a study before training, as that study would say it.
    """
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigurationError(f"{out.name} is a file. Give --out a folder for the page and its tables.")
    study = _study_of(path, changes=changes)
    cohort = read_cohort(study)
    facts, exclusions = inspect_cohort(cohort.cases, study.preparation)
    recruited = audit_and_split(study, cohort.without(exclusions), facts)
    page = "" if out is None else f"The page is {_write_audit(study, recruited, out)}"
    first = "\n".join(positive_class_notes(cohort))
    parts = [first, _people(recruited.cohort), _left_out(recruited.cohort), _findings(recruited.cohort),
             _folds(recruited.folds)]  # fmt: skip
    return "\n\n".join(part for part in (*parts, page, "A study can start.") if part)


def _study_of(path: Path, *, changes: Sequence[str]) -> Study:
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_study(path, changes=changes)
    values = {"name": CHECK, "manifest": str(path.resolve())}
    return study_from(values, folder=path.parent, changes=changes, what="The check")


def _write_audit(study: Study, recruited: Recruited, folder: Path) -> Path:
    import pandas as pd

    found = pd.DataFrame({"finding": recruited.cohort.notes}, columns=["finding"], dtype="object")
    write_csv(folder / "audit.csv", found)
    columns = ["bits", "apart", *PAIRED, *(f"other_{name}" for name in PAIRED)]
    rows = [
        (pair.bits, pair.distance, *(getattr(case, name) for case in pair.cases for name in PAIRED))
        for pair in recruited.near
    ]
    write_csv(folder / "near_duplicates.csv", pd.DataFrame(rows, columns=columns))
    shown = prepare_cohort(cases_shown(recruited), study.preparation, cache=PreparedCache.shared())
    write_audit_with_pictures(recruited, shown, folder)
    return write_audit_page(folder, _facts(study, recruited))


def _facts(study: Study, recruited: Recruited) -> AuditFacts:
    cohort = recruited.cohort
    counts = flow.flow_of(cohort)
    return AuditFacts(
        name="a manifest" if study.name == CHECK else study.name,
        cases=counts.files,
        studied=counts.cases,
        patients=counts.patients,
        people=[(row.variable, row.value, row.cases, row.patients) for row in flow.characteristics(cohort)],
        left_out=[(one.reason, one.cases) for one in counts.exclusions],
        findings=cohort.findings,
        folds=_parts(recruited.folds),
        fingerprint=fingerprint([cohort.notes, [case.case_id for case in cohort.cases]]),
    )


def _people(cohort: Cohort) -> str:
    counts = flow.flow_of(cohort)
    lines = [f"{counts.files} cases in the manifest, {counts.cases} studied, of {counts.patients} patients."]
    lines += [
        f"  {row.variable:6} {row.value:20} {row.cases:6} cases {row.patients:6} patients"
        for row in flow.characteristics(cohort)
    ]
    return "\n".join(lines)


def _left_out(cohort: Cohort) -> str:
    if not cohort.exclusions:
        return "No case is left out."
    count = len(cohort.exclusions)
    lines = [f"{count} cases are left out:" if count > 1 else "1 case is left out:"]
    lines += [f"  {count.reason}: {count.cases}" for count in flow.flow_of(cohort).exclusions]
    lines += [
        f"  manifest line {gone.line}, case {gone.case_id}: {gone.detail}" for gone in cohort.exclusions[:MOST_NAMED]
    ]
    rest = len(cohort.exclusions) - MOST_NAMED
    return "\n".join(lines + ([f"  and {rest} more"] if rest > 0 else []))


def _findings(cohort: Cohort) -> str:
    return "\n".join(f"Note: {finding}" for finding in cohort.findings if finding.kind != POSITIVE_CLASS)


def _folds(table: FoldTable) -> str:
    lines = [f"  fold {fold} {role:11} {inside}" for fold, role, inside in _parts(table)]
    return "\n".join(["Folds, as patients (cases):", *lines])


def _parts(table: FoldTable) -> list[tuple[int, str, str]]:
    found = []
    for fold in table.folds:
        own = table.rows[table.rows["fold"] == fold]
        for role in ("training", "validation", "test"):
            inside = ", ".join(
                f"{label} {rows['patient_id'].nunique()} ({len(rows)})"
                for label, rows in own[own["role"] == role].groupby("label", sort=True)
            )
            found.append((fold, role, inside))
    return found
