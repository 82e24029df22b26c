"""The study page: one file that serves a radiologist with two minutes and a statistician with an hour.

In: a run folder. Out: report.html in it, the same bytes each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from medtl.evaluation import StudyMetrics
from medtl.files import sha256_of_file, write_atomically
from medtl.findings import Concern
from medtl.record.run import Run
from medtl.report.figures.from_predictions import (
    confusion_drawn,
    curves_drawn,
    folds_drawn,
    models_drawn,
    reliability_drawn,
)
from medtl.report.figures.gallery import GalleryRow, colour_bar, gallery, has_volumes
from medtl.report.findings.concerns import concerns_of
from medtl.report.findings.verdict import Verdict, verdict_of
from medtl.report.html.numbers import duration
from medtl.report.html.page import Drawn, Heading, Row, Table, heading_of, render, text_cells
from medtl.report.html.theme import look_of
from medtl.report.manuscript import review
from medtl.report.manuscript.methods_paragraph import limits_of, methods_paragraph
from medtl.report.manuscript.statements import read_statements
from medtl.report.manuscript.supplement import write_supplement
from medtl.report.pages.figure_files import write_page_files
from medtl.report.results.claim import sentence_of
from medtl.report.results.judged import Judged, judge, metric_name
from medtl.report.results.scores import scores_of
from medtl.report.results.worst_errors import Error, worst_errors
from medtl.report.sections.audit import AuditTold, audit_told
from medtl.report.sections.calibration import calibration_sentences
from medtl.report.sections.clinical_use import UseTold, use_told
from medtl.report.sections.cohort import cohort_rows, flow_of
from medtl.report.sections.controls import controls_table
from medtl.report.sections.held_out import HeldOutTold, held_out_told
from medtl.report.sections.held_out_words import seal_sentences
from medtl.report.sections.model_tables import folds_table, models_table, threshold_sentences
from medtl.report.sections.saliency_checks import ChecksTold, checks_told
from medtl.report.sections.selection import SelectionTold, selection_told
from medtl.report.sections.training import histories_drawn, training_sentences

CONTENTS = (
    ("who", "Who was studied"), ("well", "How well"), ("apart", "On cases kept apart"),
    ("probabilities", "Can the probabilities be used"), ("overfit", "Does it overfit or cheat"),
    ("looked", "Where it looked"), ("whom", "For whom"), ("wrong", "What was wrong"),
    *review.CONTENTS, ("methods", "Methods and provenance"), *review.WORDS_CONTENTS, ("limits", "Limits"),
)  # fmt: skip

HASHED_FILES = ("predictions.csv", "folds.csv", "manifest.lock.csv", "exclusions.csv", "study.yaml")
MOST_REASONS_IN_FLOW = 4


@dataclass(frozen=True)
class FlowWords:
    """The flow diagram's numbers and lines as text."""

    files: str
    excluded: str
    reasons: tuple[str, ...]
    cases: str
    patients: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class StudyPage:
    """Everything on the study page, in its order."""

    head: Heading
    metric: str
    verdict: Verdict
    flow: FlowWords
    cohort_table: Table
    audit: AuditTold
    folds_figure: Drawn
    curves: tuple[Drawn, ...]
    models_table: Table
    models_figure: Drawn
    differences: tuple[str, ...]
    confusion_figure: Drawn | None
    threshold_sentences: tuple[str, ...]
    folds_table: Table
    reliability: tuple[Drawn, ...]
    calibration_sentences: tuple[str, ...]
    use: UseTold
    seal: tuple[str, ...]
    held_out: tuple[HeldOutTold, ...]
    selection: SelectionTold | None
    histories: tuple[Drawn, ...]
    training_sentences: tuple[str, ...]
    controls: Table | None
    concerns: tuple[Concern, ...]
    review: review.Review
    gallery: tuple[GalleryRow, ...]
    of_volumes: bool
    checks: ChecksTold
    map_method: str
    colour_bar: Markup
    errors: tuple[Error, ...]
    methods: str
    settings: tuple[tuple[str, str], ...]
    machine: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    contents: tuple[tuple[str, str], ...]


def write_study_page(run: Run, *, metrics: StudyMetrics | None = None) -> Path:
    """Write report.html into the run folder; `metrics` spares the counting when it was done before."""
    judged = judge(run, metrics=metrics)
    page = study_page(run, judged)
    write_supplement(run, judged, page.concerns, read_statements(run.folder), page.review)
    write_page_files(page, run.folder)
    path = run.folder / "report.html"
    write_atomically(path, render("study.html.j2", page))
    return path


def study_page(run: Run, judged: Judged) -> StudyPage:
    """The page as a value."""
    concerns = concerns_of(run, judged)
    scores = scores_of(judged.patients, model=run.chosen_model)
    shown = gallery(run, folds=[record.fold for record in run.folds], judged=judged, up="fold_{}/")
    return StudyPage(
        head=heading_of(run, fold=None),
        metric=metric_name(run.classes),
        verdict=verdict_of(run, judged, concerns),
        flow=_flow_words(run),
        cohort_table=_cohort_table(run),
        audit=audit_told(run.folder),
        folds_figure=folds_drawn(run),
        curves=curves_drawn(run, judged, fold=None),
        models_table=models_table(run, judged, fold=None),
        models_figure=models_drawn(run, judged),
        differences=_differences(run, judged),
        confusion_figure=confusion_drawn(run, judged, fold=None),
        threshold_sentences=threshold_sentences(run, judged, fold=None),
        folds_table=folds_table(run, judged),
        reliability=reliability_drawn(run, judged),
        calibration_sentences=calibration_sentences(run, judged),
        use=use_told(run, judged),
        seal=seal_sentences(run),
        held_out=held_out_told(run, judged),
        selection=selection_told(run, judged),
        histories=histories_drawn(run, fold=None),
        training_sentences=training_sentences(run.folds),
        controls=controls_table(run, judged),
        concerns=concerns,
        review=review.review_of(run, judged, concerns, read_statements(run.folder)),
        gallery=shown,
        of_volumes=has_volumes(shown),
        checks=checks_told(run),
        map_method=run.map_method,
        colour_bar=colour_bar(),
        errors=worst_errors(scores, thresholds=judged.thresholds(run.chosen_model)),
        methods=methods_paragraph(run, judged),
        settings=run.study.settings,
        machine=_machine(run),
        hashes=_hashes(run),
        limits=limits_of(run, judged),
        contents=_contents(run),
    )


def _contents(run: Run) -> tuple[tuple[str, str], ...]:
    return tuple(entry for entry in CONTENTS if entry[0] != "apart" or run.seal is not None or run.held_out)


def _flow_words(run: Run) -> FlowWords:
    flow = flow_of(run)
    reasons = [f"{reason.cases:,} {reason.reason}" for reason in flow.reasons[:MOST_REASONS_IN_FLOW]]
    sealed = run.seal.cases if run.seal is not None else 0
    rest = flow.excluded - sum(reason.cases for reason in flow.reasons[:MOST_REASONS_IN_FLOW])
    if rest:
        reasons.append(f"{rest:,} for other reasons")
    if sealed:
        reasons.append(f"{sealed:,} sealed as the test")
    return FlowWords(
        files=f"{flow.files + sealed:,}",
        excluded=f"{flow.excluded:,}",
        reasons=tuple(reasons),
        cases=f"{flow.cases:,}",
        patients=f"{flow.patients:,}",
        classes=tuple(f"{patients:,} {label}" for label, patients, _ in flow.by_class),
    )


def _cohort_table(run: Run) -> Table:
    rows = tuple(Row(name=row.name, cells=text_cells(row.cells), kind=f"level-{row.level}") for row in cohort_rows(run))
    note = "Covariates count patients. A patient with images of two classes counts in both columns, once in the last."
    return Table("Patients by class", ("", *run.classes, "All"), rows, (note,), name="cohort")


def _differences(run: Run, judged: Judged) -> tuple[str, ...]:
    return tuple(f"{look_of(found.model, run.models).name}. {sentence_of(found)}" for found in judged.differences)


def _machine(run: Run) -> tuple[tuple[str, str], ...]:
    made = run.provenance
    rows = [
        ("Fingerprint", made.fingerprint), ("Seed", str(made.seed)),
        ("Started (UTC)", made.started_utc or "not recorded"), ("Finished (UTC)", made.finished_utc or "not finished"),
        *((f"Time for {stage}", duration(spent)) for stage, spent in made.seconds),
        ("Device", made.device), ("CPU cores", made.cpu_count), ("Platform", made.platform), ("Python", made.python),
        *made.versions, *((f"Encoder: {name}", text) for name, text in made.encoder),
    ]  # fmt: skip
    return tuple(rows)


def _hashes(run: Run) -> tuple[tuple[str, str], ...]:
    present = [name for name in HASHED_FILES if (run.folder / name).is_file()]
    return tuple((name, sha256_of_file(run.folder / name)) for name in present)
