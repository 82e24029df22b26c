"""The Results paragraph in publication English, written from the numbers of the run and nothing else.

In: a run and its numbers. Out: sentences to paste into a manuscript; what is not defined is said with its reason.
"""

from __future__ import annotations

from medtl.record.run import Run
from medtl.report.html.numbers import count, in_words, interval, joined, percent, plain
from medtl.report.html.theme import look_of
from medtl.report.manuscript.references import cite
from medtl.report.results.claim import Difference, claim_of, numbers_of
from medtl.report.results.cohort_words import left_out_sentence
from medtl.report.results.judged import Judged, Judgement, metric_name
from medtl.report.sections.cohort import flow_of


def results_paragraph(run: Run, judged: Judged) -> str:
    """One paragraph: who was tested, how well each model did, by how much they differ, and what was decided."""
    sentences = [_patients(run), _chosen(run, judged), _folds(run.chosen_model, judged), _decisions(run, judged)]
    return " ".join(
        one
        for one in (
            *sentences,
            *_others(run.models, run.chosen_model, run.classes, judged),
            *_differences(run.models, judged),
        )
        if one
    )


def _patients(run: Run) -> str:
    flow = flow_of(run)
    left = left_out_sentence(
        files=flow.files,
        cases=flow.cases,
        excluded=flow.excluded,
        sealed=0 if run.seal is None else run.seal.cases,
        limited=run.cohort.limited,
    )
    classes = [f"{patients:,} {label}" for label, patients, _ in flow.by_class]
    return f"{left}; {count(flow.cases, 'case')} of {count(flow.patients, 'patient')} were studied ({joined(classes)})."


def _chosen(run: Run, judged: Judged) -> str:
    phrase, found = look_of(run.chosen_model, run.models).phrase, judged.of(run.chosen_model, fold=None)
    metric = metric_name(run.classes)
    if found.auroc.value is None:
        return f"For {phrase} the {metric} was not defined ({found.auroc.reason})."
    precision, brier = (_number(found, key) for key in ("average_precision", "brier"))
    tested = count(found.patients, "patient")
    where = f"out-of-fold testing of {tested}" if len(run.planned_folds) > 1 else f"{tested} kept for testing"
    done = "" if run.is_finished else f" ({len(run.folds)} of {count(len(run.planned_folds), 'fold')} finished)"
    return (
        f"In {where}{done}, {phrase} reached {'an' if metric[0] == 'A' else 'a'} {metric} of "
        f"{_number(found, 'auroc')}, an average precision of {precision} "
        f"and a Brier score{cite('brier1950')} of {brier}."
    )


def _others(models: tuple[str, ...], chosen_model: str, classes: tuple[str, ...], judged: Judged) -> tuple[str, ...]:
    others = [model for model in models if model != chosen_model]
    numbers = [f"{_number(judged.of(one, fold=None), 'auroc')} for {look_of(one, models).phrase}" for one in others]
    return (f"The {metric_name(classes)} was {joined(numbers)}.",) if numbers else ()


def _differences(models: tuple[str, ...], judged: Judged) -> tuple[str, ...]:
    found = judged.differences_that_count
    tested = [one for one in found if one.p_value is not None][:1]
    return tuple(_difference(models, one, cited=cite("nadeau2003") if one in tested else "") for one in found)


def _difference(models: tuple[str, ...], found: Difference, *, cited: str) -> str:
    phrase, claim = look_of(found.model, models).phrase, claim_of(found)
    if found.difference.value is None:
        return f"The difference between {phrase} and the frozen probe was not defined ({found.difference.reason})."
    conclusion = f"the difference {claim.conclusion}{cited if found.p_value is not None else ''}"
    numbers = f"Against the frozen probe, {phrase} as fitted differed by {numbers_of(found)} in AUROC"
    higher = f" and was higher in {found.wins} of {count(found.folds, 'fold')}" if found.folds else ""
    return " ".join((f"{numbers}{higher}; {conclusion}.", *claim.remarks))


def _folds(chosen_model: str, judged: Judged) -> str:
    values = [one.auroc.value for one in judged.by_fold[chosen_model].values()]
    defined = [value for value in values if value is not None]
    if len(defined) < 2:
        return ""
    if plain(min(defined)) == plain(max(defined)):
        return f"Its AUROC was {plain(defined[0])} in each of {count(len(defined), 'fold')}."
    return f"Its AUROC ranged from {plain(min(defined))} to {plain(max(defined))} over {count(len(defined), 'fold')}."


def _decisions(run: Run, judged: Judged) -> str:
    found = judged.of(run.chosen_model, fold=None)
    if found.confusion is None or not run.outcome.has_threshold:
        return ""
    (right_negative, false_positive), (false_negative, right_positive) = found.confusion.tolist()
    have, have_not = false_negative + right_positive, right_negative + false_positive
    rule = run.study.evaluation.threshold
    chosen = f"chosen on validation patients{cite('youden1950') if rule.rule == 'youden' else ''}"
    where = f"given threshold of {rule.at:g}" if rule.at is not None else f"thresholds {chosen}"
    return (
        f"At the {where}, sensitivity was "
        f"{_share(right_positive, have, found, 'sensitivity')} and specificity "
        f"{_share(right_negative, have_not, found, 'specificity')}, at a share of {run.classes[1]} of "
        f"{percent(have, have + have_not)}."
    )


def _share(part: int, whole: int, found: Judgement, key: str) -> str:
    one, counts = found.estimates[key], f"{part:,} of {count(whole, found.counted)}"
    bounds = interval(one.low, one.high)
    return f"{plain(one.value)} ({f'95 % CI {bounds}; ' if bounds else ''}{counts})"


def _number(found: Judgement, key: str) -> str:
    one = found.estimates[key]
    if one.value is None:
        return f"not defined ({one.reason})"
    return in_words(one.value, one.low, one.high, reason=one.reason)
