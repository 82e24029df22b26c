"""The verdict: at most three numbers and 120 words, made by rules, never triumphant.

In: a run, its numbers and its findings. Out: sentences. What may be claimed of a difference is
decided in `claim`, for every page alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from medtl.findings import Finding
from medtl.policies import POLICIES, reference_model
from medtl.record.run import Run
from medtl.report.findings.ranking import COMPATIBLE_WITH_CHANCE
from medtl.report.findings.run_state import PHANTOMS
from medtl.report.html.numbers import count, in_words, interval, plain
from medtl.report.html.theme import look_of
from medtl.report.results.claim import claim_of, numbers_of, sentence_of
from medtl.report.results.held_out_words import finding
from medtl.report.results.judged import Judged, metric_name

MOST_WORDS = 120

NUMBERS_SHOWN = 3

MOST_WORDS_OF_EVIDENCE = 30


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
    against = strongest_concern(findings)
    sentences = [_found(run, judged)]
    sentences += [one.title for one in findings if one.kind == COMPATIBLE_WITH_CHANCE and one.title not in against]
    reference = reference_model()
    trained = judged.differences_that_count
    sentence = [found for found in trained if chosen in (reference, found.model)][:1]
    sentences += [
        sentence_of(
            found,
            subject=_subject(found.model, run.models) if chosen == reference else "It",
            shortly=bool(run.held_out),
        )
        for found in sentence
    ]
    if not trained:
        sentences.append("No network was trained: all models stand on frozen features.")
    sentences += finding(run, judged, metric=metric_name(run.classes))
    verdict = Verdict(
        headlines=headlines_of(run.chosen_model, run.models, judged, fold=None),
        sentences=tuple(sentences),
        against=against,
    )
    longer = replace(verdict, sentences=(*sentences, *_without_pretraining(run, judged)))
    return longer if longer.words <= MOST_WORDS else verdict


def _without_pretraining(run: Run, judged: Judged) -> list[str]:
    """Whether the pretrained weights helped, where the study trained the same network without them."""
    untrained = [one.name for one in POLICIES if one.start == "random" and one.name != run.chosen_model]
    found = [one for one in judged.differences if one.model in untrained and one.difference.value is not None]
    if not found or run.held_out or run.chosen_model in untrained:
        return []
    claim = claim_of(found[0])
    helped = " Pretraining helped." if claim.side == "worse" else ""
    conclusion = claim.conclusion.partition(": the frozen probe")[0]
    return [
        f"The same network trained from scratch differed from the probe by {numbers_of(found[0])}, which "
        f"{conclusion}.{helped}"
    ]


def strongest_concern(findings: Sequence[Finding]) -> str:
    """What weighs most, with its number; a badge on the page names phantoms already."""
    counted = [one for one in findings if one.kind != PHANTOMS and one.question] or list(findings)
    one = counted[0]
    has_number = any(sign.isdigit() for sign in one.title)
    numbers = one.evidence.partition(". ")[0].rstrip(".")
    is_short = 0 < len(numbers.split()) <= MOST_WORDS_OF_EVIDENCE
    return one.title if has_number or not is_short else f"{one.title} {numbers[0].upper()}{numbers[1:]}."


def headlines_of(
    chosen_model: str, models: tuple[str, ...], judged: Judged, *, fold: int | None
) -> tuple[Headline, ...]:
    """The chosen model's number, then those of the baselines."""
    beside = [one.name for one in sorted(POLICIES, key=lambda policy: policy.beside)]
    order = [chosen_model, *(name for name in beside if name != chosen_model and name in models)]
    return tuple(headline_of(name, judged, models, fold=fold) for name in order[:NUMBERS_SHOWN])


def _found(run: Run, judged: Judged) -> str:
    phrase = look_of(run.chosen_model, run.models).phrase
    subject = _subject(run.chosen_model, run.models)
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


def _subject(model: str, models: tuple[str, ...]) -> str:
    phrase = look_of(model, models).phrase
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
