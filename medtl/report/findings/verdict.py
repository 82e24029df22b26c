"""The verdict: at most three numbers and 120 words, made by rules, never triumphant.

In: a run, its numbers and its findings. Out: sentences. What may be claimed of a difference is
decided in `claim`, for every page alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from medtl.findings import Finding
from medtl.policies import POLICIES, reference_model
from medtl.record.run import Run
from medtl.report.html.numbers import count, in_words, interval, plain
from medtl.report.html.theme import look_of
from medtl.report.results.claim import sentence_of
from medtl.report.results.judged import Judged, metric_name
from medtl.report.sections.held_out_words import finding

MOST_WORDS = 120

NUMBERS_SHOWN = 3


@dataclass(frozen=True)
class Headline:
    """One of the three numbers."""

    name: str
    colour: str
    value: str
    interval: str


@dataclass(frozen=True)
class VerdictBlock:
    """The verdict as the page opens with it, its headlines named by the primary metric."""

    macro: ClassVar[str] = "verdict"
    verdict: Verdict
    metric: str


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


def verdict_of(run: Run, judged: Judged, findings: Sequence[Finding]) -> Verdict:
    """The verdict on the chosen model against the frozen probe and the network from scratch."""
    chosen = run.chosen_model
    sentences = [_found(run, judged)]
    reference = reference_model()
    trained = judged.differences_that_count
    sentence = [found for found in trained if chosen in (reference, found.model)][:1]
    sentences += [
        sentence_of(
            found, subject=_subject(found.model, run) if chosen == reference else "It", shortly=bool(run.held_out)
        )
        for found in sentence
    ]
    if not trained:
        sentences.append("No network was trained: all models stand on frozen features.")
    sentences += finding(run, judged, metric=metric_name(run.classes))
    return Verdict(
        headlines=headlines_of(run, judged, fold=None),
        sentences=tuple(sentences),
        against=findings[0].title,
    )


def headlines_of(run: Run, judged: Judged, *, fold: int | None) -> tuple[Headline, ...]:
    """The chosen model's number, then those of the baselines."""
    beside = [one.name for one in sorted(POLICIES, key=lambda policy: policy.beside)]
    order = [run.chosen_model, *(name for name in beside if name != run.chosen_model and name in run.models)]
    return tuple(headline_of(name, judged, run.models, fold=fold) for name in order[:NUMBERS_SHOWN])


def _found(run: Run, judged: Judged) -> str:
    phrase = look_of(run.chosen_model, run.models).phrase
    subject = _subject(run.chosen_model, run)
    auroc = judged.of(run.chosen_model, fold=None).auroc
    number_of_patients = judged.of(run.chosen_model, fold=None).patients
    patients = count(number_of_patients, "patient")
    if auroc.value is None:
        return f"For {phrase} the {metric_name(run.classes)} is not defined in {patients}."
    number = in_words(auroc.value, auroc.low, auroc.high, reason=auroc.reason)
    unseen = "each judged by a model that had not seen them" if number_of_patients > 1 else "unseen in training"
    outcome = run.outcome
    sentence = f"{outcome.ranked()} with {outcome.article} {outcome.primary_metric}"
    return f"{subject} {sentence} of {number} in {patients}, {unseen}."


def _subject(model: str, run: Run) -> str:
    phrase = look_of(model, run.models).phrase
    return phrase[0].upper() + phrase[1:]


def headline_of(model: str, judged: Judged, models: Sequence[str], *, fold: int | None) -> Headline:
    """A model's AUROC with its interval, as the verdict shows it."""
    auroc = judged.of(model, fold=fold).auroc
    look = look_of(model, models)
    bounds = interval(auroc.low, auroc.high)
    return Headline(
        name=look.name,
        colour=look.colour,
        value=plain(auroc.value),
        interval=f"95 % CI {bounds}"
        if bounds
        else f"no interval: {(auroc.reason or '').removeprefix('no interval: ')}",
    )
