"""The controls as a table: what each may not be able to do, what it did, and what that means.

In: a run and its numbers. Out: a table, and the findings on controls that did not fail.
"""

from __future__ import annotations

from dataclasses import dataclass

from medtl.evaluation import Estimate
from medtl.findings import Finding, Severity
from medtl.policies import POLICIES, reference_model
from medtl.record.controls import Controls
from medtl.record.run import Run
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.html.numbers import DIGITS, count, in_table, interval, joined, p_value, plain
from medtl.report.html.page import Bounds, Cell, Row, Table
from medtl.report.html.theme import look_of
from medtl.report.results.claim import claim_of, numbers_of
from medtl.report.results.control_words import CONTROLS, control_sentence, relation
from medtl.report.results.judged import Judged

SUSPICIOUS = 0.6
"""AUROC from which a lower bound above 0.5 changes a conclusion; the same for every control."""

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class _Found:
    """A control with what it must not reach."""

    name: str
    auroc: Estimate
    p_value: float | None = None
    is_suspicious: bool = False

    @property
    def fails(self) -> bool:
        """Whether it fails, as it must; also where it could not be judged."""
        value, low = self.auroc.value, self.auroc.low
        if low is None and self.p_value is not None:
            return not self.is_suspicious
        return value is None or low is None or low <= 0.5 or value < SUSPICIOUS


def controls_table(run: Run, judged: Judged) -> Table | None:
    """A row per control with its verdict; None when the run has none."""
    rows = [*_permuted_row(run.controls), *(_row(found, run, judged) for found in _found(run.cohort, run.controls))]
    if not rows:
        return None
    rows += [
        *_untrained_rows(run.models, run.chosen_model, judged),
        *_image_level_row(run.controls, run.models, judged),
    ]
    notes = (
        "Each control is judged by patient on the study’s own folds, as the models are, unless its row says otherwise. "
        "An AUROC of 0.5 means that the control cannot tell the classes apart. Permuted labels are judged by pairs of "
        "patients of the same fold; a mean below 0.5 is no leak, since cross-validation itself pulls it down.",
    )
    return Table(
        "Controls that must fail", ("Control", "AUROC", "Verdict"), tuple(rows), notes, kind="verdicts", name="controls"
    )


def control_findings(run: Run, judged: Judged) -> tuple[Finding, ...]:
    """A finding for a null that is not at 0.5, for a probe within its null, and for each control that did not fail."""
    found = [_null_finding(run.controls), _not_failing(run.chosen_model, run.cohort, run.controls, judged)]
    return tuple(finding for finding in found if finding is not None)


def _found(cohort: StudiedCohort, controls: Controls | None) -> list[_Found]:
    blind = cohort.without_scans
    found = []
    if blind is not None:
        found = [_Found("metadata_only", blind.auroc, p_value=blind.p_value, is_suspicious=blind.is_suspicious)]
    sentences = controls.controls if controls is not None else ()
    return [*found, *(_Found(one.name, one.auroc) for one in sentences if one.name in CONTROLS)]


def _row(found: _Found, run: Run, judged: Judged) -> Row:
    words = CONTROLS[found.name]
    return _cells(f"{words.name}: {words.what}", found.auroc, _verdict(found, run.chosen_model, run.models, judged))


def _verdict(found: _Found, chosen_model: str, models: tuple[str, ...], judged: Judged) -> str:
    value = found.auroc.value
    if value is None:
        return f"Not known: {found.auroc.reason}."
    if found.auroc.low is None and found.p_value is not None:
        tested = f"{p_value(found.p_value)} by permuted labels"
        if not found.is_suspicious:
            return f"Too few patients to say ({tested}; {found.auroc.reason})."
        return f"Does not fail ({tested}; {found.auroc.reason}). {_reach(found, chosen_model, models, judged)}"
    if found.auroc.low is None:
        return f"Its interval is not known: {found.auroc.reason}."
    if found.auroc.low <= 0.5:
        return "Fails, as it must."
    if value < SUSPICIOUS:
        return "Tells the classes apart a little; too little to change a conclusion."
    return f"Does not fail. {_reach(found, chosen_model, models, judged)}"


def _reach(found: _Found, chosen_model: str, models: tuple[str, ...], judged: Judged) -> str:
    auroc = judged.of(chosen_model, fold=None).auroc
    phrase = look_of(chosen_model, models).phrase
    model = phrase[0].upper() + phrase[1:]
    held = relation(found.auroc.value or 0.0, auroc)
    if held != "less":
        exceeds = "does not exceed it" if held == "as well" else "is not shown to exceed it"
        return f"{model} ({plain(auroc.value)}) {exceeds if held != 'nearly as well' else 'exceeds it by little'}."
    return f"{model} ({plain(auroc.value)}) exceeds it; only what lies beyond can come from the condition."


def _permuted_row(controls: Controls | None) -> tuple[Row, ...]:
    if controls is None or (controls.permuted_labels is None and not controls.why):
        return ()
    name = "Permuted labels: the frozen features with labels exchanged between patients"
    null = controls.permuted_labels
    if null is None:
        return (Row(name, (Cell("–"), Cell(f"Not known: {controls.why}.", is_text=True))),)
    reached = round(null.p_value * (1 + null.draws)) - 1
    if null.is_lifted:
        verdict = "Does not fail: with nothing to learn, the test patients are still distinguished."
    elif null.p_value > SIGNIFICANT:
        verdict = (
            f"Fails, as it must; but {reached} of {count(null.draws, 'draw')} reach what the true labels give "
            f"({plain(null.observed)}, {p_value(null.p_value)}): compatible with chance."
        )
    else:
        verdict = (
            f"Fails, as it must. With the true labels the same probe gives {plain(null.observed)}; {reached or 'none'} "
            f"of {count(null.draws, 'draw')} reach that, {p_value(null.p_value)}."
        )
    beside = f"mean of {null.draws}, SD {plain(null.sd)}"
    return (Row(name, (Cell(plain(null.mean), beside=beside), Cell(verdict, is_text=True))),)


def _untrained_rows(models: tuple[str, ...], chosen_model: str, judged: Judged) -> tuple[Row, ...]:
    """Networks without pretrained weights, beside the controls that must fail."""
    rows = []
    for policy in POLICIES:
        if policy.start != "random" or policy.name not in models or chosen_model == policy.name:
            continue
        others = [one for one in judged.differences if one.model == policy.name]
        verdict = "The same network without pretrained weights; it need not fail."
        if others and others[0].difference.value is not None:
            conclusion = claim_of(others[0]).conclusion
            verdict += f" The difference from the frozen probe, {numbers_of(others[0])}, {conclusion}."
        auroc = judged.of(policy.name, fold=None).auroc
        rows.append(_cells(f"{policy.label}: no pretrained weights", auroc, verdict))
    return tuple(rows)


def _image_level_row(controls: Controls | None, models: tuple[str, ...], judged: Judged) -> tuple[Row, ...]:
    sentences = controls.controls if controls is not None else ()
    rows = []
    for one in sentences:
        if one.name == "image_level_split":
            honest = f" Kept apart by patient it is {plain(judged.of(reference_model(), fold=None).auroc.value)}."
            verdict = "What the frozen probe would have claimed, had images been split instead of patients."
            rows.append(
                _cells("Image-level split: a demonstration, never a result", one.auroc,
                       verdict + (honest if reference_model() in models else ""))
            )  # fmt: skip
    return tuple(rows)


def _cells(name: str, auroc: Estimate, verdict: str) -> Row:
    beside = interval(auroc.low, auroc.high) if auroc.low is not None else ""
    return Row(
        name,
        (
            Cell(plain(auroc.value), beside=beside, bounds=Bounds(auroc.value, auroc.low, auroc.high)),
            Cell(verdict, is_text=True),
        ),
    )


def _null_finding(controls: Controls | None) -> Finding | None:
    null = controls.permuted_labels if controls is not None else None
    if null is None:
        return None
    drawn = f"over {count(null.draws, 'draw')} of labels permuted by patient"
    numbers = f"Mean AUROC {plain(null.mean)}, SD {plain(null.sd)}, {drawn}"
    if null.is_lifted:
        return Finding(
            "lifted null",
            "With permuted labels the test patients are still distinguished: something leaks between the folds.",
            f"{numbers}; it should be 0.500, and no more.",
            advice="Do not report any number of this run. Look for patients under several numbers, and for shared "
            "images.",
            question="Does anything leak from training to test?",
            severity=Severity.VALIDITY,
        )
    if null.p_value > SIGNIFICANT:
        return Finding(
            "no signal",
            "Frozen features rank the patients no better than they rank permuted labels.",
            f"{numbers}; with the true labels {plain(null.observed)}, {p_value(null.p_value)}.",
            advice="Do not claim that the condition can be recognised from these features; collect more patients.",
            question="Is there any signal in these scans?",
            severity=Severity.VALIDITY,
        )
    return None


def _not_failing(chosen_model: str, cohort: StudiedCohort, controls: Controls | None, judged: Judged) -> Finding | None:
    """One finding for all of them; metadata only has a rule of its own."""
    those = [found for found in _found(cohort, controls) if not found.fails and found.name != "metadata_only"]
    if not those:
        return None
    auroc = judged.of(chosen_model, fold=None).auroc
    strongest = max(those, key=lambda found: found.auroc.value or 0.0)
    sentences = [
        f"{CONTROLS[found.name].name.lower()} ({CONTROLS[found.name].what}) {_number(found.auroc)}" for found in those
    ]
    return Finding(
        "control does not fail",
        control_sentence(strongest.name, strongest.auroc.value or 0.0, auroc),
        f"AUROC of {joined(sentences)}; of the model {_number(auroc)}.",
        advice="Look at what the classes’ scans have in common besides the condition: window, collimation, markers, "
        "position.",
        question="Could the model use something other than the condition?",
        severity=Severity.VALIDITY,
    )


def _number(auroc: Estimate) -> str:
    return in_table(auroc.value, auroc.low, auroc.high, digits=DIGITS)
