"""The page of a folder of runs: each with its question, its result and its strongest concern, linked to its report.

In: the history of a folder. Out: runs.html in it, the same bytes for the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import medtl
from medtl.errors import ConfigurationError
from medtl.files import fingerprint, write_atomically
from medtl.record import run_folder as names
from medtl.report.findings.run_history import RunHistory
from medtl.report.html.blocks import Block, Bullets
from medtl.report.html.page import Heading, Link, Row, Table, text_cells
from medtl.report.html.section import Origin, Page, Section, shown

RUNS_PAGE = "runs.html"
SIGN = "Written by medtl runs from the records of these folders"
"""How the foot of a page of ours begins; another file of this name is left alone."""

HEADS = ("Run", "Question", "Date", "State", "Patients", "Models", "Result (95 % CI)", "Concerns", "Strongest concern")


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
    finished = [run for run in history.runs if (run.folder / names.REPORT).is_file()]
    head = Heading(
        title="Runs · medtl",
        kind="Runs",
        heading="Runs",
        question="What was studied here, how well did it do, and what speaks against it?",
        date=max((run.date for run in history.runs), default=""),
        facts=(("Runs", f"{len(history.runs)}"), ("Finished", f"{sum(bool(run.metric) for run in history.runs)}")),
        badges=(),
        links=tuple(Link(run.name, f"{quote(run.name)}/{names.REPORT}") for run in finished),
        version=medtl.__version__,
        fingerprint=symbol,
    )
    return Page(head=head, opening=(), sections=shown(SECTIONS, history), origin=Origin(f"{SIGN}; fingerprint"))


def _runs(history: RunHistory) -> Iterator[Block]:
    rows = tuple(
        Row(
            run.name,
            text_cells(
                (
                    run.question, run.date, run.state, "" if run.patients is None else f"{run.patients:,}",
                    f"{run.encoder}: {', '.join(run.models)}", f"{run.model} {run.metric} {run.result}".strip(),
                    f"{run.concerns}" if run.metric else "", run.strongest,
                )
            ),
        )
        for run in history.runs
    )  # fmt: skip
    note = (
        "The result is that of the model that the run's page speaks of. Results of different patients do not compare."
    )
    yield Table("Runs by date", HEADS, rows, (note,))


def _others(history: RunHistory) -> Iterator[Block]:
    if history.others:
        yield Bullets(tuple(f"{name}: {reason}" for name, reason in history.others))


SECTIONS: tuple[Section[RunHistory], ...] = (
    Section("runs", "Runs", _runs),
    Section("others", "Not listed", _others),
)
