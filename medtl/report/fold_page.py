"""A fold's page: the study page's house with fewer rooms.

In: a run folder and the number of a finished fold. Out: fold_K/report.html, the same bytes each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from medtl.files import write_atomically
from medtl.report.figures import confusion_drawn, curves_drawn, histories_drawn
from medtl.report.gallery import GalleryRow, colour_bar, gallery
from medtl.report.judged import Judged, judge
from medtl.report.model_tables import fold_models_table, threshold_sentences
from medtl.report.numbers import count, plain
from medtl.report.page import Drawn, Heading, Row, Table, heading_of, render, text_cells
from medtl.report.run_folder import RunFolder
from medtl.report.scores import scores_of
from medtl.report.theme import look_of
from medtl.report.training_words import training_sentences
from medtl.report.verdict import Headline, Verdict, metric_name
from medtl.report.worst_errors import Error, worst_errors

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
    confusion_figure: Drawn
    threshold_sentences: tuple[str, ...]
    histories: tuple[Drawn, ...]
    training_sentences: tuple[str, ...]
    gallery: tuple[GalleryRow, ...]
    colour_bar: Markup
    errors: tuple[Error, ...]


def write_fold_page(run: RunFolder, *, fold: int, judged: Judged | None = None) -> Path:
    """Write fold_K/report.html; refuses a fold that is not finished."""
    record = run.fold(fold)
    page = fold_page(run, judged or judge(run), fold=record.fold)
    path = run.folder / f"fold_{fold}" / "report.html"
    write_atomically(path, render("fold.html.j2", page))
    return path


def fold_page(run: RunFolder, judged: Judged, *, fold: int) -> FoldPage:
    """The page as a value."""
    chosen = judged.models[run.chosen_model]
    scores = scores_of(run.predictions, model=run.chosen_model, fold=fold)
    return FoldPage(
        head=heading_of(run, fold=fold),
        metric=metric_name(run.classes),
        verdict=_verdict(run, judged, fold=fold),
        parts_table=_parts_table(run, fold=fold),
        curves=curves_drawn(run, judged, fold=fold),
        models_table=fold_models_table(run, judged, fold=fold),
        confusion_figure=confusion_drawn(run, judged, fold=fold),
        threshold_sentences=threshold_sentences(
            run.classes,
            chosen.confusion_by_fold[fold],
            chosen.by_fold[fold],
            {fold: chosen.thresholds.get(fold)},
            name=look_of(run.chosen_model, run.models).name,
        ),
        histories=histories_drawn(run, folds=(fold,), prefix=""),
        training_sentences=training_sentences([run.fold(fold)]),
        gallery=gallery(run, folds=(fold,)),
        colour_bar=colour_bar(),
        errors=worst_errors(scores),
    )


def _verdict(run: RunFolder, judged: Judged, *, fold: int) -> Verdict:
    chosen, metric = run.chosen_model, metric_name(run.classes)
    look = look_of(chosen, run.models)
    found = judged.models[chosen].by_fold[fold]["auroc"]
    others = [values["auroc"].value for values in judged.models[chosen].by_fold.values()]
    defined = [value for value in others if value is not None]
    phrase = look.phrase[0].upper() + look.phrase[1:]
    if found.value is None:
        sentence = f"{phrase}: the {metric} of this fold is not defined, because {found.reason}."
    else:
        sentence = f"{phrase} reached {metric} {plain(found.value)} on the {count(found.n, 'test patient')} of this fold."
        if len(defined) > 1:
            sentence += f" Over all finished folds it lies between {plain(min(defined))} and {plain(max(defined))}."
    names = [chosen, *(name for name in ("probe", "scratch", "centroid") if name != chosen and name in run.models)][:3]
    headlines = []
    for name in names:
        value = judged.models[name].by_fold[fold]["auroc"]
        own = look_of(name, run.models)
        told = f"{count(value.n, 'patient')}"
        headlines.append(Headline(name, own.name, own.colour, plain(value.value), told, value.reason))
    against = "One fold is a small sample: its numbers move with a few patients. The study page has the intervals."
    return Verdict(tuple(headlines), (sentence,), against)


def _parts_table(run: RunFolder, *, fold: int) -> Table:
    own = run.fold_table[run.fold_table["fold"] == fold]
    rows = []
    for role in ROLES:
        part = own[own["role"] == role]
        cells = [_counts(part[part["label"] == label]) for label in run.classes]
        rows.append(Row(name=role.capitalize(), cells=text_cells([*cells, _counts(part)])))
    note = "Patients (cases). No patient is in two parts."
    return Table("Patients in this fold by class", ("Part", *run.classes, "All"), tuple(rows), (note,))


def _counts(part) -> str:  # type: ignore[no-untyped-def]
    return f"{part['patient_id'].nunique():,} ({len(part):,})"
