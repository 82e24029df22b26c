"""A fold's page: the study page's house with fewer rooms.

In: a run folder and the number of a finished fold. Out: fold_K/report.html, the same bytes each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from medtl.evaluation import FoldMetrics
from medtl.files import write_atomically
from medtl.record.run import Run
from medtl.report.figures.attention import attention_drawn
from medtl.report.figures.from_predictions import confusion_drawn, curves_drawn
from medtl.report.figures.gallery import GalleryRow, colour_bar, gallery, has_viewers, has_volumes
from medtl.report.findings.verdict import Verdict, headlines_of
from medtl.report.html.numbers import count, in_words
from medtl.report.html.page import Drawn, Heading, Row, Table, heading_of, render, text_cells
from medtl.report.html.theme import look_of
from medtl.report.pages.figure_files import write_page_files
from medtl.report.results.judged import Judged, judge_fold, metric_name
from medtl.report.results.scores import scores_of
from medtl.report.results.worst_errors import Error, worst_errors
from medtl.report.sections.model_tables import models_table, threshold_sentences
from medtl.report.sections.saliency_checks import ChecksTold, fold_checks_told
from medtl.report.sections.training import histories_drawn, training_sentences

ROLES = ("training", "validation", "test")


@dataclass(frozen=True)
class FoldPage:
    """Everything on a fold's page, in its order."""

    head: Heading
    metric: str
    verdict: Verdict
    parts_table: Table
    curves: tuple[Drawn, ...]
    models_table: Table
    confusion_figure: Drawn | None
    threshold_sentences: tuple[str, ...]
    histories: tuple[Drawn, ...]
    training_sentences: tuple[str, ...]
    gallery: tuple[GalleryRow, ...]
    of_volumes: bool
    checks: ChecksTold
    map_method: str
    attention: Drawn | None
    colour_bar: Markup
    errors: tuple[Error, ...]


def write_fold_page(run: Run, *, fold: int, metrics: FoldMetrics | None = None) -> Path:
    """Write fold_K/report.html; refuses a fold that is not finished. `metrics` spares the counting."""
    record = run.fold(fold)
    page = fold_page(run, judge_fold(run, fold=record.fold, metrics=metrics), fold=record.fold)
    path = run.folder / f"fold_{fold}" / "report.html"
    write_page_files(page, path.parent)
    write_atomically(path, render("fold.html.j2", page, viewer=has_viewers(page.gallery)))
    return path


def fold_page(run: Run, judged: Judged, *, fold: int) -> FoldPage:
    """The page as a value."""
    scores = scores_of(judged.patients, model=run.chosen_model, fold=fold)
    shown = gallery(run, folds=(fold,), judged=judged, viewers=run.study.viewers)
    return FoldPage(
        head=heading_of(run, fold=fold),
        metric=metric_name(run.classes),
        verdict=_verdict(run, judged, fold=fold),
        parts_table=_parts_table(run, fold=fold),
        curves=curves_drawn(run, judged, fold=fold),
        models_table=models_table(run, judged, fold=fold),
        confusion_figure=confusion_drawn(run, judged, fold=fold),
        threshold_sentences=threshold_sentences(run, judged, fold=fold),
        histories=histories_drawn(run, fold=fold),
        training_sentences=training_sentences([run.fold(fold)]),
        gallery=shown,
        of_volumes=has_volumes(shown),
        checks=fold_checks_told(run, fold=fold),
        map_method=run.map_method,
        attention=attention_drawn(run, shown),
        colour_bar=colour_bar(),
        errors=worst_errors(scores, thresholds=judged.thresholds(run.chosen_model)),
    )


def _verdict(run: Run, judged: Judged, *, fold: int) -> Verdict:
    metric, found = metric_name(run.classes), judged.of(run.chosen_model, fold=fold)
    phrase = look_of(run.chosen_model, run.models).phrase
    auroc, patients = found.auroc, count(found.patients, "test patient")
    sentence = f"For {phrase} the {metric} is not defined in the {patients} of this fold: {auroc.reason}."
    if auroc.value is not None:
        number = in_words(auroc.value, auroc.low, auroc.high, reason=auroc.reason)
        article = "an" if metric.startswith("A") else "a"
        sentence = (
            f"{phrase[0].upper()}{phrase[1:]} reached {article} {metric} of {number} in the {patients} of this fold."
        )
    against = "One fold is a small sample: its numbers move with a few patients. The study page judges all folds."
    return Verdict(headlines_of(run, judged, fold=fold), (sentence,), against)


def _parts_table(run: Run, *, fold: int) -> Table:
    own = run.fold_table[run.fold_table["fold"] == fold]
    rows = []
    for role in ROLES:
        part = own[own["role"] == role]
        cells = [_counts(part[part["label"] == label]) for label in run.classes]
        rows.append(Row(name=role.capitalize(), cells=text_cells([*cells, _counts(part)])))
    shared = int((own.groupby("patient_id")["role"].nunique() > 1).sum())
    apart = f"{count(shared, 'patient')} in two parts: this is a leak." if shared else "No patient is in two parts."
    note = f"Patients (cases). {apart}"
    return Table("Patients in this fold by class", ("Part", *run.classes, "All"), tuple(rows), (note,), name="parts")


def _counts(part: pd.DataFrame) -> str:
    return f"{part['patient_id'].nunique():,} ({len(part):,})"
