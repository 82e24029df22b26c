"""Who was studied: the flow from files to patients, the patients by class, the folds, and what the audit shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.figures.from_predictions import folds_drawn
from medtl.report.html.blocks import Block, Figure, folded
from medtl.report.html.page import Row, Table, text_cells
from medtl.report.html.section import Section
from medtl.report.results.view import View
from medtl.report.sections.cohort import cohort_rows, flow_of

MOST_REASONS_IN_FLOW = 4


@dataclass(frozen=True)
class FlowDiagram:
    """The numbers and lines of the flow diagram as text."""

    macro: ClassVar[str] = "flow"
    files: str
    excluded: str
    reasons: tuple[str, ...]
    cases: str
    patients: str
    classes: tuple[str, ...]


def cohort_table(classes: tuple[str, ...], locked_cases: pd.DataFrame, cohort: StudiedCohort, *, note: str) -> Table:
    """Patients and covariates by class."""
    rows = tuple(
        Row(name=row.name, cells=text_cells(row.cells), kind=f"level-{row.level}")
        for row in cohort_rows(locked_cases, classes, cohort)
    )
    return Table("Patients by class", ("", *classes, "All"), rows, (note,), name="cohort")


def _blocks(view: View) -> Iterator[Block | None]:
    run = view.run
    yield flow_diagram(run)
    note = "Covariates count patients. A patient with images of two classes counts in both columns, once in the last."
    yield cohort_table(run.classes, run.locked_cases, run.cohort, note=note)
    yield folded("Patients by class in each fold", (Figure(folds_drawn(run)),))


def flow_diagram(run: Run) -> FlowDiagram:
    """From files to patients by class."""
    flow = flow_of(run)
    reasons = [f"{reason.cases:,} {reason.reason}" for reason in flow.reasons[:MOST_REASONS_IN_FLOW]]
    sealed = run.seal.cases if run.seal is not None else 0
    rest = flow.excluded - sum(reason.cases for reason in flow.reasons[:MOST_REASONS_IN_FLOW])
    if rest:
        reasons.append(f"{rest:,} for other reasons")
    if sealed:
        reasons.append(f"{sealed:,} sealed as the test")
    return FlowDiagram(
        files=f"{flow.files + sealed:,}",
        excluded=f"{flow.excluded:,}",
        reasons=tuple(reasons),
        cases=f"{flow.cases:,}",
        patients=f"{flow.patients:,}",
        classes=tuple(f"{patients:,} {label}" for label, patients, _ in flow.by_class),
    )


WHO = Section("who", "Who was studied", _blocks)
