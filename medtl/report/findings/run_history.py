"""The runs below a folder, one entry each: what each studied, how well it did, and what speaks most against it.

In: a folder of run folders. Out: entries by date, and a sentence for every folder that is no run or cannot be read.
Only records are read, and of a finished run all but its weights and maps are held against its seal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medtl.errors import ConfigurationError, MedtlError
from medtl.record import run_folder as names
from medtl.record.metrics import read_study_metrics
from medtl.record.provenance import read_provenance
from medtl.record.run import read_run
from medtl.record.run_folder import RunFolder
from medtl.record.run_status import status_of
from medtl.record.study import read_study
from medtl.report.findings.rules import findings_of
from medtl.report.findings.run_state import PHANTOMS
from medtl.report.findings.verdict import strongest_concern
from medtl.report.html.numbers import count, with_interval
from medtl.report.html.page import DATE_LENGTH
from medtl.report.results.judged import evaluate_run

NOT_JUDGED = "not judged yet"
FINISHED = "finished"
COLUMNS = ("run", "date", "state", "patients", "model", "result (95 % CI)", "concerns", "encoder")


@dataclass(frozen=True)
class RunEntry:
    """A run as its history lists it.

    `result` is the primary metric of `model`, the one that the run's page speaks of, with its interval. `settings` are
    all settings as (dotted name, text).
    """

    folder: Path
    question: str
    encoder: str
    models: tuple[str, ...]
    date: str
    state: str
    settings: tuple[tuple[str, str], ...]
    patients: int | None = None
    model: str = ""
    metric: str = ""
    result: str = NOT_JUDGED
    concerns: int = 0
    strongest: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def cells(self) -> tuple[str, ...]:
        """The run under `COLUMNS`."""
        result = f"{self.metric} {self.result}".strip()
        concerns = str(self.concerns) if self.metric else ""
        patients = "" if self.patients is None else f"{self.patients:,}"
        return (self.name, self.date, self.state, patients, self.model, result, concerns, self.encoder)


@dataclass(frozen=True)
class RunHistory:
    """The runs by date, the earliest first, and the folders that are no readable run, with the reason."""

    runs: tuple[RunEntry, ...]
    others: tuple[tuple[str, str], ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What the console shows: a table, below each run its question and its strongest concern."""
        rows = [COLUMNS, *(run.cells for run in self.runs)]
        widths = [max(len(row[index]) for row in rows) for index in range(len(COLUMNS))]

        def aligned(cells: Sequence[str]) -> str:
            return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

        shown = [aligned(COLUMNS)] if self.runs else []
        for run in self.runs:
            shown += [aligned(run.cells), f"    {run.question}"] if run.question else [aligned(run.cells)]
            shown += [f"    Strongest concern: {run.strongest}"] if run.strongest else []
        return (*shown, *(f"Not listed: {name}: {reason}" for name, reason in self.others))


def is_run(folder: Path) -> bool:
    """Whether `medtl run` made the folder, as far as names tell."""
    return (folder / names.STUDY).is_file() and (folder / names.ENVIRONMENT).is_file()


def history_of(folder: Path) -> RunHistory:
    """The runs right below a folder, or the run that it is.

    Raises:
        ConfigurationError: there is no such folder, or no folder in it.
    """
    if not folder.is_dir():
        raise ConfigurationError(
            f"There is no folder {folder}. Give the folder that your runs lie in: medtl run makes "
            "runs/NAME-FINGERPRINT where --out names none."
        )
    if is_run(folder):
        return RunHistory((entry_of(folder),))
    below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not below:
        raise ConfigurationError(f"{folder} holds no run: there is no folder in it.")
    runs, others = list[RunEntry](), list[tuple[str, str]]()
    for path in below:
        if not is_run(path):
            others.append((path.name, f"it holds no run (no {names.STUDY} with {names.ENVIRONMENT})."))
            continue
        try:
            runs.append(entry_of(path))
        except MedtlError as refusal:
            others.append((path.name, " ".join(str(refusal).split())))
    return RunHistory(tuple(sorted(runs, key=lambda run: (run.date, run.name))), tuple(others))


def entry_of(folder: Path) -> RunEntry:
    """The entry of one run, judged where it is finished.

    Raises:
        MedtlError: the folder holds no run, or its records cannot be read.
    """
    if not is_run(folder):
        raise ConfigurationError(f"{folder} holds no run. Give the folder that medtl run made.")
    study, provenance = read_study(folder), read_provenance(folder)
    stamp = provenance.finished_utc or provenance.started_utc or ""
    entry = RunEntry(
        folder=folder,
        question=study.question or "",
        encoder=study.encoder or "",
        models=study.policies,
        date=stamp[:DATE_LENGTH],
        state=_state(folder),
        settings=study.settings,
    )
    if entry.state != FINISHED or not (folder / names.METRICS).is_file():
        return entry
    run = read_run(folder, weights_too=False)
    judged = evaluate_run(run, metrics=read_study_metrics(folder))
    findings = [one for one in findings_of(run, judged) if one.question and one.kind != PHANTOMS]
    found = judged.of(run.chosen_model, fold=None).auroc
    return replace(
        entry,
        models=run.models,
        patients=run.cohort.patients,
        model=run.chosen_model,
        metric=run.outcome.primary_metric,
        result=with_interval(found.value, found.low, found.high),
        concerns=len(findings),
        strongest=strongest_concern(findings) if findings else "",
    )


def _state(folder: Path) -> str:
    """`finished`, or how many folds are."""
    if status_of(folder).is_finished:
        return FINISHED
    done = len(RunFolder(folder).finished_folds())
    return f"unfinished, {count(done, 'fold')} done"


def setting_differences(one: RunEntry, other: RunEntry) -> tuple[tuple[str, str, str], ...]:
    """The settings in which two runs differ, as (dotted name, text in the one, text in the other)."""
    left, right = dict(one.settings), dict(other.settings)
    ordered = dict.fromkeys((*left, *right))
    return tuple(
        (key, left.get(key, "not set"), right.get(key, "not set"))
        for key in ordered
        if left.get(key) != right.get(key) and key != "name"
    )


def side_by_side(one: RunEntry, other: RunEntry) -> tuple[str, ...]:
    """Two runs as the console shows them beside each other: results first, then every setting that differs."""
    facts = [(head, *pair) for head, *pair in zip(COLUMNS, one.cells, other.cells, strict=True)]
    facts += [
        ("question", one.question, other.question),
        ("models", ", ".join(one.models), ", ".join(other.models)),
        ("strongest concern", one.strongest, other.strongest),
    ]
    differing = setting_differences(one, other)
    rows = [*facts, *differing]
    widths = [max(len(str(row[index])) for row in rows) for index in range(2)]

    def aligned(row: Sequence[str]) -> str:
        first, second, third = (str(cell) for cell in row)
        return f"{first.ljust(widths[0])}  {second.ljust(widths[1])}  {third}".rstrip()

    heading = "Settings that differ:" if differing else "No setting differs."
    return (
        *map(aligned, facts), "", heading, *map(aligned, differing), "",
        "Whether one is better on the same patients:",
        f"  medtl compare {one.folder} {other.folder} --out compared",
    )  # fmt: skip
