"""The page of a folder of runs: each with its question, its result and its strongest concern, linked to its report.

In: the history of a folder. Out: runs.html in it, the same bytes for the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import medtl
from medtl.errors import ConfigurationError
from medtl.files import fingerprint, write_atomically
from medtl.record import run_folder as names
from medtl.report.findings.run_history import RunEntry, RunHistory
from medtl.report.html.blocks import Block, Bullets, Prose
from medtl.report.html.numbers import count
from medtl.report.html.page import Heading
from medtl.report.html.section import Origin, Page, Section, shown

RUNS_PAGE = "runs.html"
SIGN = "Written by medtl runs from the records of these folders"
"""How the foot of a page of ours begins; another file of this name is left alone."""


def write_runs_page(history: RunHistory, folder: Path) -> Path:
    """Write runs.html into the folder that the runs lie in; gives its path.

    Raises:
        ConfigurationError: a file of this name exists that medtl runs did not write.
    """
    path = folder / RUNS_PAGE
    if path.exists() and SIGN not in path.read_text(encoding="utf-8", errors="replace"):
        raise ConfigurationError(
            f"{path} exists, and medtl runs did not write it: nothing was written over. Move the file away."
        )
    write_atomically(path, runs_page(history).as_html())
    return path


def runs_page(history: RunHistory) -> Page:
    """The page as a value."""
    symbol = fingerprint([list(run.cells) for run in history.runs])
    head = Heading(
        title="Runs · medtl",
        kind="Runs",
        heading="Runs",
        question="What was studied here, how well did it do, and what speaks against it?",
        date=max((run.date for run in history.runs), default=""),
        facts=(("Runs", f"{len(history.runs)}"), ("Finished", f"{sum(bool(run.metric) for run in history.runs)}")),
        badges=(),
        links=(),
        version=medtl.__version__,
        fingerprint=symbol,
    )
    return Page(head=head, opening=(), sections=shown(SECTIONS, history), origin=Origin(f"{SIGN}; fingerprint"))


@dataclass(frozen=True)
class ListedRun:
    """A run with the link to its report, None where it has none; `facts` stand beside the name, `result` in bold."""

    name: str
    address: str | None
    facts: str
    question: str
    result: str
    concern: str


@dataclass(frozen=True)
class ListedRuns:
    """Runs one below the other: a table of so many words would not fit on a screen."""

    macro: ClassVar[str] = "listed_runs"
    runs: tuple[ListedRun, ...]


def _runs(history: RunHistory) -> Iterator[Block]:
    yield ListedRuns(tuple(_listed(run) for run in history.runs))
    note = "The result is that of the model that the run's page speaks of. Results on other patients do not compare."
    yield Prose((note,), kind="note")


def _listed(run: RunEntry) -> ListedRun:
    patients = "" if run.patients is None else count(run.patients, "patient")
    made_of = f"{run.encoder}: {', '.join(run.models)}"
    concerns = f" {count(run.concerns, 'question')} that a reviewer will ask." if run.metric else ""
    return ListedRun(
        name=run.name,
        address=f"{quote(run.name)}/{names.REPORT}" if (run.folder / names.REPORT).is_file() else None,
        facts=" · ".join(filter(None, (run.date, run.state, patients, made_of))),
        question=run.question,
        result=f"{run.model} {run.metric} {run.result}".strip(),
        concern=f"{run.strongest}{concerns}",
    )


def _others(history: RunHistory) -> Iterator[Block]:
    if history.others:
        yield Bullets(tuple(f"{name}: {reason}" for name, reason in history.others))


SECTIONS: tuple[Section[RunHistory], ...] = (
    Section("runs", "Runs", _runs),
    Section("others", "Not listed", _others),
)
