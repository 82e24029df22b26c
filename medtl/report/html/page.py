"""The page itself: what every page carries, and how a page becomes one self-contained file.

In: frozen values. Out: HTML without a single address outside the run folder, and without script but for the viewer of
volumes and the threshold that a reader can move. Everything is escaped but what this floor drew itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medtl.cohort.positive_class import POSITIVE_CLASS
from medtl.evaluation import Estimate
from medtl.findings import sentences
from medtl.outcomes import Outcome
from medtl.record import run_folder as names
from medtl.record.fold import FoldRecord
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.record.study import DeclaredStudy
from medtl.report.html.content_policy import content_policy
from medtl.report.html.drawing import Drawing
from medtl.report.html.numbers import TABLE_DIGITS, count, in_table, joined

NUMBER_AND_UNIT = re.compile(r"(?<=>|[\s(])(\d[\d.,]*) (?=%|mm\b|s\b|min\b)")
"""A number and its unit, which no line break may part."""

SCRIPT_HERE = "<script></script>"
"""Where the template wants the script: text of users never holds it, since it is escaped."""

UNKNOWN_SOURCE = "data of an unknown source"
"""How the card of weights begins whose importer did not say what they were trained on (encoders/provenance.py)."""

DATE_LENGTH = 10
"""The date in an ISO time stamp."""


@dataclass(frozen=True)
class Badge:
    """What every reader has to see first: a name beside the title, a sentence at the top and at the foot."""

    name: str
    sentence: str


@dataclass(frozen=True)
class Link:
    """A relative link, percent-encoded; without an address it is this page."""

    name: str
    address: str | None


@dataclass(frozen=True)
class Drawn:
    """A figure with its caption and the files whose numbers it shows, relative to the page."""

    svg: Drawing
    caption: str
    sources: tuple[Link, ...]


@dataclass(frozen=True)
class Bounds:
    """A number in full precision and both ends of its interval; None where there is none."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Cell:
    """One cell of a table: text stands left, numbers right; `beside` is an interval in smaller type.

    `bounds` is the number in full precision with both ends of its interval, for the table's CSV.
    """

    text: str
    beside: str = ""
    is_text: bool = False
    bounds: Bounds | None = None


@dataclass(frozen=True)
class Row:
    """A row: `kind` is a style's name, `colour` the colour of its data."""

    name: str
    cells: tuple[Cell, ...]
    kind: str = ""
    colour: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with its title, heads (the first is the row names') and notes below; `name` is its CSV's, or empty."""

    macro: ClassVar[str] = "table"
    title: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    kind: str = ""
    name: str = ""


@dataclass(frozen=True)
class Heading:
    """What stands at the top and the foot of a page; `positive` says which class is positive and why."""

    title: str
    kind: str
    heading: str
    question: str
    date: str | None
    facts: tuple[tuple[str, str], ...]
    badges: tuple[Badge, ...]
    links: tuple[Link, ...]
    version: str
    fingerprint: str
    positive: tuple[str, ...] = ()


def badges_of(run: Run) -> tuple[Badge, ...]:
    """The badges of a run: phantoms, a limit, folds that are missing."""
    badges = []
    if run.cohort.is_phantom:
        badges.append(
            Badge("Phantom data", "The data are phantoms made by a computer; nothing here is about patients.")
        )
    if run.cohort.limited:
        badges.append(Badge("Limited run", f"Not the whole cohort was studied: {run.cohort.limited}."))
    if not run.is_finished:
        done = f"{len(run.folds)} of {count(len(run.planned_folds), 'fold')}"
        badges.append(Badge("Unfinished run", f"Only {done} are finished."))
    return tuple(badges)


def heading_of(run: Run, *, fold: int | None) -> Heading:
    """The heading of the study page (`fold` None) or of a fold's page."""
    name, facts = run.study.name, run.provenance
    stamp = facts.finished_utc or facts.started_utc
    here = name if fold is None else f"{name}, fold {fold}"
    return Heading(
        title=f"{here} · medtl",
        kind="Study report" if fold is None else "Fold report",
        heading=here,
        question=_question(run.study, run.outcome),
        date=stamp[:DATE_LENGTH] if stamp else None,
        facts=(
            ("Patients", f"{run.cohort.patients:,}"),
            ("Cases", f"{run.cohort.cases:,}"),
            ("Folds", f"{len(run.planned_folds)}"),
            ("Encoder", encoder_words(run.study, run.provenance)),
            ("Fingerprint", facts.fingerprint),
        ),
        badges=badges_of(run),
        links=_links(run.folds, run.folder, fold=fold),
        version=facts.installed.get("medtl", "(version not recorded)"),
        fingerprint=facts.fingerprint,
        positive=_positive(run.outcome, run.cohort),
    )


def _positive(outcome: Outcome, cohort: StudiedCohort) -> tuple[str, ...]:
    """Which class is positive and why, and a warning where it looks like the healthy one; as the run noted it."""
    noted = sentences(finding for finding in cohort.findings if finding.kind == POSITIVE_CLASS)
    positive = outcome.positive_class
    if noted or positive is None:
        return noted
    return (f"The positive class is {positive}.",)


def _question(study: DeclaredStudy, outcome: Outcome) -> str:
    if study.question:
        return study.question
    return f"Can {outcome.distinguish(passive=True)} in patients whom the model has not seen?"


def _links(folds: tuple[FoldRecord, ...], folder: Path, *, fold: int | None) -> tuple[Link, ...]:
    up = "" if fold is None else "../"
    links = [Link("Study", None if fold is None else f"../{names.REPORT}")]
    links += [Link("Summary on one page", names.SUMMARY)] if fold is None else []
    for record in folds:
        links.append(
            Link(f"Fold {record.fold}", None if record.fold == fold else f"{up}fold_{record.fold}/report.html")
        )
    files = [names.FOLDS, names.EXCLUSIONS, names.LOCK_TABLE, names.STUDY, names.ENVIRONMENT]
    if fold is None:
        files = [name for name in (names.PREDICTIONS, names.METRICS) if (folder / name).is_file()] + files
    else:
        own = folder / f"fold_{fold}"
        files = [name for name in (names.PREDICTIONS, names.HISTORY, names.METRICS) if (own / name).is_file()]
    return (*links, *(Link(name, quote(name)) for name in files))


def render(template: str, page: object, *, scripts: Sequence[str] = ()) -> str:
    """A page as HTML; it carries the named scripts of ours, byte for byte as its policy says, and no other."""
    environment = _environment()
    style, script = _source("style.css"), "".join(_source(name) for name in scripts)
    html = environment.get_template(template).render(
        page=page, style=Markup(_tightened(style)), policy=content_policy(script=script), script=script
    )
    html = NUMBER_AND_UNIT.sub("\\1\u00a0", html) + "\n"
    return html.replace(SCRIPT_HERE, f"<script>{script}</script>")


def _source(name: str) -> str:
    environment = _environment()
    return environment.loader.get_source(environment, name)[0] if environment.loader else ""


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("medtl.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _tightened(style: str) -> str:
    return "\n".join(line.strip() for line in style.splitlines() if line.strip())


def estimated(found: Estimate, *, digits: int = TABLE_DIGITS) -> Cell:
    """A number with its interval below it."""
    number, _, bounds = in_table(found.value, found.low, found.high, digits=digits).partition(" ")
    return Cell(number, beside=bounds, bounds=Bounds(found.value, found.low, found.high))


def text_cells(texts: Sequence[str]) -> tuple[Cell, ...]:
    """Numbers as cells."""
    return tuple(Cell(text) for text in texts)


def reasons_below(reasons: Mapping[str, str | None]) -> tuple[str, ...]:
    """One note per reason for what is a dash in a table: the names that lack a number, then why."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if reason:
            by_reason.setdefault(reason, []).append(name)
    return tuple(f"Not defined: {', '.join(names)}. Reason: {reason}." for reason, names in by_reason.items())


def encoder_words(study: DeclaredStudy, provenance: Provenance) -> str:
    """The encoder's name; on every page also when nobody said what its weights were trained on."""
    unknown = provenance.card.get("trained_on", "").startswith(UNKNOWN_SOURCE)
    return f"{study.encoder or 'none'}{', weights of an unknown source' if unknown else ''}"


def no_interval_below(reasons: Mapping[str, str | None]) -> tuple[str, ...]:
    """One note per reason for numbers that stand without an interval: their names, then why."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        if reason:
            by_reason.setdefault(reason.removeprefix("no interval: "), []).append(name)
    return tuple(f"No interval for {joined(names)}: {reason}." for reason, names in by_reason.items())
