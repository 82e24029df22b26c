"""The page of a table of predictions, ours or another tool's: what `medtl evaluate` does.

In: the predictions as read, and how to judge them. Out: a folder with report.html, metrics.json, the table as it was
judged, references and CSVs, the same bytes each time; without torch and without a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medtl import environment
from medtl.cohort.positive_class import positive_notes
from medtl.errors import ConfigurationError
from medtl.evaluation import EvaluationSettings, evaluate
from medtl.files import fingerprint, sha256_of_file, write_atomically, write_json
from medtl.findings import Concern
from medtl.predictions import ExternalTable, PredictionTable
from medtl.record import run_folder as names
from medtl.record.run import Run
from medtl.report.figures.from_predictions import (
    confusion_drawn,
    curves_drawn,
    folds_drawn,
    models_drawn,
    reliability_drawn,
)
from medtl.report.findings.foreign_table import table_concerns, table_questions
from medtl.report.findings.questions import Asked, asked_of
from medtl.report.findings.verdict import Verdict, headlines_of
from medtl.report.html.numbers import count, in_words, joined, with_interval
from medtl.report.html.page import Drawn, Heading, Link, Row, Table, render, text_cells
from medtl.report.html.result_folder import claimed, clear, refuse_occupied
from medtl.report.html.theme import look_of
from medtl.report.manuscript.methods_paragraph import evaluation_words
from medtl.report.manuscript.references import Reference, bibtex, works_of
from medtl.report.pages.figure_files import write_page_files
from medtl.report.results.claim import sentence_of
from medtl.report.results.judged import Judged, judge, metric_name
from medtl.report.results.scores import scores_of
from medtl.report.results.table_as_run import as_run
from medtl.report.results.worst_errors import Error, worst_errors
from medtl.report.sections.calibration import calibration_sentences
from medtl.report.sections.clinical_use import UseTold, use_told
from medtl.report.sections.cohort import cohort_rows
from medtl.report.sections.model_tables import folds_table, models_table, threshold_sentences

SIGN = "evaluation.json"
"""What was judged and how; a folder with this file may be made anew."""

HALF = 0.5

CONTENTS = (
    ("who", "Who was judged"), ("well", "How well"), ("probabilities", "Can the probabilities be used"),
    ("whom", "For whom"), ("wrong", "What was wrong"), ("asked", "What a reviewer will ask"),
    ("methods", "Methods and provenance"), ("limits", "Limits"),
)  # fmt: skip


@dataclass(frozen=True)
class PredictionsPage:
    """Everything on the page, in its order."""

    head: Heading
    metric: str
    verdict: Verdict
    taken: tuple[str, ...]
    cohort_table: Table
    folds_figure: Drawn | None
    curves: tuple[Drawn, ...]
    models_table: Table
    models_figure: Drawn | None
    differences: tuple[str, ...]
    confusion_figure: Drawn | None
    threshold_sentences: tuple[str, ...]
    folds_table: Table | None
    reliability: tuple[Drawn, ...]
    calibration_sentences: tuple[str, ...]
    use: UseTold
    errors: tuple[Error, ...]
    asked: tuple[Asked, ...]
    methods: str
    origin: tuple[tuple[str, str], ...]
    references: tuple[Reference, ...]
    limits: tuple[str, ...]
    contents: tuple[tuple[str, str], ...] = CONTENTS


def refuse_other_results(out: Path) -> None:
    """Refuse a folder with files that `medtl evaluate` did not write, before any table is read."""
    refuse_occupied(out, sign=SIGN, verb="evaluate")


def write_predictions_page(
    found: ExternalTable, *, source: Path, out: Path, settings: EvaluationSettings, resamples: int, seed: int,
    threshold_declared: bool = True,
) -> Path:  # fmt: skip
    """Judge the predictions read from `source` and write the folder `out`; gives the path of the page.

    `threshold_declared` is False where nobody gave a threshold and one is taken for want of validation rows.

    Raises:
        ConfigurationError: `out` holds files of somebody else, a model has no test rows, or a subgroup is no column.
    """
    folder = claimed(out, sign=SIGN, verb="evaluate")
    _must_have(found.table, settings.subgroups or ())
    digest = sha256_of_file(source)
    asked = {"settings": settings.model_dump(mode="json"), "resamples": resamples, "seed": seed}
    mark = fingerprint([digest, list(found.table.classes), asked])
    metrics = evaluate(found.table, resamples=resamples, seed=seed, settings=settings)
    clear(folder)
    told = {"source": source.name, "sha256": digest, "fingerprint": mark, "taken_for_granted": list(found.taken)}
    write_json(folder / SIGN, {**told, **asked, "versions": environment.versions()})
    found.table.write(folder / names.PREDICTIONS)
    write_json(folder / names.METRICS, metrics.to_json())
    run = as_run(
        found.table, folder=folder, name=source.name, settings=settings, resamples=resamples, seed=seed,
        fingerprint=mark,
    )  # fmt: skip
    page = _page(run, judge(run, metrics=metrics), taken=found.taken, digest=digest, was_declared=threshold_declared)
    write_page_files(page, folder)
    write_atomically(folder / names.REFERENCES, bibtex(page.references))
    write_atomically(folder / names.REPORT, render("predictions.html.j2", page))
    return folder / names.REPORT


def _must_have(table: PredictionTable, subgroups: tuple[str, ...]) -> None:
    unknown = [name for name in subgroups if name not in table.covariates]
    if unknown:
        raise ConfigurationError(
            f"The predictions have no covariate {joined(unknown)}; there is "
            f"{joined(table.covariates) or 'none'}. A subgroup is a column of the table.",
            unknown=tuple(unknown),
        )


def _page(run: Run, judged: Judged, *, taken: tuple[str, ...], digest: str, was_declared: bool) -> PredictionsPage:
    concerns = table_concerns(run, judged)
    return PredictionsPage(
        head=_heading(run),
        metric=metric_name(run.classes),
        verdict=_verdict(run, judged, concerns),
        taken=(*taken, *_threshold_taken(run, was_declared=was_declared)),
        cohort_table=_cohort_table(run),
        folds_figure=folds_drawn(run) if len(run.folds) > 1 else None,
        curves=curves_drawn(run, judged, fold=None),
        models_table=models_table(run, judged, fold=None),
        models_figure=models_drawn(run, judged) if len(run.models) > 1 or len(run.folds) > 1 else None,
        differences=tuple(f"{look_of(one.model, run.models).name}. {sentence_of(one)}" for one in judged.differences),
        confusion_figure=confusion_drawn(run, judged, fold=None),
        threshold_sentences=threshold_sentences(run, judged, fold=None),
        folds_table=folds_table(run, judged) if len(run.folds) > 1 else None,
        reliability=reliability_drawn(run, judged),
        calibration_sentences=calibration_sentences(run, judged),
        use=use_told(run, judged),
        errors=worst_errors(
            scores_of(judged.patients, model=run.chosen_model), thresholds=judged.thresholds(run.chosen_model)
        ),
        asked=(*asked_of(concerns, ()), *table_questions(run)),
        methods=_methods(run, judged),
        origin=_origin(run, digest=digest),
        references=works_of(run, judged),
        limits=_limits(run, judged),
    )


def _threshold_taken(run: Run, *, was_declared: bool) -> tuple[str, ...]:
    """What was done for want of validation rows; nothing where the threshold was declared."""
    rule = run.study.evaluation.threshold
    if (
        was_declared
        or rule.rule != "fixed"
        or not run.outcome.has_threshold
        or len(run.predictions.of(role="validation"))
    ):
        return ()
    half = " This calls the more probable class." if rule.at == HALF else ""
    return (f"There are no validation rows to choose a threshold on: it is fixed at {rule.at:g}.{half}",)


def _heading(run: Run) -> Heading:
    links = (names.PREDICTIONS, names.METRICS, SIGN, names.REFERENCES)
    return Heading(
        title=f"Evaluation of {run.study.name} · medtl",
        kind="Evaluation of predictions",
        heading=run.study.name,
        question=_question(run),
        date="",
        facts=(
            ("Patients", f"{run.cohort.patients:,}"),
            ("Cases", f"{run.cohort.cases:,}"),
            ("Folds", f"{len(run.planned_folds)}"),
            ("Models", f"{len(run.models)}"),
            ("Fingerprint", run.provenance.fingerprint),
        ),
        badges=(),
        links=tuple(Link(name, name) for name in links),
        version=dict(run.provenance.versions).get("medtl", "(version not recorded)"),
        fingerprint=run.provenance.fingerprint,
        positive=positive_notes(run.classes, reason="columns"),
    )


def _question(run: Run) -> str:
    return f"How well do these predictions {run.outcome.tell_apart()}?"


def _verdict(run: Run, judged: Judged, concerns: tuple[Concern, ...]) -> Verdict:
    phrase, found = look_of(run.chosen_model, run.models).phrase, judged.of(run.chosen_model, fold=None)
    subject, patients = phrase[0].upper() + phrase[1:], count(found.patients, "patient")
    metric, auroc = metric_name(run.classes), found.auroc
    if auroc.value is None:
        sentences = [f"For {phrase} the {metric} is not defined in {patients}: {auroc.reason}."]
    else:
        number = in_words(auroc.value, auroc.low, auroc.high, reason=auroc.reason)
        folds = f" of {count(len(run.folds), 'fold')}" if len(run.folds) > 1 else ""
        sentences = [
            f"{subject} {run.outcome.ranked()} with {run.outcome.article} {metric} of {number} in {patients}{folds}."
        ]
    rates = {key: found.estimates[key] for key in ("sensitivity", "specificity")}
    if run.outcome.has_threshold and all(one.value is not None for one in rates.values()):
        numbers = [f"{name} {with_interval(one.value, one.low, one.high)}" for name, one in rates.items()]
        sentences.append(f"At its threshold: {joined(numbers)}.")
    return Verdict(headlines_of(run, judged, fold=None), tuple(sentences), concerns[0].title)


def _cohort_table(run: Run) -> Table:
    rows = tuple(Row(name=row.name, cells=text_cells(row.cells), kind=f"level-{row.level}") for row in cohort_rows(run))
    note = "Of test rows. Covariates count patients; a patient with cases of two classes counts in both columns."
    return Table("Patients by class", ("", *run.classes, "All"), rows, (note,), name="cohort")


def _methods(run: Run, judged: Judged) -> str:
    folds = f" in {count(len(run.planned_folds), 'fold')}" if len(run.planned_folds) > 1 else ""
    return (
        f"Predictions for {count(run.cohort.cases, 'case')} of {count(run.cohort.patients, 'patient')}{folds} were "
        f"judged from their table alone. {evaluation_words(run, judged)} Software: medtl "
        f"{dict(run.provenance.versions).get('medtl', '')}; seed {run.provenance.seed}."
    )


def _origin(run: Run, *, digest: str) -> tuple[tuple[str, str], ...]:
    settings, versions = run.study.evaluation, dict(run.provenance.versions)
    return (
        ("Predictions", run.study.name),
        ("SHA-256", digest),
        ("Positive class", run.outcome.positive_class or "each class against the rest"),
        ("Threshold", run.outcome.decision_rule(settings.threshold.in_words)),
        ("Bootstrap resamples", f"{run.study.resamples:,}"),
        ("Seed", str(run.provenance.seed)),
        *((name, versions[name]) for name in ("medtl", "numpy", "scipy", "scikit-learn", "pandas") if name in versions),
    )


def _limits(run: Run, judged: Judged) -> tuple[str, ...]:
    found = judged.of(run.chosen_model, fold=None)
    limits = [
        f"There are {count(found.patients, 'patient')}, {min(found.by_class)} in the smallest class. The intervals say "
        "how far other patients of the same kind could move the numbers; they do not cover other hospitals or times.",
        "The reference standard is taken as the table gives it; its errors count as the model's.",
        "Predicted probabilities reflect the share of classes that the model was made with. Where the condition is "
        "rarer, predictive values fall.",
    ]
    if len(run.folds) > 1:
        limits.append("Folds share training patients, so the spread over folds is no confidence interval.")
    if len(run.models) > 1:
        limits.append(
            f"{len(run.models)} models were looked at on the same patients. The page speaks of the first by a fixed "
            "order; choosing the best of them from this page would make its number too high."
        )
    return tuple(limits)
