"""What was found on held-out cases: the sealed test and cohorts from elsewhere, beside what the folds had promised.

In: a run with its held-out cohorts. Out: one frozen value for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from medtl import evaluation
from medtl.evaluation.metrics import known
from medtl.held_out import uncertainty
from medtl.outcomes import Outcome
from medtl.record.run import HeldOutRun, Run
from medtl.report.figures.calibration import reliability_figure
from medtl.report.figures.discrimination import CurveSet, curve_figure
from medtl.report.html.blocks import Block, Prose, SideBySide, Subheading
from medtl.report.html.numbers import DIGITS, count, in_table, joined, percent, plain
from medtl.report.html.page import Drawn, Link, Row, Table, estimated
from medtl.report.html.section import Section
from medtl.report.html.theme import look_of, short_label
from medtl.report.results.held_out_words import (
    SHIFT,
    auroc_there,
    largest_shift,
    openings_of,
    seal_sentences,
    title_of,
    unanswered,
)
from medtl.report.results.judged import Judged, evaluate_run, metric_name
from medtl.report.results.scores import scores_of
from medtl.report.results.view import View


@dataclass(frozen=True)
class HeldOutBlocks:
    """A held-out cohort as the page shows it."""

    title: str
    sentences: tuple[str, ...]
    table: Table
    figures: tuple[Drawn, ...]


def held_out_blocks(run: Run, judged: Judged) -> tuple[HeldOutBlocks, ...]:
    """Every cohort that the finished run was tested on."""
    return tuple(_sentences(run, judged, one) for one in run.held_out)


def _sentences(run: Run, judged: Judged, one: HeldOutRun) -> HeldOutBlocks:
    there = evaluate_run(_as_run(run, one), metrics=one.metrics)
    return HeldOutBlocks(
        title=f"{title_of(one.record)}: {count(one.record.cases, 'case')} of {count(one.record.patients, 'patient')}",
        sentences=(
            *_opened(one),
            _questions(one),
            *_shares(run.classes, run.outcome, one),
            *_uncertainty(run.chosen_model, there, one),
            *there.notes,
        ),
        table=_table(run, judged, there, one),
        figures=_figures(run, there, one),
    )


def _as_run(run: Run, one: HeldOutRun) -> Run:
    return replace(run, predictions=one.predictions)


def _opened(one: HeldOutRun) -> tuple[str, ...]:
    record = one.record
    own = [opening for opening in record.openings if opening.is_answered]
    first = (own or record.openings)[0].at[:10]
    stopped = unanswered(record)
    if openings_of(record) == 1:
        return (f"Opened once, on {first}, by this run ({record.fingerprint}), after it was finished.{stopped}",)
    others = sorted({opening.run for opening in record.elsewhere})
    also = f" Other runs that opened the same images: {joined(others)}." if others else ""
    return (
        f"Opened {openings_of(record)} times: {count(len(own), 'time')} by this run (first on {first}) and "
        f"{count(openings_of(record) - len(own), 'time')} by others of this user on this machine.{also}{stopped}",
    )


def _questions(one: HeldOutRun) -> str:
    members = one.record.members
    averaged = (
        "The probabilities are those of the one fold's model"
        if members == 1
        else f"The probabilities of the {members} folds' models were averaged"
    )
    left = sum(number for _, number in one.record.left_out)
    reasons = joined([f"{number} {reason.replace('_', ' ')}" for reason, number in one.record.left_out])
    gone = f" Left out: {count(left, 'case')} ({reasons})." if left else ""
    return (
        f"From {one.record.source}. {averaged}; thresholds were chosen on the study's own out-of-fold predictions, "
        f"never here.{gone}"
    )


def _shares(classes: tuple[str, ...], outcome: Outcome, one: HeldOutRun) -> tuple[str, ...]:
    label, here, there = largest_shift(classes, outcome, one)
    if abs(here - there) <= SHIFT:
        return ()
    return (
        f"{label} is the reference standard of {percent(here, 1)} of the patients here and of {percent(there, 1)} in "
        "the study. Accuracy, predictive values and calibration move with that share; sensitivity, specificity and "
        "AUROC do not by themselves.",
    )


def _uncertainty(chosen_model: str, there: Judged, one: HeldOutRun) -> tuple[str, ...]:
    """Whether the folds' models are less sure where their mean is wrong."""
    if one.record.members < 2 or chosen_model not in one.members.models:
        return ()
    found = uncertainty.patient_uncertainty(
        one.members,
        model=chosen_model,
        threshold=there.of(chosen_model, fold=there.patients.of(role="test").folds[0]).threshold,
    )
    right = f"{count(found.right, 'patient')} it classified correctly (median entropy {_bits(found.right_bits)})"
    sentence = f"The model's uncertainty in the {right}"
    if found.wrong_bits is not None:
        more = "more" if round(found.wrong_bits, 2) > round(found.right_bits, 2) else "not more"
        wrong = f"{count(found.wrong, 'patient')} it classified wrongly (median entropy {_bits(found.wrong_bits)})"
        sentence = f"The model was {more} uncertain in the {wrong} than in the {right}"
    sentence += f"; disagreement between the folds' models accounts for {_bits(found.disagreement_bits)} (median)."
    if found.error_auroc is not None:
        sentence += f" Entropy separates wrong from correct decisions with an AUROC of {plain(found.error_auroc)}"
        sentence += (
            ": review patients in whom it is high." if found.error_auroc > 0.6 else ": it does not point to the errors."
        )
    return (sentence,)


def _bits(value: float) -> str:
    return f"{plain(value, digits=2)} bits"


def _table(run: Run, judged: Judged, there: Judged, one: HeldOutRun) -> Table:
    rows = []
    for model in there.patients.models:
        look = look_of(model, run.models)
        found, own = there.of(model, fold=None), auroc_there(one, model)
        promised = judged.of(model, fold=None).auroc
        cells = [
            estimated(own, digits=DIGITS),
            estimated(promised, digits=DIGITS),
            *(estimated(found.estimates[metric.name], digits=metric.digits) for metric in known.headlines()),
        ]
        kind = "chosen" if model == run.chosen_model else ""
        rows.append(Row(look.name, tuple(cells), kind=kind, colour=look.colour))
    note = (
        "95 % intervals by patient. The study's column is its cross-validation: single networks on out-of-fold "
        "patients."
    )
    metric = metric_name(run.classes)
    metric = metric[0].upper() + metric[1:]
    heads = ("Model", metric, f"{metric} in the study", *(metric.label for metric in known.headlines()))
    return Table("Beside what the folds promised", heads, tuple(rows), (note,), name=f"held-out-{one.record.name}")


def _figures(run: Run, there: Judged, one: HeldOutRun) -> tuple[Drawn, ...]:
    tested = there.patients.of(role="test")
    sources = (Link("predictions.csv", f"held_out/{one.record.name}/predictions.csv"),)
    look, models = look_of(run.chosen_model, run.models), tested.models
    found = {model: auroc_there(one, model) for model in models}
    own = found[run.chosen_model]
    curves = CurveSet(
        patients=tested,
        chosen=run.chosen_model,
        thin=(),
        numbers={model: in_table(auroc.value, auroc.low, auroc.high, digits=DIGITS) for model, auroc in found.items()},
        seed=run.provenance.seed,
    )
    title = title_of(one.record)
    sentence = (
        f"{title}, {look.name}: {metric_name(run.classes)} {in_table(own.value, own.low, own.high, digits=DIGITS)}."
    )
    roc = curve_figure(curves, kind="roc", name=f"roc-{one.record.name}", finding=sentence)
    figures = [Drawn(roc, f"{title}: {look.name} thick, with its pointwise 95 % band.", sources)]
    if run.outcome.positive_class is not None:
        brier, label = there.of(run.chosen_model, fold=None).estimates["brier"], run.classes[-1]
        scores = scores_of(there.patients, model=run.chosen_model)
        truth, score = scores.against_rest(1)
        figure = reliability_figure(
            evaluation.curves.reliability_curve(tested.of(model=run.chosen_model), of_class=label),
            score,
            truth,
            colour=look.colour,
            labels=(short_label(look.name), "Brier score", in_table(brier.value, brier.low, brier.high)),
            name=f"reliability-{one.record.name}",
            finding=f"{title}, {look.name}: Brier score {in_table(brier.value, brier.low, brier.high)}.",
        )
        figures.append(Drawn(figure, f"{title}: probabilities of {label} as they were predicted.", sources))
    return tuple(figures)


def _blocks(view: View) -> Iterator[Block | None]:
    seal = seal_sentences(view.run.seal, view.run.held_out)
    yield Prose(seal) if seal else None
    for one in held_out_blocks(view.run, view.judged):
        yield Subheading(one.title)
        yield Prose(one.sentences)
        yield one.table
        yield SideBySide(one.figures)


HELD_OUT = Section("apart", "On held-out cases", _blocks)
