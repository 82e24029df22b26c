"""The verdict: at most three numbers and 120 words, made by rules, never triumphant.

In: a run, its numbers and its concerns. Out: sentences. A difference whose interval includes zero is called
compatible with none, whatever its sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medtl.report.concerns import Concern
from medtl.report.judged import Difference, Estimate, Judged
from medtl.report.numbers import count, interval, plain, with_interval
from medtl.report.run_folder import RunFolder
from medtl.report.theme import look_of

MOST_WORDS = 120
BASELINES = ("probe", "scratch", "centroid", "full", "lp_ft")
"""Which models stand beside the chosen one among the three numbers, in this order."""

NUMBERS_SHOWN = 3


@dataclass(frozen=True)
class Headline:
    """One of the three numbers."""

    model: str
    name: str
    colour: str
    value: str
    interval: str
    reason: str | None


@dataclass(frozen=True)
class Verdict:
    """`sentences` say what was found, `against` what speaks against it."""

    headlines: tuple[Headline, ...]
    sentences: tuple[str, ...]
    against: str

    @property
    def words(self) -> int:
        """The number of words in the box, headlines not counted."""
        return len(" ".join((*self.sentences, self.against)).split())


def metric_name(classes: Sequence[str]) -> str:
    """The primary metric in words."""
    return "AUROC" if len(classes) == 2 else "macro AUROC"


def verdict_of(run: RunFolder, judged: Judged, concerns: Sequence[Concern]) -> Verdict:
    """The verdict on the chosen model against the frozen probe and the network from scratch."""
    chosen = run.chosen_model
    order = [chosen, *(name for name in BASELINES if name != chosen and name in judged.models)]
    sentences = [_found(run, judged)]
    if chosen == "probe":
        sentences.append("The probe's features were frozen; no network was trained on these patients.")
    elif chosen in judged.differences:
        sentences.append(compared(judged.differences[chosen], baseline="the frozen probe"))
    return Verdict(
        headlines=tuple(_headline(name, judged, run.models) for name in order[:NUMBERS_SHOWN]),
        sentences=tuple(sentences),
        against=concerns[0].title,
    )


def compared(difference: Difference, *, baseline: str) -> str:
    """A sentence on a difference: wins over folds, the difference with its interval, and what it is compatible with."""
    wins = f"It ranked cases better than {baseline} in {difference.wins} of {count(difference.folds, 'fold')}"
    if not difference.folds:
        wins = f"No fold allows a comparison with {baseline}"
    if difference.value is None:
        return f"{wins}; the difference is not defined."
    if difference.low is None or difference.high is None:
        return f"{wins}; the difference, {plain(difference.value)}, has no interval."
    bounds = f"{plain(difference.value)} (95 % CI {interval(difference.low, difference.high)})"
    if difference.low > 0:
        return f"{wins}; the difference, {bounds}, lies above zero."
    if difference.high < 0:
        return f"{wins}; the difference, {bounds}, lies below zero: {baseline} ranked them better."
    return f"{wins}; the difference, {bounds}, is compatible with none."


def _found(run: RunFolder, judged: Judged) -> str:
    phrase = look_of(run.chosen_model, run.models).phrase
    subject = phrase[0].upper() + phrase[1:]
    auroc = judged.models[run.chosen_model].pooled["auroc"]
    patients = count(judged.patients, "patient")
    if auroc.value is None:
        return f"For {phrase} the {metric_name(run.classes)} is not defined in {patients}."
    number = with_interval(auroc.value, auroc.low, auroc.high)
    unseen = "each judged by a model that had not seen them" if judged.patients > 1 else "unseen in training"
    if len(run.classes) == 2:
        told = f"ranked {run.classes[1]} above {run.classes[0]}"
    else:
        told = f"told {len(run.classes)} classes apart"
    return f"{subject} {told} with {_article(run)} {metric_name(run.classes)} of {number} in {patients}, {unseen}."


def _article(run: RunFolder) -> str:
    return "an" if len(run.classes) == 2 else "a"


def _headline(model: str, judged: Judged, models: Sequence[str]) -> Headline:
    auroc: Estimate = judged.models[model].pooled["auroc"]
    look = look_of(model, models)
    bounds = interval(auroc.low, auroc.high)
    return Headline(
        model=model,
        name=look.name,
        colour=look.colour,
        value=plain(auroc.value),
        interval=f"95 % CI {bounds}" if bounds else "no interval",
        reason=auroc.reason,
    )
