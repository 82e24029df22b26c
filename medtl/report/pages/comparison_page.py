"""The page that compares models on the same patients: what `medtl compare` does.

In: models of several runs or tables. Out: a folder with report.html, metrics.json, the predictions that were compared,
references and CSVs, the same bytes each time; without torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from medtl import environment
from medtl.cohort.positive_class import positive_class_findings
from medtl.evaluation import EvaluationSettings, evaluate
from medtl.files import fingerprint, write_json
from medtl.findings import sentences
from medtl.outcomes import Outcome
from medtl.predictions import on_common_cases
from medtl.record import run_folder as names
from medtl.record.fold import FoldRecord
from medtl.record.metrics import write_metrics
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.record.study import DeclaredStudy
from medtl.report.figures.differences import PairPoint, differences_figure
from medtl.report.figures.from_predictions import curves_drawn, models_drawn, predictions_behind
from medtl.report.findings.comparison import comparison_findings
from medtl.report.findings.reviewer_questions import REVIEWER_QUESTIONS
from medtl.report.findings.verdict import Verdict, VerdictBlock, headline_of, strongest_concern
from medtl.report.html.blocks import Block, Bullets, Facts, Figure, Prose, SideBySide, Subheading
from medtl.report.html.numbers import count, joined
from medtl.report.html.page import Drawn, Heading, Link, Row, Table, text_cells
from medtl.report.html.result_folder import claimed, clear, refuse_occupied
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.html.theme import look_of
from medtl.report.manuscript.closing import References
from medtl.report.manuscript.references import bibtex, cite, works_of
from medtl.report.pages.result_lines import write_result
from medtl.report.results.compared_models import ComparedModel
from medtl.report.results.judged import Judged, evaluate_run, metric_name
from medtl.report.results.precision_words import precision_sentence
from medtl.report.results.table_as_run import as_run
from medtl.report.results.view import View
from medtl.report.sections.model_pairs import (
    ModelPair,
    decisions_table,
    in_words,
    pairs_of,
    pairs_table,
    verdict_sentences,
)
from medtl.report.sections.model_tables import models_table
from medtl.report.sections.probabilities import PROBABILITIES_OF_SEVERAL
from medtl.report.sections.who import cohort_table

SIGN = "comparison.json"
"""What was compared and how; a folder with this file may be made anew."""

NUMBERS_SHOWN = 4


def refuse_other_results(out: Path) -> None:
    """Refuse a folder with files that `medtl compare` did not write, before any table is read."""
    refuse_occupied(out, sign=SIGN, verb="compare")


def write_comparison_page(
    models: Sequence[ComparedModel], *, out: Path, settings: EvaluationSettings, resamples: int, seed: int
) -> Path:
    """Compare the models on the cases that all were tested on and write the folder `out`; gives the page's path.

    Raises:
        ConfigurationError: `out` holds files of somebody else.
        DataRefused: the models are not about the same cases, classes and reference standard.
    """
    folder = claimed(out, sign=SIGN, verb="compare")
    common = on_common_cases([(one.name, one.rows) for one in models])
    order = [one.name for one in models]
    pairs = [(later, earlier) for earlier, later in combinations(order, 2)]
    metrics = evaluate(common.table, resamples=resamples, seed=seed, settings=settings, pairs=pairs)
    questions = {"settings": settings.model_dump(mode="json"), "resamples": resamples, "seed": seed}
    clauses = [
        {"name": one.name, "source": one.source, "model": one.model, "fingerprint": one.fingerprint, "left_out": lost}
        for one, lost in zip(models, common.left_out, strict=True)
    ]
    symbol = fingerprint([clauses, questions])
    clear(folder)
    facts = {"fingerprint": symbol, "models": clauses, "cases": common.cases, "same_split": common.is_same_split}
    write_json(folder / SIGN, {**facts, **questions, "versions": environment.versions()})
    common.table.write(folder / names.PREDICTIONS)
    write_metrics(metrics, folder)
    run = as_run(
        common.table, folder=folder, name=joined(order), settings=settings, resamples=resamples, seed=seed,
        fingerprint=symbol,
    )  # fmt: skip
    run = run if common.is_same_split else replace(run, folds=())
    pairs_found = pairs_of(models, metrics)
    judged = evaluate_run(run, metrics=metrics)
    page = _page(run, judged, models, pairs_found, left_out=common.left_out, is_same_split=common.is_same_split)
    return write_result(page, folder, references=bibtex(works_of(run, judged)))


@dataclass(frozen=True)
class _Comparing:
    """Models on the same patients as the sections look at them."""

    view: View
    models: Sequence[ComparedModel]
    pairs: tuple[ModelPair, ...]
    left_out: tuple[int, ...]
    is_same_split: bool
    sentences: tuple[str, ...]

    @property
    def metric(self) -> str:
        return self.view.run.outcome.primary_metric


def _page(
    run: Run,
    judged: Judged,
    models: Sequence[ComparedModel],
    pairs: tuple[ModelPair, ...],
    *,
    left_out: tuple[int, ...],
    is_same_split: bool,
) -> Page:
    metric, patients = run.outcome.primary_metric, count(run.cohort.patients, "patient")
    findings = comparison_findings(models, left_out, is_same_split=is_same_split)
    verdict_words = verdict_sentences(pairs, metric=metric, patients=patients, models=len(models))
    headlines = tuple(headline_of(one.name, judged, run.models, fold=None) for one in models[:NUMBERS_SHOWN])
    view = View(run, judged, findings=findings, is_study=False)
    head = _heading(run.provenance, run.classes, run.cohort, models)
    return Page(
        head=head,
        opening=(VerdictBlock(Verdict(headlines, verdict_words, strongest_concern(findings)), metric),),
        sections=shown(SECTIONS, _Comparing(view, models, pairs, left_out, is_same_split, verdict_words)),
        origin=Origin(f"Written by medtl {head.version} from tables of predictions alone; fingerprint"),
    )


def _who(comparing: _Comparing) -> Iterator[Block | None]:
    run = comparing.view.run
    yield _sources(run, comparing.models, comparing.left_out)
    yield cohort_table(run.classes, run.locked_cases, run.cohort, note="Of test rows in common.")


def _pairs(comparing: _Comparing) -> Iterator[Block | None]:
    run, pairs, metric, sentences = comparing.view.run, comparing.pairs, comparing.metric, comparing.sentences
    several = len(pairs) > 1
    yield Prose(tuple(in_words(pair, metric=metric) for pair in pairs)) if several else None
    yield Figure(
        _pairs_drawn(run.folds, run.folder, pairs, metric=metric, finding=sentences[-1] if several else sentences[0])
    )
    yield pairs_table(pairs, metric=metric)
    appraisal = comparing.view.judged.appraisal
    precision = "" if appraisal is None else precision_sentence(appraisal)
    yield Prose((precision,)) if precision else None
    yield decisions_table(pairs)


def _well(comparing: _Comparing) -> Iterator[Block | None]:
    run, judged = comparing.view.run, comparing.view.judged
    yield Figure(models_drawn(run, judged))
    yield models_table(run.models, run.chosen_model, run.planned_folds, judged, fold=None)
    yield SideBySide(curves_drawn(run, judged, fold=None))


def _methods_section(comparing: _Comparing) -> Iterator[Block | None]:
    run, judged = comparing.view.run, comparing.view.judged
    yield Prose((_methods(run, judged, comparing.pairs, is_same_split=comparing.is_same_split),), kind="quotable")
    yield Facts("What was compared, and how", _origin(run.study, run.provenance, run.outcome, comparing.models))
    yield Subheading("References")
    yield References(works_of(run, judged))


def _of_view(section: Section[View]) -> Section[_Comparing]:
    return Section(section.anchor, section.title, lambda comparing: section.blocks(comparing.view))


def _pairs_drawn(
    folds: tuple[FoldRecord, ...], folder: Path, pairs: Sequence[ModelPair], *, metric: str, finding: str
) -> Drawn:
    points = [
        PairPoint(
            one.model.name, one.reference.name, one.found.difference.value, one.found.difference.low,
            one.found.difference.high, one.is_distinguishable,
        )
        for one in pairs
    ]  # fmt: skip
    drawing = differences_figure(points, metric=metric, name="differences", finding=finding)
    caption = (
        "Differences with DeLong's paired 95 % intervals by patient, about these fitted models. Filled: the interval "
        "leaves out zero and the test over folds agrees; open: no model of the pair may be called better."
    )
    return Drawn(drawing, caption, predictions_behind(folds, folder, fold=None))


def _sources(run: Run, models: Sequence[ComparedModel], left_out: tuple[int, ...]) -> Table:
    rows = []
    for one, lost in zip(models, left_out, strict=True):
        cells = (one.source, one.model, one.encoder or "not known", one.fingerprint[:12], f"{lost:,}")
        rows.append(Row(one.name, text_cells(cells), colour=look_of(one.name, run.models).colour))
    heads = ("Name here", "Run or table", "Model", "Encoder", "Fingerprint", "Cases left out")
    note = (
        f"Compared on {count(run.cohort.cases, 'case')} of {count(run.cohort.patients, 'patient')} that every model "
        "was tested on. Of a run, the model that its page speaks of is taken unless --model names another."
    )
    return Table("Models", heads, tuple(rows), (note,), name="sources")


def _heading(
    provenance: Provenance, classes: tuple[str, ...], cohort: StudiedCohort, models: Sequence[ComparedModel]
) -> Heading:
    links = (names.PREDICTIONS, names.METRICS, SIGN, names.REFERENCES)
    return Heading(
        title="Comparison of models · medtl",
        kind="Comparison of models",
        heading=_names(models),
        question=f"Which of {len(models)} models ranks the same patients better, and is it more than noise?",
        date="",
        facts=(
            ("Patients", f"{cohort.patients:,}"),
            ("Cases", f"{cohort.cases:,}"),
            ("Models", f"{len(models)}"),
            ("Fingerprint", provenance.fingerprint),
        ),
        badges=(),
        links=tuple(Link(name, name) for name in links),
        version=provenance.installed.get("medtl", "(version not recorded)"),
        fingerprint=provenance.fingerprint,
        positive=sentences(positive_class_findings(classes, reason="columns")),
    )


def _names(models: Sequence[ComparedModel]) -> str:
    if len(models) <= NUMBERS_SHOWN - 1:
        return joined([one.name for one in models])
    return f"{len(models)} models of {joined(list(dict.fromkeys(one.source for one in models)))}"


def _methods(run: Run, judged: Judged, pairs: Sequence[ModelPair], *, is_same_split: bool) -> str:
    over = (
        f" Over folds, differences were tested by a t test corrected for shared training patients"
        f"{cite('nadeau2003')}, with Holm's correction for {count(len(pairs), 'pair')}."
        if is_same_split and any(pair.found.p_value is not None for pair in pairs)
        else ""
    )
    decided = (
        " Decisions were compared by McNemar's exact test." if any(one.mcnemar is not None for one in pairs) else ""
    )
    return (
        f"{count(len(run.models), 'model')} were compared on {count(run.cohort.cases, 'case')} of "
        f"{count(run.cohort.patients, 'patient')} that each had been tested on. Probabilities of a patient's images "
        f"were averaged; the patient is the unit. Differences in {metric_name(run.classes)} have DeLong's "
        f"95 % intervals{cite('delong1988')} for these fitted models on the same patients.{over}{decided} Software: "
        f"medtl {run.provenance.installed.get('medtl', '')}; seed {run.provenance.seed}."
    )


def _origin(
    study: DeclaredStudy, provenance: Provenance, outcome: Outcome, models: Sequence[ComparedModel]
) -> tuple[tuple[str, str], ...]:
    settings, versions = study.evaluation, provenance.installed
    return (
        *((one.name, f"{one.model} of {one.source}, fingerprint {one.fingerprint}") for one in models),
        ("Positive class", outcome.positive_class or "each class against the rest"),
        ("Threshold", outcome.decision_rule(settings.threshold.in_words)),
        ("Bootstrap resamples", f"{study.resamples:,}"),
        ("Seed", str(provenance.seed)),
        *((name, versions[name]) for name in ("medtl", "numpy", "scipy", "scikit-learn", "pandas") if name in versions),
    )


def _limits(cohort: StudiedCohort, models: Sequence[ComparedModel]) -> tuple[str, ...]:
    return (
        "Not distinguishable does not mean equal: it means that these patients cannot tell. Read the widths.",
        "A difference between runs is the difference of everything that differs between them: encoder, policy, "
        "preparation, recipe, seed. The settings of each run stand on its own page.",
        f"The comparison holds for these {count(cohort.patients, 'patient')}; it says nothing on other hospitals.",
        f"{len(models)} models make {count(len(models) * (len(models) - 1) // 2, 'pair')}; intervals of single pairs "
        "are not widened for their number, p values over folds are.",
    )


SECTIONS: tuple[Section[_Comparing], ...] = (
    Section("who", "What was compared", _who),
    Section("pairs", "Which is better", _pairs),
    Section("well", "How well", _well),
    *map(_of_view, (PROBABILITIES_OF_SEVERAL, REVIEWER_QUESTIONS)),
    Section("methods", "Methods and provenance", _methods_section),
    Section("limits", "Limits", lambda comparing: (Bullets(_limits(comparing.view.run.cohort, comparing.models)),)),
)
