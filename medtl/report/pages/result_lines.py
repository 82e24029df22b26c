"""What the console says when a page is written: the numbers, what speaks against them most, and what to do next.

In: a finished run, or another page. Out: a few lines of plain text.
"""

from __future__ import annotations

from pathlib import Path

from medtl.evaluation import StudyMetrics
from medtl.files import write_atomically
from medtl.progress import say
from medtl.record import run_folder as names
from medtl.record.run import Run, read_run
from medtl.report.findings.rules import findings_of
from medtl.report.findings.verdict import VerdictBlock, strongest_concern
from medtl.report.html.numbers import count, in_words
from medtl.report.html.section import Page
from medtl.report.html.theme import look_of
from medtl.report.pages.figure_files import write_page_files
from medtl.report.results.held_out_words import finding
from medtl.report.results.judged import Judged, evaluate_run, metric_name

AGAINST = "What speaks against it: "


def result_lines(folder: Path, *, metrics: StudyMetrics | None = None) -> tuple[str, ...]:
    """Each model's primary metric with its interval, also on opened cases, the strongest concern, and the next command.

    `metrics` spares the counting when it was just done on the same predictions.
    """
    run = read_run(folder)
    judged = evaluate_run(run, metrics=metrics)
    findings = findings_of(run, judged)
    concerns = sum(bool(one.question) for one in findings)
    return (
        *_numbers(run, judged),
        *finding(run, judged, metric=metric_name(run.classes)),
        f"{AGAINST}{strongest_concern(findings)}",
        f"The report is {folder / names.REPORT}, with {count(concerns, 'question')} that a reviewer will ask.",
        *_next(run, folder),
    )


def write_result(page: Page, folder: Path, *, references: str) -> Path:
    """Write a page of predictions with its figures, tables and references, and say its verdict."""
    write_page_files(page, folder)
    write_atomically(folder / names.REFERENCES, references)
    write_atomically(folder / names.REPORT, page.as_html())
    for line in verdict_lines(page):
        say(line)
    return folder / names.REPORT


def verdict_lines(page: Page) -> tuple[str, ...]:
    """The verdict with which a page opens."""
    found = [block.verdict for block in page.opening if isinstance(block, VerdictBlock)]
    return tuple(line for one in found for line in (*one.sentences, f"{AGAINST}{one.against}"))


def _numbers(run: Run, judged: Judged) -> tuple[str, ...]:
    order = [run.chosen_model, *(model for model in run.models if model != run.chosen_model)]
    looks = {model: look_of(model, run.models).name for model in order}
    width, patients = max(map(len, looks.values())), judged.of(run.chosen_model, fold=None).patients
    where = "out of fold" if len(run.planned_folds) > 1 else "on the test patients"
    metric = metric_name(run.classes)
    lines = [f"{metric[0].upper()}{metric[1:]} {where}, {count(patients, 'patient')}:"]
    for model in order:
        found = judged.of(model, fold=None).auroc
        number = (
            f"not defined: {found.reason}"
            if found.value is None
            else in_words(found.value, found.low, found.high, reason=found.reason)
        )
        lines.append(f"  {looks[model]:<{width}}  {number}")
    return tuple(lines)


def _next(run: Run, folder: Path) -> tuple[str, ...]:
    lines = [f"Next: fill in {folder / names.STATEMENTS} and run medtl report {folder}."]
    if run.seal is not None and not run.held_out:
        lines.append(f"When the study changes no more, judge it on its sealed cases: medtl unseal {folder}.")
    return tuple(lines)
