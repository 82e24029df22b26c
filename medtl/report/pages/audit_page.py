"""The page of an audit: what can be known of a cohort before anything is trained.

In: counts, notes and folds as text, and a folder with audit.json. Out: audit.html in it, self-contained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl import environment
from medtl.files import write_atomically
from medtl.report.findings.questions import Asked, asked_of
from medtl.report.html.page import Heading, Link, Row, Table, render, text_cells
from medtl.report.sections.audit import AuditTold, audit_told

PAGE = "audit.html"


@dataclass(frozen=True)
class AuditFacts:
    """What was counted: rows of (variable, value, cases, patients), left out by reason, and folds as they would be."""

    name: str
    cases: int
    studied: int
    patients: int
    people: Sequence[tuple[str, str, int, int]]
    left_out: Sequence[tuple[str, int]]
    notes: Sequence[str]
    folds: Sequence[tuple[int, str, str]]
    fingerprint: str


@dataclass(frozen=True)
class AuditPage:
    """What the template fills in."""

    head: Heading
    people: Table
    left_out: Table | None
    asked: tuple[Asked, ...]
    notes: tuple[str, ...]
    audit: AuditTold
    folds: Table
    contents: tuple[tuple[str, str], ...] = (
        ("who", "Who would be studied"), ("found", "What was found"), ("looked", "Look at these"),
        ("folds", "What each fold would hold"),
    )  # fmt: skip


def write_audit_page(folder: Path, facts: AuditFacts) -> Path:
    """Write audit.html beside audit.json; gives its path."""
    head = Heading(
        title=f"Audit of {facts.name} · medtl",
        kind="Audit before training",
        heading=facts.name,
        question="What is known of these cases before anything is trained, and what may give the label away?",
        date="",
        facts=(
            ("Cases", f"{facts.cases:,}"),
            ("Studied", f"{facts.studied:,}"),
            ("Patients", f"{facts.patients:,}"),
            ("Left out", f"{facts.cases - facts.studied:,}"),
        ),
        badges=(),
        links=tuple(Link(name, name) for name in ("audit.csv", "near_duplicates.csv", "audit.json")),
        version=environment.versions()["medtl"] or "",
        fingerprint=facts.fingerprint,
    )
    people = [Row(f"{name}: {value}", text_cells((f"{c:,}", f"{p:,}"))) for name, value, c, p in facts.people]
    left_out = [Row(reason.replace("_", " "), text_cells((f"{number:,}",))) for reason, number in facts.left_out]
    asked = asked_of((), facts.notes)
    questioned = {line for one in asked for line in one.evidence}
    page = AuditPage(
        head=head,
        people=Table("Cases and patients", ("", "Cases", "Patients"), tuple(people)),
        left_out=Table("Left out, by reason", ("", "Cases"), tuple(left_out)) if left_out else None,
        asked=asked,
        notes=tuple(note for note in facts.notes if note not in questioned),
        audit=audit_told(folder),
        folds=Table(
            "Patients (cases) in each part",
            ("Fold", "Part", "Patients (cases) by class"),
            tuple(Row(f"Fold {fold}", text_cells((role, inside))) for fold, role, inside in facts.folds),
        ),
    )
    write_atomically(folder / PAGE, render("audit.html.j2", page))
    return folder / PAGE
