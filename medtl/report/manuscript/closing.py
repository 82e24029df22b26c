"""The end of the study page: methods and provenance, the results in words, the guidelines' tables, the limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medtl.files import sha256_of_file
from medtl.record import run_folder as names
from medtl.record.provenance import Provenance
from medtl.report.html.blocks import Block, Bullets, Facts, Files, Prose, TwoColumns, folded
from medtl.report.html.numbers import duration
from medtl.report.html.page import Link
from medtl.report.html.section import Section
from medtl.report.manuscript.checklists import Checklist, checklists_of
from medtl.report.manuscript.glossary import glossary
from medtl.report.manuscript.methods_paragraph import limits_of, methods_paragraph
from medtl.report.manuscript.references import references_of
from medtl.report.manuscript.results_paragraph import results_paragraph
from medtl.report.manuscript.statements import read_statements
from medtl.report.manuscript.works import Reference
from medtl.report.results.view import View

HASHED_FILES = (names.PREDICTIONS, names.FOLDS, names.LOCK_TABLE, names.EXCLUSIONS, names.STUDY)


@dataclass(frozen=True)
class References:
    """The works that a page cites."""

    macro: ClassVar[str] = "references"
    cited: tuple[Reference, ...]


@dataclass(frozen=True)
class ChecklistTable:
    """A guideline's table; `titles` are those of the page's sections by anchor."""

    macro: ClassVar[str] = "checklist"
    checklist: Checklist
    titles: Mapping[str, str]


def _methods(view: View) -> Iterator[Block | None]:
    run = view.run
    methods = Prose((methods_paragraph(run, view.judged),), kind="quotable")
    yield folded("Methods, to be pasted into a manuscript", (methods,))
    columns = TwoColumns(Facts("Settings", run.study.settings), Facts("Machine and versions", _machine(run.provenance)))
    files = Facts("Files behind this page, with their SHA-256", _hashes(run.folder))
    yield folded("Settings, versions and files", (columns, files))
    yield folded("Glossary", (Facts("Words of this page", glossary(run)),))


def _results(view: View) -> Iterator[Block | None]:
    results = Prose((results_paragraph(view.run, view.judged),), kind="quotable")
    yield folded("Results, to be pasted into a manuscript", (results,))
    yield folded("References", (References(references_of(view.run, view.judged)),))
    yield Files(tuple(Link(name, name) for name in (names.MODEL_CARD, names.REFERENCES, names.STATEMENTS)))


def _guidelines(view: View) -> Iterator[Block | None]:
    for one in checklists_of(view.run, view.judged, read_statements(view.run.folder)):
        yield folded(f"{one.title}: {one.summary}", (ChecklistTable(one, view.titles),))


def _limits(view: View) -> Iterator[Block]:
    yield Bullets(limits_of(view.run, view.judged))


def _machine(provenance: Provenance) -> tuple[tuple[str, str], ...]:
    made = provenance
    rows = [
        ("Fingerprint", made.fingerprint), ("Seed", str(made.seed)),
        ("Started (UTC)", made.started_utc or "not recorded"), ("Finished (UTC)", made.finished_utc or "not finished"),
        *((f"Time for {stage}", duration(spent)) for stage, spent in made.seconds.items()),
        ("Device", made.device or "not recorded"), ("CPU cores", str(made.cpu_count or "not recorded")),
        ("Platform", made.platform), ("Python", made.python),
        *made.installed.items(), *((f"Encoder: {name}", text) for name, text in made.card.items()),
    ]  # fmt: skip
    return tuple(rows)


def _hashes(folder: Path) -> tuple[tuple[str, str], ...]:
    present = [name for name in HASHED_FILES if (folder / name).is_file()]
    return tuple((name, sha256_of_file(folder / name)) for name in present)


METHODS = Section("methods", "Methods and provenance", _methods)
RESULTS = Section("results", "Results in words", _results)
GUIDELINES = Section("guidelines", "Reporting guidelines", _guidelines)
LIMITS = Section("limits", "Limits", _limits)
