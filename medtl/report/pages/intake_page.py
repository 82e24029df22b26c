"""The page of an intake: a picture and a reason for every candidate, and counts of files that add up.

In: frozen values without a name in them. Out: one self-contained page beside the manifest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from markupsafe import Markup

from medtl.files import write_atomically
from medtl.report.html.blocks import Block, Prose
from medtl.report.html.numbers import count, percent
from medtl.report.html.page import Cell, Heading, Link, Row, Table
from medtl.report.html.section import Origin, Page, Section, shown

MOST_SHOWN = 600
"""Pictures of one kind: 2 MB of the page; the tables hold every case."""

LONGEST_TEXT = 300
USED = "used"

ABOUT_THE_PICTURES = (
    "The middle slice across the coarsest axis; the patient’s left is on the right, anterior or superior on top. Black "
    "and white are the 0.5th and 99.5th percentile of the slice."
)


@dataclass(frozen=True)
class Contact:
    """One candidate: its id, the reason's code when refused, short lines, and a JPEG in base64 or why there is none."""

    case_id: str
    lines: tuple[str, ...]
    jpeg: str = ""
    without: str = "no picture"
    reason: str = ""

    @property
    def picture(self) -> Markup | None:
        """The data URI."""
        return Markup(f"data:image/jpeg;base64,{self.jpeg}") if self.jpeg else None


@dataclass(frozen=True)
class IntakeContent:
    """All that the page shows. `file_outcomes` has one entry for each file found: `used`, or a reason."""

    name: str
    kind: str
    date: str
    version: str
    fingerprint: str
    file_outcomes: Sequence[str]
    labels: Sequence[str]
    patients: int
    accepted: Sequence[Contact]
    refused: Sequence[Contact]
    refused_reasons: Sequence[str]
    notes: Sequence[str]
    links: Sequence[str]


@dataclass(frozen=True)
class Contacts:
    """Middle slices on a sheet; `more` says how many are not shown."""

    macro: ClassVar[str] = "contacts"
    cases: tuple[Contact, ...]
    more: str


def write_intake_page(path: Path, content: IntakeContent) -> None:
    """Write the page of an intake."""
    write_atomically(path, _page(content).as_html())


def _page(content: IntakeContent) -> Page:
    used = sum(outcome == USED for outcome in content.file_outcomes)
    head = Heading(
        title=f"Intake of {content.name} · medtl",
        kind="Intake",
        heading=content.name,
        question=f"What was found, what became a case, and why the rest did not: {content.kind}.",
        date=content.date,
        facts=(
            ("Files found", f"{len(content.file_outcomes):,}"),
            ("Used", f"{used:,}"),
            ("Refused", f"{len(content.file_outcomes) - used:,}"),
            ("Cases", f"{len(content.labels):,}"),
            ("Patients", f"{content.patients:,}"),
        ),
        badges=(),
        links=tuple(Link(name, quote(name)) for name in content.links),
        version=content.version,
        fingerprint=content.fingerprint,
    )
    return Page(
        head=head,
        notice=tuple(content.notes),
        opening=(),
        sections=shown(SECTIONS, content),
        origin=Origin(
            f"Written by medtl {head.version} during intake; options",
            ". Ids are keyed pseudonyms: who is who stands in a private table.",
        ),
        has_contents=False,
    )


def _counts(content: IntakeContent) -> Iterator[Block | None]:
    yield _files_table(content.file_outcomes)
    yield _cases_table(content.labels, content.refused_reasons)


def _accepted(content: IntakeContent) -> Iterator[Block | None]:
    if not content.accepted:
        yield Prose(("No case was accepted.",), kind="")
        return
    yield Contacts(tuple(content.accepted[:MOST_SHOWN]), _more(len(content.accepted)))
    yield Prose((ABOUT_THE_PICTURES,), kind="caption")


def _refused(content: IntakeContent) -> Iterator[Block | None]:
    if content.refused:
        yield Contacts(tuple(content.refused[:MOST_SHOWN]), _more(len(content.refused)))
        return
    has_refused_files = any(outcome != USED for outcome in content.file_outcomes)
    above = "; single files that are none are counted above" if has_refused_files else ""
    yield Prose((f"No series, volume or picture was refused{above}.",), kind="")


SECTIONS: tuple[Section[IntakeContent], ...] = (
    Section("counts", "What became of every file", _counts),
    Section("accepted", "Accepted", _accepted),
    Section("refused", "Refused", _refused),
)


def _files_table(outcomes: Sequence[str]) -> Table:
    """Found = used + refused, reason by reason."""
    total, counts = len(outcomes), Counter(outcomes)
    used = counts.pop(USED, 0)
    refused = [Row(reason, _numbers(number, total), "level-1") for reason, number in sorted(counts.items())]
    rows = (
        Row("Used", _numbers(used, total)),
        Row("Refused", _numbers(total - used, total)),
        *refused,
        Row("Found", _numbers(total, total), "chosen"),
    )
    return Table("Files", ("", "Files", "Share"), rows)


def _cases_table(labels: Sequence[str], reasons: Sequence[str]) -> Table:
    """Candidates, accepted by label and refused by reason."""
    total = len(labels) + len(reasons)
    by_label = sorted(Counter(label or "(no label)" for label in labels).items())
    by_reason = sorted(Counter(reasons).items())
    rows = (
        Row("Accepted", _numbers(len(labels), total)),
        *(Row(label, _numbers(number, total), "level-1") for label, number in by_label),
        Row("Refused", _numbers(len(reasons), total)),
        *(Row(reason, _numbers(number, total), "level-1") for reason, number in by_reason),
        Row("Candidates", _numbers(total, total), "chosen"),
    )
    return Table("Series, volumes and pictures", ("", "Candidates", "Share"), rows)


def _numbers(part: int, whole: int) -> tuple[Cell, ...]:
    return Cell(f"{part:,}"), Cell(percent(part, whole))


def _more(total: int) -> str:
    if total <= MOST_SHOWN:
        return ""
    rest = count(total - MOST_SHOWN, "more stands", plural="more stand")
    return f"The first {MOST_SHOWN} are shown; {rest} in the tables."
