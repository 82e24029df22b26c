"""A fold's page: the study page's house with fewer rooms.

In: a run folder and the number of a finished fold. Out: fold_K/report.html, the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from medtl.evaluation import FoldMetrics
from medtl.files import write_atomically
from medtl.record import run_folder as names
from medtl.record.run import Run
from medtl.report.findings.verdict import Verdict, VerdictBlock, headlines_of
from medtl.report.html.blocks import Block
from medtl.report.html.numbers import count, in_words
from medtl.report.html.page import Row, Table, heading_of, text_cells
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.html.theme import look_of
from medtl.report.pages.figure_files import write_page_files
from medtl.report.results.judged import Judged, evaluate_run_fold, metric_name
from medtl.report.results.view import View
from medtl.report.sections.how_well import HOW_WELL_IN_A_FOLD
from medtl.report.sections.looked import LOOKED
from medtl.report.sections.overfitting import TRAINING_OF_A_FOLD
from medtl.report.sections.wrong import WRONG

ROLES = ("training", "validation", "test")


def write_fold_page(run: Run, *, fold: int, metrics: FoldMetrics | None = None) -> Path:
    """Write fold_K/report.html; refuses a fold that is not finished. `metrics` spares the counting."""
    record = run.fold(fold)
    page = fold_page(
        run,
        evaluate_run_fold(run.predictions, run.study, run.provenance, fold=record.fold, metrics=metrics),
        fold=record.fold,
    )
    path = run.folder / f"fold_{fold}" / names.REPORT
    write_page_files(page, path.parent)
    write_atomically(path, page.as_html())
    return path


def fold_page(run: Run, judged: Judged, *, fold: int) -> Page:
    """The page as a value."""
    head = heading_of(run, fold=fold)
    return Page(
        head=head,
        notice=tuple(badge.sentence for badge in head.badges),
        opening=(
            VerdictBlock(
                _verdict(run.classes, run.chosen_model, run.models, judged, fold=fold), run.outcome.primary_metric
            ),
        ),
        sections=shown(SECTIONS, View(run, judged, fold=fold)),
        origin=Origin(f"Written by medtl {head.version} from the files of this run folder alone; study"),
        has_contents=False,
    )


def _verdict(
    classes: tuple[str, ...], chosen_model: str, models: tuple[str, ...], judged: Judged, *, fold: int
) -> Verdict:
    metric, found = metric_name(classes), judged.of(chosen_model, fold=fold)
    phrase = look_of(chosen_model, models).phrase
    auroc, patients = found.auroc, count(found.patients, "test patient")
    sentence = f"For {phrase} the {metric} is not defined in the {patients} of this fold: {auroc.reason}."
    if auroc.value is not None:
        number = in_words(auroc.value, auroc.low, auroc.high, reason=auroc.reason)
        article = "an" if metric.startswith("A") else "a"
        sentence = (
            f"{phrase[0].upper()}{phrase[1:]} reached {article} {metric} of {number} in the {patients} of this fold."
        )
    against = "One fold is a small sample: its numbers move with a few patients. The study page judges all folds."
    return Verdict(headlines_of(chosen_model, models, judged, fold=fold), (sentence,), against)


def _parts_table(fold_table: pd.DataFrame, classes: tuple[str, ...], *, fold: int) -> Table:
    own = fold_table[fold_table["fold"] == fold]
    rows = []
    for role in ROLES:
        part = own[own["role"] == role]
        cells = [_counts(part[part["label"] == label]) for label in classes]
        rows.append(Row(name=role.capitalize(), cells=text_cells([*cells, _counts(part)])))
    shared = int((own.groupby("patient_id")["role"].nunique() > 1).sum())
    leak = f"{count(shared, 'patient')} in two parts: this is a leak." if shared else "No patient is in two parts."
    note = f"Patients (cases). {leak}"
    return Table("Patients in this fold by class", ("Part", *classes, "All"), tuple(rows), (note,), name="parts")


def _who(view: View) -> Iterator[Block]:
    if view.fold is not None:
        yield _parts_table(view.run.fold_table, view.run.classes, fold=view.fold)


def _counts(part: pd.DataFrame) -> str:
    return f"{part['patient_id'].nunique():,} ({len(part):,})"


SECTIONS: tuple[Section[View], ...] = (
    Section("who", "Who was tested", _who), HOW_WELL_IN_A_FOLD, TRAINING_OF_A_FOLD, LOOKED, WRONG,
)  # fmt: skip
