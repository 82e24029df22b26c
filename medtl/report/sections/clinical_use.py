"""Whether the probabilities can be used, for whom, and how the models' decisions compare.

In: a run and its appraisal. Out: frozen parts of the study page, empty where the run was not appraised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medtl.evaluation import Appraisal, Estimate
from medtl.record.run import Run
from medtl.report.figures.clinical_use import BenefitLine, decision_figure
from medtl.report.figures.from_predictions import predictions_behind
from medtl.report.html.blocks import Block, Prose, SideBySide, Subheading
from medtl.report.html.numbers import count, in_table, joined, p_value, percent, plain
from medtl.report.html.page import Cell, Drawn, Row, Table, estimated, no_interval_below, text_cells
from medtl.report.html.theme import look_of
from medtl.report.results.claim import NOISY_THRESHOLDS
from medtl.report.results.judged import Judged

SHOWN_RISKS = (0.05, 0.1, 0.2, 0.3, 0.5)
"""Threshold risks told in words beside the decision curve."""


MEANS_OF_IMAGES = (
    "A patient with several images has the mean of their probabilities. Means lie nearer the middle than the patient's "
    "risk does, so that the slope of patients is above 1 even where the images are calibrated (about 1.4 with three "
    "images that are 70 % alike)."
)
"""What averaging does to calibration; the number is of a simulation with images that share 70 % of their variance."""


def use_blocks(run: Run, judged: Judged) -> Iterator[Block | None]:
    """Calibration, net benefit, operating points and prediction sets; nothing where the run was not appraised."""
    found = judged.appraisal
    if found is None:
        return
    yield _calibration(run, found)
    curve = _decision_curve(run, found)
    yield (
        SideBySide((curve,), "Net benefit", _benefits(run.chosen_model, run.models, found))
        if curve is not None
        else None
    )
    yield _points(run.models, run.chosen_model, found)
    sets = _sets(run.chosen_model, run.models, found)
    if sets:
        yield Subheading("Prediction sets")
        yield Prose(sets)


def _calibration(run: Run, found: Appraisal) -> Table:
    is_platt = found.settings.recalibration == "platt" and "platt" in run.outcome.recalibrations
    rows, method = [], "Platt scaling" if is_platt else "temperature scaling"
    missing = []
    without: dict[str, str | None] = {}
    for model in run.models:
        one, look = found.of(model), look_of(model, run.models)
        for shown, calibrations in (("", one.calibration), (f", after {method}", one.recalibrated or ())):
            for each in calibrations:
                of_class = "" if run.outcome.positive_class else f", {each.of_class}"
                smooth = each.smooth
                cells = (
                    estimated(each.line.intercept),
                    estimated(each.line.slope),
                    Cell("–" if smooth is None else plain(smooth.value)),
                    Cell("–" if smooth is None else f"{plain(smooth.null_high)}"),
                    *_brier(each.brier),
                )
                for name, one_of in (("the intercept", each.line.intercept), ("the slope", each.line.slope)):
                    if one_of.value is not None and one_of.low is None:
                        without.setdefault(name, one_of.reason)
                kind = "chosen" if model == run.chosen_model and not shown else ""
                rows.append(Row(name=f"{look.name}{of_class}{shown}", cells=cells, kind=kind, colour=look.colour))
        if one.recalibrated is None:
            missing.append(f"{look.name}: no recalibration, because {one.reasons.get('mended', 'it was not tried')}.")
    heads = (
        "Model", "Intercept", "Slope", "Smooth calibration error", "95 % of perfect models below", "Brier score",
        "Miscalibration", "Discrimination", "Uncertainty",
    )  # fmt: skip
    notes = (
        "A perfect model has intercept 0 and slope 1; a slope below 1 means probabilities that are too extreme. "
        "Compare the smooth calibration error with the value below which 95 % of perfectly calibrated models with the "
        "same probabilities and number of patients lie. Brier score = miscalibration - discrimination + "
        "uncertainty.",
        f"After {method}: fitted in each fold on its validation patients, to show what it would change; all other "
        "numbers of this page use the probabilities as they are.",
        *((MEANS_OF_IMAGES,) if run.cohort.cases > run.cohort.patients else ()),
        *missing,
        *no_interval_below(without),
    )
    title = "Calibration, out of fold" if len(run.planned_folds) > 1 else "Calibration"
    return Table(title, heads, tuple(rows), notes, kind="models", name="calibration")


def _brier(parts: Any) -> tuple[Cell, ...]:
    if parts is None:
        return (Cell("–"),) * 4
    shown = (parts.score, parts.miscalibration, parts.discrimination, parts.uncertainty)
    return text_cells([plain(value) for value in shown])


def _decision_curve(run: Run, found: Appraisal) -> Drawn | None:
    order = [run.chosen_model, *(model for model in run.models if model != run.chosen_model)]
    curves = [(model, found.of(model).decision_curve) for model in order]
    lines = [
        BenefitLine(model, curve.risks, curve.model, curve.low, curve.high)
        for model, curve in curves
        if curve is not None
    ]
    first = curves[0][1]
    if first is None:
        return None
    better = _useful_risks(first.risks, first.model, first.treat_all)
    name = look_of(run.chosen_model, run.models).name
    finding = f"{name}: more net benefit than treating all or none {better}."
    drawing = decision_figure(lines, first.treat_all, models=run.models, name="decision-curve", finding=finding)
    caption = (
        "Net benefit is the share of true positives minus the share of false positives, weighed by the odds of the "
        "threshold risk; the 95 % band combines the intervals of both shares, and is left out where fewer than 5 "
        f"patients are called positive. {finding}"
    )
    return Drawn(drawing, caption, predictions_behind(run.folds, run.folder, fold=None))


def _useful_risks(risks: tuple[float, ...], model: tuple[float, ...], everyone: tuple[float, ...]) -> str:
    useful = [risk for risk, own, all_ in zip(risks, model, everyone, strict=True) if own > max(all_, 0.0) + 1e-12]
    if not useful:
        return "at no threshold risk"
    if len(useful) == len([risk for risk in risks if useful[0] <= risk <= useful[-1]]):
        return f"for threshold risks from {percent(useful[0], 1)} to {percent(useful[-1], 1)}"
    return (
        f"at {len(useful)} of {len(risks)} threshold risks between {percent(useful[0], 1)} and {percent(useful[-1], 1)}"
    )


def _benefits(chosen_model: str, models: tuple[str, ...], found: Appraisal) -> tuple[str, ...]:
    curve = found.of(chosen_model).decision_curve
    if curve is None:
        return ()
    name = look_of(chosen_model, models).name
    shown = []
    for risk in SHOWN_RISKS:
        position = curve.risks.index(risk)
        gain = 100.0 * (curve.model[position] - max(curve.treat_all[position], 0.0))
        shown.append(f"{percent(risk, 1)}: {plain(gain, digits=1)}")
    return (
        f"{name}, net true positives per 100 patients beyond the better of treating all and none, by threshold risk: "
        f"{'; '.join(shown)}.",
        "Choose the threshold risk by how much a missed case weighs against a needless treatment, not by this curve. "
        "Where the share of the condition differs from this cohort's, the curve differs too.",
    )


def _points(models: tuple[str, ...], chosen_model: str, found: Appraisal) -> Table | None:
    shown = [found.of(model) for model in models]
    if all(one.proportions is None and not one.readings for one in shown):
        return None
    fixed, shares = found.settings.fixed, found.settings.prevalence
    heads = ["Model", "Sensitivity", "Specificity", "PPV", "NPV", "Accuracy"]
    heads += [f"{which} at {percent(share, 1)}" for share in shares for which in ("PPV", "NPV")]
    heads += [f"Sensitivity at {percent(value, 1)} specificity" for value in fixed]
    heads += [f"Specificity at {percent(value, 1)} sensitivity" for value in fixed]
    rows, without = [], dict[str, str | None]()
    for one in shown:
        estimates = _estimates(found, one.model, shares=shares, fixed=fixed)
        for head, each in zip(heads[1:], estimates, strict=True):
            if each is not None and each.value is not None and each.low is None:
                without.setdefault(head, each.reason)
        look, kind = look_of(one.model, models), "chosen" if one.model == chosen_model else ""
        cells = tuple(Cell("–") if each is None else estimated(each) for each in estimates)
        rows.append(Row(name=look.name, cells=cells, kind=kind, colour=look.colour))
    own = next((percent(one.proportions.prevalence, 1) for one in shown if one.proportions is not None), None)
    declared = found.settings.threshold
    where = "the given threshold" if declared.rule == "fixed" else "each fold's own validation threshold"
    notes = [
        f"Decisions at {where} ({declared.in_words}), with Wilson's "
        f"intervals; PPV, NPV and accuracy hold at this cohort's prevalence of {own} only."
        if own is not None
        else "No proportions: " + next(iter(one.reasons.get("proportions", "") for one in shown)) + ".",
    ]
    if shares:
        notes.append("At a stated prevalence: from sensitivity and specificity and their intervals, by Bayes’ rule.")
    if fixed:
        notes.append(
            "Sensitivity at a fixed specificity, and the reverse, are read from the pooled ROC curve: they describe "
            "the curve and are no thresholds to use."
        )
    notes += no_interval_below(without)
    return Table(
        "Decisions and what they are worth", tuple(heads), tuple(rows), tuple(notes), kind="models", name="decisions"
    )


def _estimates(
    found: Appraisal, model: str, *, shares: Sequence[float], fixed: Sequence[float]
) -> list[Estimate | None]:
    """A model's row of the table of decisions: proportions, predictive values at each share, readings."""
    one = found.of(model)
    kept, cells = one.proportions, list[Estimate | None]()
    cells += [None] * 5 if kept is None else [
        kept.sensitivity, kept.specificity, kept.positive_predictive_value, kept.negative_predictive_value,
        kept.accuracy,
    ]  # fmt: skip
    by_share = {value.prevalence: value for value in one.predictive_values}
    for share in shares:
        value = by_share.get(share)
        cells += [None, None] if value is None else [value.positive, value.negative]
    readings = {(reading.of, reading.at_least): reading.value for reading in one.readings}
    return [*cells, *(readings.get((of, value)) for of in ("sensitivity", "specificity") for value in fixed)]


def _sets(chosen_model: str, models: tuple[str, ...], found: Appraisal) -> tuple[str, ...]:
    one, name = found.of(chosen_model), look_of(chosen_model, models).name
    sets = one.conformal
    if sets is None:
        return (f"{name}: no prediction sets, because {one.reasons.get('conformal', 'they were not made')}.",)
    shown = [
        f"{each.of_class} {in_table(each.covered.value, each.covered.low, each.covered.high)}" for each in sets.classes
    ]
    sentences = [
        f"{name}: sets made to hold the true class in {percent(sets.coverage, 1)} of patients of each class held it in "
        f"{joined(shown)}. {percent(sets.single, 1)} of {count(sets.patients, 'patient')} got a single class, "
        f"{percent(sets.several, 1)} more than one, {percent(sets.empty, 1)} none."
    ]
    for each in sets.classes:
        if each.promise_low is None or each.promise_high is None:
            sentences.append(
                f"{each.of_class}: {count(each.fewest_calibration, 'calibration patient')} in a fold are too few for "
                f"{percent(sets.coverage, 1)}, so the class is put into every set there."
            )
        else:
            sentences.append(
                f"{each.of_class}: with {count(each.fewest_calibration, 'calibration patient')} in the smallest fold, "
                f"the true coverage lies between {percent(each.promise_low, 1)} and {percent(each.promise_high, 1)} in "
                "9 of 10 draws of such patients."
            )
    return tuple(sentences)


def decisions_table(models: tuple[str, ...], found: Appraisal) -> Table | None:
    """The decisions of two models on the same patients; None where there is nothing to compare."""
    if not found.decisions:
        return None
    rows, notes = [], []
    for one in found.decisions:
        look, own = look_of(one.model, models), one.decisions
        if own.reason is not None:
            notes.append(f"{look.name}: not compared, because {own.reason}.")
            continue
        false = "as often right" if own.order_false is None else plain(own.order_false)
        cells = text_cells((f"{own.patients:,}", f"{own.both:,}", f"{own.only_model:,}", f"{own.only_reference:,}",
                            "–" if own.p_value is None else p_value(own.p_value), false))  # fmt: skip
        rows.append(Row(name=look.name, cells=cells, colour=look.colour))
    heads = ("Model", "Patients", "Both right", "Only this right", "Only the probe right", "McNemar", "Ranking wrong")
    notes.append(
        "Decisions of each model and of the frozen probe on the same patients. McNemar: exact test of equal error "
        "rates. Ranking wrong: the probability that the apparent ranking by accuracy is wrong. Read them with care: "
        f"{NOISY_THRESHOLDS}."
    )
    return (
        Table("Decisions against the frozen probe", heads, tuple(rows), tuple(notes), name="paired") if rows else None
    )
