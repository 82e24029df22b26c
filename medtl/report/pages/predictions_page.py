"""The page of a table of predictions, ours or another tool's: what `medtl evaluate` does.

In: the predictions as read, and how to judge them. Out: a folder with report.html, metrics.json, the table as it was
judged, references and CSVs, the same bytes each time; without torch and without a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from medtl import environment
from medtl.cohort.positive_class import positive_class_findings
from medtl.errors import ConfigurationError
from medtl.evaluation import EvaluationSettings, evaluate
from medtl.files import fingerprint, sha256_of_file, write_json
from medtl.findings import Finding, sentences
from medtl.outcomes import Outcome
from medtl.predictions import ExternalTable, PredictionTable
from medtl.record import run_folder as names
from medtl.record.fold import FoldRecord
from medtl.record.metrics import write_metrics
from medtl.record.provenance import Provenance
from medtl.record.run import Run
from medtl.record.study import DeclaredStudy
from medtl.report.figures.from_predictions import folds_drawn
from medtl.report.findings.foreign_table import table_findings
from medtl.report.findings.reviewer_questions import REVIEWER_QUESTIONS
from medtl.report.findings.verdict import Verdict, VerdictBlock, headlines_of, strongest_concern
from medtl.report.html.blocks import Block, Bullets, Facts, Figure, Prose, Subheading
from medtl.report.html.numbers import count, in_words, joined, with_interval
from medtl.report.html.page import Heading, Link
from medtl.report.html.result_folder import claimed, clear, refuse_occupied
from medtl.report.html.section import Origin, Page, Section, shown
from medtl.report.html.theme import look_of
from medtl.report.manuscript.closing import References
from medtl.report.manuscript.methods_paragraph import evaluation_words
from medtl.report.manuscript.references import bibtex, works_of
from medtl.report.pages.result_lines import write_result
from medtl.report.results.judged import Judged, evaluate_run, metric_name
from medtl.report.results.table_as_run import as_run
from medtl.report.results.view import View
from medtl.report.sections.how_well import HOW_WELL
from medtl.report.sections.probabilities import PROBABILITIES
from medtl.report.sections.subgroups import FOR_WHOM
from medtl.report.sections.who import cohort_table
from medtl.report.sections.wrong import WRONG

SIGN = "evaluation.json"
"""What was judged and how; a folder with this file may be made anew."""

HALF = 0.5


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
    questions = {"settings": settings.model_dump(mode="json"), "resamples": resamples, "seed": seed}
    symbol = fingerprint([digest, list(found.table.classes), questions])
    metrics = evaluate(found.table, resamples=resamples, seed=seed, settings=settings)
    clear(folder)
    sentence = {"source": source.name, "sha256": digest, "fingerprint": symbol, "taken_for_granted": list(found.taken)}
    write_json(folder / SIGN, {**sentence, **questions, "versions": environment.versions()})
    found.table.write(folder / names.PREDICTIONS)
    write_metrics(metrics, folder)
    run = as_run(
        found.table, folder=folder, name=source.name, settings=settings, resamples=resamples, seed=seed,
        fingerprint=symbol,
    )  # fmt: skip
    judged = evaluate_run(run, metrics=metrics)
    page = _page(run, judged, taken=found.taken, digest=digest, was_declared=threshold_declared)
    return write_result(page, folder, references=bibtex(works_of(run, judged)))


def _must_have(table: PredictionTable, subgroups: tuple[str, ...]) -> None:
    unknown = [name for name in subgroups if name not in table.covariates]
    if unknown:
        raise ConfigurationError(
            f"The predictions have no covariate {joined(unknown)}; there is "
            f"{joined(table.covariates) or 'none'}. A subgroup is a column of the table.",
            unknown=tuple(unknown),
        )


@dataclass(frozen=True)
class _Judging:
    """A table of predictions as its sections look at it: what was taken for granted, and the table's SHA-256."""

    view: View
    taken: tuple[str, ...]
    digest: str


def _page(run: Run, judged: Judged, *, taken: tuple[str, ...], digest: str, was_declared: bool) -> Page:
    findings = table_findings(run, judged)
    view = View(run, judged, findings=findings, is_study=False)
    head = _heading(run)
    verdict = _verdict(run, judged, findings)
    judging = _Judging(
        view, (*taken, *_threshold_taken(run.study, run.outcome, run.predictions, was_declared=was_declared)), digest
    )
    return Page(
        head=head,
        opening=(VerdictBlock(verdict, run.outcome.primary_metric),),
        sections=shown(SECTIONS, judging),
        origin=Origin(f"Written by medtl {head.version} from a table of predictions alone; fingerprint"),
    )


def _who(judging: _Judging) -> Iterator[Block | None]:
    run = judging.view.run
    yield Prose(judging.taken) if judging.taken else None
    note = "Of test rows. Covariates count patients; a patient with cases of two classes counts in both columns."
    yield cohort_table(run.classes, run.locked_cases, run.cohort, note=note)
    yield Figure(folds_drawn(run)) if len(run.folds) > 1 else None


def _methods_section(judging: _Judging) -> Iterator[Block | None]:
    run, judged = judging.view.run, judging.view.judged
    yield Prose((_methods(run, judged),), kind="quotable")
    yield Facts("What was judged, and how", _origin(run.study, run.provenance, run.outcome, digest=judging.digest))
    yield Subheading("References")
    yield References(works_of(run, judged))


def _of_view(section: Section[View]) -> Section[_Judging]:
    return Section(section.anchor, section.title, lambda judging: section.blocks(judging.view))


def _threshold_taken(
    study: DeclaredStudy, outcome: Outcome, predictions: PredictionTable, *, was_declared: bool
) -> tuple[str, ...]:
    """What was done for want of validation rows; nothing where the threshold was declared."""
    rule = study.evaluation.threshold
    if was_declared or rule.rule != "fixed" or not outcome.has_threshold or len(predictions.of(role="validation")):
        return ()
    half = " This calls the more probable class." if rule.at == HALF else ""
    return (f"There are no validation rows to choose a threshold on: it is fixed at {rule.at:g}.{half}",)


def _heading(run: Run) -> Heading:
    links = (names.PREDICTIONS, names.METRICS, SIGN, names.REFERENCES)
    return Heading(
        title=f"Evaluation of {run.study.name} · medtl",
        kind="Evaluation of predictions",
        heading=run.study.name,
        question=_question(run.outcome),
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
        version=run.provenance.installed.get("medtl", "(version not recorded)"),
        fingerprint=run.provenance.fingerprint,
        positive=sentences(positive_class_findings(run.classes, reason="columns")),
    )


def _question(outcome: Outcome) -> str:
    return f"How well do these predictions {outcome.distinguish()}?"


def _verdict(run: Run, judged: Judged, findings: tuple[Finding, ...]) -> Verdict:
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
    return Verdict(
        headlines_of(run.chosen_model, run.models, judged, fold=None), tuple(sentences), strongest_concern(findings)
    )


def _methods(run: Run, judged: Judged) -> str:
    folds = f" in {count(len(run.planned_folds), 'fold')}" if len(run.planned_folds) > 1 else ""
    return (
        f"Predictions for {count(run.cohort.cases, 'case')} of {count(run.cohort.patients, 'patient')}{folds} were "
        f"judged from their table alone. {evaluation_words(run, judged)} Software: medtl "
        f"{run.provenance.installed.get('medtl', '')}; seed {run.provenance.seed}."
    )


def _origin(
    study: DeclaredStudy, provenance: Provenance, outcome: Outcome, *, digest: str
) -> tuple[tuple[str, str], ...]:
    settings, versions = study.evaluation, provenance.installed
    return (
        ("Predictions", study.name),
        ("SHA-256", digest),
        ("Positive class", outcome.positive_class or "each class against the rest"),
        ("Threshold", outcome.decision_rule(settings.threshold.in_words)),
        ("Bootstrap resamples", f"{study.resamples:,}"),
        ("Seed", str(provenance.seed)),
        *((name, versions[name]) for name in ("medtl", "numpy", "scipy", "scikit-learn", "pandas") if name in versions),
    )


def _limits(
    chosen_model: str, folds: tuple[FoldRecord, ...], models: tuple[str, ...], judged: Judged
) -> tuple[str, ...]:
    found = judged.of(chosen_model, fold=None)
    limits = [
        f"There are {count(found.patients, 'patient')}, {min(found.by_class)} in the smallest class. The intervals say "
        "how far other patients of the same kind could move the numbers; they do not cover other hospitals or times.",
        "The reference standard is taken as the table gives it; its errors count as the model's.",
        "Predicted probabilities reflect the share of classes that the model was made with. Where the condition is "
        "rarer, predictive values fall.",
    ]
    if len(folds) > 1:
        limits.append("Folds share training patients, so the spread over folds is no confidence interval.")
    if len(models) > 1:
        limits.append(
            f"{len(models)} models were looked at on the same patients. The page speaks of the first by a fixed "
            "order; choosing the best of them from this page would make its number too high."
        )
    return tuple(limits)


SECTIONS: tuple[Section[_Judging], ...] = (
    Section("who", "Who was judged", _who),
    *map(_of_view, (HOW_WELL, PROBABILITIES, FOR_WHOM, WRONG, REVIEWER_QUESTIONS)),
    Section("methods", "Methods and provenance", _methods_section),
    Section(
        "limits",
        "Limits",
        lambda judging: (
            Bullets(
                _limits(
                    judging.view.run.chosen_model, judging.view.run.folds, judging.view.run.models, judging.view.judged
                )
            ),
        ),
    ),
)
