"""The page of an audit: what can be known of a cohort before anything is trained.

In: counts, findings and folds as text, and a folder with audit.json. Out: audit.html in it, self-contained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtl import environment
from medtl.files import write_atomically
from medtl.findings import Finding, questions_of, sentences
from medtl.report.findings.reviewer_questions import Questions
from medtl.report.html.blocks import Block, Prose
from medtl.report.html.page import Heading, Link, Row, Table, text_cells
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.sections.audit import audit_shown

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
    findings: Sequence[Finding]
    folds: Sequence[tuple[int, str, str]]
    fingerprint: str


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
    page = Page(
        head=head,
        opening=(),
        sections=shown(SECTIONS, _Audited(folder, facts)),
        origin=Origin(
            f"Written by medtl {head.version} by medtl check; fingerprint",
            ". The pictures are of patients: hand the page on like the scans.",
        ),
    )
    write_atomically(folder / PAGE, page.as_html())
    return folder / PAGE


@dataclass(frozen=True)
class _Audited:
    """What the sections look at."""

    folder: Path
    facts: AuditFacts


def _who(audited: _Audited) -> Iterator[Block | None]:
    facts = audited.facts
    people = [Row(f"{name}: {value}", text_cells((f"{c:,}", f"{p:,}"))) for name, value, c, p in facts.people]
    yield Table("Cases and patients", ("", "Cases", "Patients"), tuple(people))
    left_out = [Row(reason.replace("_", " "), text_cells((f"{number:,}",))) for reason, number in facts.left_out]
    yield Table("Left out, by reason", ("", "Cases"), tuple(left_out)) if left_out else None


def _found(audited: _Audited) -> Iterator[Block | None]:
    findings = audited.facts.findings
    yield Prose(sentences(finding for finding in findings if not finding.question))
    yield Questions(questions_of(findings))


def _looked(audited: _Audited) -> Iterator[Block | None]:
    pictures = audit_shown(audited.folder)
    if pictures.pairs or pictures.suspects:
        yield pictures
    else:
        nothing = "No two pictures look the same, and nothing near the border is associated with the label or the site."
        yield Prose((nothing,), kind="")


def _folds(audited: _Audited) -> Iterator[Block | None]:
    yield Table(
        "Patients (cases) in each part",
        ("Fold", "Part", "Patients (cases) by class"),
        tuple(Row(f"Fold {fold}", text_cells((role, inside))) for fold, role, inside in audited.facts.folds),
    )


SECTIONS: tuple[Section[_Audited], ...] = (
    Section("who", "Who would be studied", _who),
    Section("found", "What was found", _found),
    Section("looked", "Look at these", _looked),
    Section("folds", "What each fold would hold", _folds),
)
