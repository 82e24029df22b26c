"""Over all numbers: no winner within the uncertainty, and no help where none is shown."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from medtl.record.sources import AurocFound, InnerChoice, SourceCandidate, SourceComparison, SourcePair
from medtl.record.studied_cohort import StudiedCohort
from medtl.report.results.source_words import (
    choice_sentence,
    harm_sentences,
    helps_sentence,
    is_distinguishable,
    pair_of,
    ranking_sentence,
    sources_of,
    standing_of,
)


def candidate(name: str, auroc: float, parameters: int) -> SourceCandidate:
    is_random = name == "random weights"
    return SourceCandidate(
        name=name, encoder=name, architecture="resnet18", trained_on="photographs", licence="MIT",
        is_research_only=False, is_random=is_random, is_imagenet=False, parameters=parameters, seconds=0.1,
        features=512, auroc=AurocFound(value=auroc, low=max(0.0, auroc - 0.05), high=min(1.0, auroc + 0.05)),
        folds=(auroc,), inner_losses=(0.5,),
    )  # fmt: skip


def comparison(aurocs: list[float], p_values: list[float]) -> SourceComparison:
    """Sources a, b, ... and random weights last, with these AUROCs and corrected p values of their pairs."""
    names = [*"abcdefgh"[: len(aurocs) - 1], "random weights"]
    own = [
        candidate(name, auroc, 10**6 * (9 - number))
        for number, (name, auroc) in enumerate(zip(names, aurocs, strict=True))
    ]
    pairs = []
    for (one, other), p_value in zip(combinations(own, 2), p_values, strict=True):
        first, second = sorted((one, other), key=lambda c: -(c.auroc.value or 0.0))
        value = (first.auroc.value or 0.0) - (second.auroc.value or 0.0)
        pairs.append(
            SourcePair(model=first.name, reference=second.name, value=value, low=value - 0.1, high=value + 0.1,
                       reason=None, p_value=p_value, adjusted=p_value, wins=3, folds=5)
        )  # fmt: skip
    cohort = StudiedCohort(files=90, cases=90, patients=90, classes=("well", "ill"), positive_class="ill")
    return SourceComparison(
        study="x", question="", fingerprint="0", seed=1, version="0", device="cpu", cohort=cohort, left_out=(),
        folds=5, repeats=1, candidates=tuple(own), left_out_candidates=(), imagenet=None, pairs=tuple(pairs),
        choice=InnerChoice(chosen=("a",) * 5, auroc=own[0].auroc),
    )  # fmt: skip


@st.composite
def comparisons(draw: st.DrawFn) -> SourceComparison:
    aurocs = draw(st.lists(st.floats(0.4, 1.0), min_size=2, max_size=5))
    number = len(aurocs) * (len(aurocs) - 1) // 2
    p_values = draw(st.lists(st.floats(0.0, 1.0), min_size=number, max_size=number))
    return comparison(aurocs, p_values)


@given(comparisons())
def test_better_than_every_other_is_said_only_where_every_pair_is_apart(found: SourceComparison) -> None:
    said, standing = ranking_sentence(found), standing_of(found)
    others = [one for one in sources_of(found) if one is not standing.best]
    if "better than every other source" in said:
        assert others
        assert all(is_distinguishable(pair_of(found, standing.best.name, one.name)) for one in others)
    elif others:
        assert f"These {len(standing.tied)} encoders cannot be told apart on these 90 patients" in said
        assert len(standing.tied) > 1
        assert f"Take the smallest{' ' if 'weights' in said else ','}" in said
    assert standing.advised in standing.tied


@given(comparisons())
def test_pretraining_helps_is_said_only_of_a_source_that_is_apart_from_random_weights(found: SourceComparison) -> None:
    pair, advised = standing_of(found).against_random, standing_of(found).advised.name
    assert ("Its pretraining helps" in helps_sentence(found)) == (is_distinguishable(pair) and pair.model == advised)
    if not is_distinguishable(pair):
        assert helps_sentence(found).startswith(f"It is not shown that {advised} does better than random weights")


def test_the_sentences_of_a_tie_of_a_clear_order_and_of_a_source_that_harms() -> None:
    tie = comparison([0.86, 0.88, 0.70], [0.6, 0.01, 0.02])
    assert ranking_sentence(tie) == (
        "These 2 encoders cannot be told apart on these 90 patients: b and a (AUROC 0.860 to 0.880; a difference of up "
        "to 0.12 remains possible). Take the smallest, b (8.0 million parameters)."
    )
    assert helps_sentence(tie) == (
        "Its pretraining helps: b lies 0.180 (95 % CI 0.080-0.280; p = 0.02 corrected) above random weights (resnet18)."
    )
    assert choice_sentence(tie) == (
        "Chosen in the inner folds of each training part (a in 5 folds), the AUROC is 0.860 (95 % CI 0.810-0.910)."
    )
    clear = comparison([0.75, 0.90, 0.70], [0.004, 0.3, 0.001])
    assert ranking_sentence(clear) == (
        "b ranked these 90 patients better than every other source: AUROC 0.900 (95 % CI 0.850-0.950). Next to it is "
        "a, 0.150 (95 % CI 0.050-0.250; p = 0.004 corrected) below."
    )
    harm = comparison([0.60, 0.80], [0.001])
    assert helps_sentence(harm).endswith("its pretraining does not help.")
    assert harm_sentences(harm) == (), "it is said already"
    second = comparison([0.60, 0.80, 0.78], [0.001, 0.002, 0.5])
    assert harm_sentences(second) == (
        "Random weights (resnet18) did better than a, by 0.180 (95 % CI 0.080-0.280; p = 0.002 corrected).",
    )
    only = comparison([0.60, 0.50], [0.4])
    assert ranking_sentence(only).startswith("a is the only source that was compared: AUROC 0.600")
    smallest_is_no_better = comparison([0.86, 0.85, 0.70], [0.6, 0.01, 0.2])
    assert "Take the smallest that did better than random weights, a" in ranking_sentence(smallest_is_no_better)
