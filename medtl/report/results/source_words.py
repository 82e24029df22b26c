"""Which source to take, in words: by fixed rules from the numbers, never a winner within the uncertainty.

In: a comparison as the record keeps it. Out: who cannot be told apart, which one to take, and sentences. One source is
called better than another only where DeLong's paired interval of the difference, widened for the training patients that
folds share, leaves out zero after Holm's correction for all pairs. The t test over folds, which other pages ask for
beside it, guards against the chance of training; a probe that is solved to convergence has none.
"""

from __future__ import annotations

from dataclasses import dataclass

from medtl.record.sources import SourceCandidate, SourceComparison, SourceDisagreement, SourcePair
from medtl.report.html.numbers import count, in_words, interval, joined, p_value, percent, plain

SIGNIFICANT = 0.05
MILLION = 1_000_000
ENOUGH_FOR_AN_ORDER = 8
"""Sources from which on a rank correlation is more than chance; of five, two random orders often agree by 0.5."""


def is_distinguishable(pair: SourcePair) -> bool:
    """Whether the first of a pair may be called better than the second."""
    return pair.adjusted is not None and pair.adjusted < SIGNIFICANT


@dataclass(frozen=True)
class Standing:
    """`best` has the highest AUROC; `tied` cannot be told apart from it, itself among them, the smallest first.

    `advised` is the smallest of those that did better than random weights, or the smallest where none did.
    `against_random` is its pair with them.
    """

    best: SourceCandidate
    tied: tuple[SourceCandidate, ...]
    advised: SourceCandidate
    random: SourceCandidate
    against_random: SourcePair


def sources_of(found: SourceComparison) -> tuple[SourceCandidate, ...]:
    """The pretrained candidates."""
    return tuple(one for one in found.candidates if not one.is_random)


def pair_of(found: SourceComparison, one: str, other: str) -> SourcePair:
    """The pair of two candidates, the better one first."""
    return next(pair for pair in found.pairs if {pair.model, pair.reference} == {one, other})


def standing_of(found: SourceComparison) -> Standing:
    """Who leads, who cannot be told apart, and which one to take."""
    sources = sources_of(found)
    best = max(sources, key=lambda one: -1.0 if one.auroc.value is None else one.auroc.value)
    tied = [one for one in sources if one is best or not is_distinguishable(pair_of(found, best.name, one.name))]
    tied.sort(key=lambda one: one.parameters)
    random = next(one for one in found.candidates if one.is_random)
    helpful = [one for one in tied if _beats(found, one, random)]
    advised = (helpful or tied)[0]
    return Standing(best, tuple(tied), advised, random, pair_of(found, advised.name, random.name))


def _beats(found: SourceComparison, one: SourceCandidate, other: SourceCandidate) -> bool:
    pair = pair_of(found, one.name, other.name)
    return is_distinguishable(pair) and pair.model == one.name


def ranking_sentence(found: SourceComparison) -> str:
    """Which sources cannot be told apart and which one to take, or which one ranked better than every other."""
    standing, patients = standing_of(found), count(found.cohort.patients, "patient")
    best, tied = standing.best, standing.tied
    if len(sources_of(found)) == 1:
        return f"{best.name} is the only source that was compared: AUROC {_number(best)} in {patients}."
    if len(tied) == 1:
        nearest = min(
            (pair_of(found, best.name, one.name) for one in sources_of(found) if one is not best),
            key=lambda pair: pair.value or 0.0,
        )
        return (
            f"{best.name} ranked these {patients} better than every other source: AUROC {_number(best)}. Next to it is "
            f"{nearest.reference}, {difference_words(nearest)} below."
        )
    values = sorted(one.auroc.value for one in tied if one.auroc.value is not None)
    between = f"AUROC {plain(values[0])} to {plain(values[-1])}" if values else "AUROC not defined"
    return (
        f"These {len(tied)} encoders cannot be told apart on these {patients}: {joined([one.name for one in tied])} "
        f"({between}{_still_possible(found, standing)}). Take {_the_smallest(standing)}, {standing.advised.name} "
        f"({millions(standing.advised)})."
    )


def _the_smallest(standing: Standing) -> str:
    return (
        "the smallest" if standing.advised is standing.tied[0] else "the smallest that did better than random weights"
    )


def _still_possible(found: SourceComparison, standing: Standing) -> str:
    highs = [
        pair.high
        for one in standing.tied
        if one is not standing.best
        for pair in [pair_of(found, standing.best.name, one.name)]
        if pair.high is not None
    ]
    return f"; a difference of up to {plain(max(highs), digits=2)} remains possible" if highs else ""


def helps_sentence(found: SourceComparison) -> str:
    """Whether the advised source did better than random weights."""
    standing = standing_of(found)
    pair, one = standing.against_random, standing.advised
    chance = f"random weights ({standing.random.architecture})"
    if pair.value is None:
        return f"{one.name} and {chance} cannot be compared: {pair.reason}."
    if not is_distinguishable(pair):
        side = "above" if pair.model == one.name else "below"
        return (
            f"It is not shown that {one.name} does better than {chance}: it lies {difference_words(pair)} {side} them."
        )
    if pair.model != one.name:
        return (
            f"{chance[0].upper()}{chance[1:]} did better than {one.name}, by {difference_words(pair)}: its pretraining "
            "does not help."
        )
    return f"Its pretraining helps: {one.name} lies {difference_words(pair)} above {chance}."


def harm_sentences(found: SourceComparison) -> tuple[str, ...]:
    """The sources beside the advised one that random weights did better than."""
    standing = standing_of(found)
    chance = f"Random weights ({standing.random.architecture})"
    return tuple(
        f"{chance} did better than {one.name}, by {difference_words(pair_of(found, one.name, standing.random.name))}."
        for one in sources_of(found)
        if one is not standing.advised and _beats(found, standing.random, one)
    )


def choice_sentence(found: SourceComparison) -> str:
    """What choosing in the inner folds alone would have given."""
    own = found.choice.auroc
    number = "not defined" if own.value is None else in_words(own.value, own.low, own.high, reason=own.reason)
    counted = {name: found.choice.chosen.count(name) for name in dict.fromkeys(found.choice.chosen)}
    chosen = joined([f"{name} in {count(times, 'fold')}" for name, times in counted.items()])
    return f"Chosen in the inner folds of each training part ({chosen}), the AUROC is {number}."


def radimagenet_sentences(found: SourceComparison) -> tuple[str, ...]:
    """What to mind with frozen RadImageNet weights; empty without them."""
    own = [one for one in found.candidates if one.is_radimagenet]
    if not own:
        return ()
    sentences = [
        f"{joined([one.name for one in own])}: with the encoder frozen first, weights of RadImageNet did poorly where "
        "this was published (AUROC 0.72 on breast ultrasound and 0.64 on knee MR), while trained as a whole they were "
        "level with ImageNet (arXiv 2302.08272). A low rank here does not speak against fine-tuning them."
    ]
    for one in own:
        if one.is_otherwise_normalised:
            pair = pair_of(found, one.encoder, one.name)
            sentences.append(
                f"The publishers of {one.encoder} disagree on its normalisation, so it was fed in both ways: "
                f"{pair.model} lies {difference_words(pair)} above the other."
            )
    return tuple(sentences)


def disagreement_sentences(found: SourceDisagreement) -> tuple[str, ...]:
    """How often two sources call patients differently, and what that may mean."""
    share = percent(found.different, found.patients)
    which = (
        "were trained on other data"
        if found.is_unlike
        else "were trained on the same data and differ as networks, so that a shortcut of the one is likely the other's"
    )
    of_pairs = f" Of {found.compared} such pairs it is the one that differs most." if found.compared > 1 else ""
    return (
        f"{found.first} and {found.second} cannot be told apart by AUROC and {which}. They call {share} of "
        f"{count(found.patients, 'patient')} differently; of two that err independently given the reference standard "
        f"it would be {percent(found.independent, found.patients)}.{of_pairs}",
        "Two sources with the same AUROC that err on different patients may each rest on something else than the "
        "disease: look whether the cases that only one of them gets right share a mark, a frame, a device or a view.",
    )


def agreement_sentence(found: SourceComparison) -> str:
    """How far the transferability scores agree with the probe, and what they are worth."""
    known = [score for score in found.scores if score.tau is not None]
    worth = (
        "On medical tasks none of them was found to be reliable (Chaves et al., arXiv 2308.07444): choose by the probe."
    )
    if not known:
        return f"Agreement with the probe needs at least three sources. {worth}"
    best = max(known, key=lambda score: score.tau or 0.0)
    least = min(known, key=lambda score: score.tau or 0.0)
    sources = len(sources_of(found))
    chance = "" if sources >= ENOUGH_FOR_AN_ORDER else ", and of so few chance alone gives any of these"
    return (
        f"Over {sources} sources the scores agree with the probe by a weighted tau from {plain(least.tau, digits=2)} "
        f"({least.label}) to {plain(best.tau, digits=2)} ({best.label}){chance}. {worth}"
    )


def too_high(found: SourceComparison) -> str:
    """Why the best one's AUROC is no result to report."""
    sources = len(sources_of(found))
    if sources == 1:
        return "The probe says how good the features are as they came, and not how good they become by fine-tuning"
    return (
        f"Which of {sources} sources leads was found on the patients that they were tested on, so the AUROC of the "
        "leader is too high to be reported as a result"
    )


def difference_words(pair: SourcePair) -> str:
    """`0.021 (95 % CI -0.010 to 0.052, p = 0.31 corrected)`, or with the reason for there being no interval."""
    if pair.low is None or pair.adjusted is None:
        reason = (pair.reason or "").removeprefix("no interval: ")
        return f"{plain(pair.value)} (no interval: {reason})"
    return f"{plain(pair.value)} (95 % CI {interval(pair.low, pair.high)}; {p_value(pair.adjusted)} corrected)"


def millions(one: SourceCandidate) -> str:
    """`11.2 million parameters`."""
    return f"{one.parameters / MILLION:.1f} million parameters"


def _number(one: SourceCandidate) -> str:
    own = one.auroc
    return "not defined" if own.value is None else in_words(own.value, own.low, own.high, reason=own.reason)
