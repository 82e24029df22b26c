"""One rule says whether a model is better: is it the same on every page, and how often is it wrong?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.evaluation import Estimate
from medtl.evaluation.comparison import compare_models
from medtl.evaluation.study_metrics import Comparison
from medtl.predictions import PredictionTable
from medtl.record.run import read_run
from medtl.report.findings.rules import findings_of
from medtl.report.findings.verdict import MOST_WORDS, verdict_of
from medtl.report.manuscript.results_paragraph import results_paragraph
from medtl.report.results.claim import Difference, Discordant, claim_of, sentence_of
from medtl.report.results.compared_models import ComparedModel
from medtl.report.results.judged import evaluate_run
from medtl.report.sections.model_pairs import ModelPair, in_words

BETTER_WORDS = ("the folds agree", "ranked them better", "ranked these patients better")


def difference(
    value: float | None, low: float | None, high: float | None, p: float | None, **more: object
) -> Difference:
    reason = None if None not in (value, low, high) else "no positives"
    found = Difference("lp_ft", Estimate(value=value, low=low, high=high, reason=reason, n=50), 4, 5, p)
    return replace(found, **more)  # type: ignore[arg-type]


numbers = st.builds(
    lambda middle, half, p, wins, folds, mean, decisions: Difference(
        "lp_ft", Estimate(value=middle, low=middle - half, high=middle + half, n=50), min(wins, folds), folds, p, mean,
        1, decisions,
    ),
    st.floats(-0.5, 0.5), st.floats(0.0, 0.3), st.none() | st.floats(0.0, 1.0), st.integers(0, 5), st.integers(0, 5),
    st.none() | st.floats(-0.5, 0.5),
    st.none() | st.builds(Discordant, st.integers(0, 50), st.integers(0, 50), st.floats(0.0, 1.0)),
)  # fmt: skip


@given(numbers)
def test_a_model_is_called_better_exactly_where_interval_and_folds_agree(found: Difference) -> None:
    low, high = found.difference.low or 0.0, found.difference.high or 0.0
    interval_says = 1 if low > 0 else -1 if high < 0 else 0
    mean = found.mean_over_folds
    folds_say = found.p_value is not None and found.p_value <= 0.05
    agree = mean is None or mean * interval_says > 0
    expected = {1: "better", -1: "worse", 0: "none"}[interval_says if folds_say and agree else 0]
    claim = claim_of(found)
    assert claim.side == expected
    assert any(word in sentence_of(found) for word in BETTER_WORDS) == (expected != "none")


@given(numbers)
def test_folds_that_point_the_other_way_and_a_significant_mcnemar_are_always_explained(found: Difference) -> None:
    told, value = sentence_of(found), found.difference.value or 0.0
    losses = found.folds - found.wins
    contradicts = found.folds > 1 and ((found.wins > losses and value < 0) or (found.wins < losses and value > 0))
    assert ("Most folds point the other way" in told) == contradicts
    significant = found.decisions is not None and found.decisions.p_value <= 0.05
    assert ("McNemar" in told) == significant
    assert ("accuracy at noisy thresholds" in told) == significant


def test_better_in_four_of_five_folds_and_a_negative_difference_is_explained() -> None:
    told = sentence_of(difference(-0.004, -0.04, 0.03, 0.6, mean_over_folds=0.012))
    assert told == (
        "It ranked cases better than the frozen probe in 4 of 5 folds; the difference of these fitted models, -0.004 "
        "(95 % CI -0.040 to 0.030), is compatible with no difference. Most folds point the other way (mean over folds "
        "0.012): pooled, patients of "
        "different folds are ranked together too, and their models need not share one scale."
    )


@pytest.mark.parametrize(
    ("found", "side", "words"),
    [
        (difference(0.05, 0.01, 0.09, 0.01), "better", "lies above zero, and the folds agree (p = 0.01)"),
        (difference(0.05, 0.01, 0.09, 0.01, comparisons=3), "better", "(p = 0.01 after Holm’s correction for 3"),
        (difference(-0.05, -0.09, -0.01, 0.01), "worse", "the frozen probe ranked them better"),
        (difference(-0.05, -0.09, -0.01, 0.2), "none", "below zero, but the folds do not confirm it"),
        (difference(0.05, 0.01, 0.09, None, folds=1), "none", "one fold cannot tell what training them again"),
        (difference(0.05, -0.01, 0.09, 0.01), "none", "folds alone would differ (p = 0.01), and a claim needs both"),
        (difference(None, None, None, None), "none", "the difference is not defined (no positives)."),
        (difference(0.1, None, None, 0.01), "none", "has no interval (no positives), so nothing can be claimed."),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_numbers_allow(found: Difference, side: str, words: str) -> None:
    assert claim_of(found).side == side
    assert words in sentence_of(found)


@pytest.mark.parametrize("p", [0.01, 0.3, None])
@pytest.mark.parametrize(("low", "high"), [(0.01, 0.09), (-0.02, 0.06), (-0.09, -0.01)])
def test_every_page_tells_the_same_claim(small_run: Path, low: float, high: float, p: float | None) -> None:
    run = read_run(small_run)
    found = difference((low + high) / 2, low, high, p)
    judged = replace(evaluate_run(run), differences=(found,))
    findings = findings_of(run, judged)
    claim = claim_of(found)
    against = [one for one in findings if "frozen probe, which is simpler" in one.title]
    assert bool(against) == (claim.side != "better")
    verdict = verdict_of(run, judged, findings)
    assert claim.conclusion in " ".join(verdict.sentences)
    assert verdict.words <= MOST_WORDS
    assert claim.conclusion in results_paragraph(run, judged).replace("[6]", "")
    assert all(claim.conclusion in one.evidence for one in against)


def equal_algorithms(seed: int, *, patients: int, positives: int, folds: int = 5, width: int = 15) -> PredictionTable:
    """Two linear discriminants by the same recipe, each trained on its own random half of the features and patients.

    They are equal as algorithms: what one does better in a study is the chance of its draws.
    """
    chance = np.random.default_rng(seed)
    truth = np.r_[np.ones(positives, dtype=int), np.zeros(patients - positives, dtype=int)]
    features = chance.normal(size=(patients, width)) + 0.7 * truth[:, None]
    fold_of = np.concatenate([chance.permutation(np.arange(n) % folds) for n in (positives, patients - positives)])
    parts = []
    for model in ("first", "second"):
        for fold in range(folds):
            test, training = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
            drawn = chance.choice(training, size=len(training))
            columns = chance.permutation(width)[: width // 2]
            x, y = features[np.ix_(drawn, columns)], truth[drawn] - truth[drawn].mean()
            weights = np.linalg.solve(x.T @ x + 5.0 * np.eye(len(columns)), x.T @ y)
            score = 1.0 / (1.0 + np.exp(-4.0 * features[np.ix_(test, columns)] @ weights))
            parts.append(
                pd.DataFrame(
                    {
                        "case_id": [f"p{place:03d}" for place in test],
                        "patient_id": [f"p{place:03d}" for place in test],
                        "fold": fold, "role": "test", "model": model,
                        "truth": np.where(truth[test] == 1, "ill", "a well"),
                        "p_a well": 1.0 - score, "p_ill": score,
                    }
                )
            )  # fmt: skip
    return PredictionTable(pd.concat(parts, ignore_index=True))


def found_of(one: Comparison) -> Difference:
    over = one.over_folds
    return Difference(one.model, one.difference, over.wins, over.folds, over.p_value, over.mean_difference)


@pytest.mark.slow
@pytest.mark.parametrize("positives", [50, 15])
def test_of_equal_algorithms_that_were_trained_one_is_called_better_in_at_most_5_percent(positives: int) -> None:
    studies, by_interval, claimed = 200, 0, 0
    for seed in range(studies):
        table = equal_algorithms(1000 * positives + seed, patients=100, positives=positives)
        one = compare_models(table, model="second", reference="first", resamples=200, seed=seed)
        assert one.difference.low is not None
        assert one.difference.high is not None
        by_interval += one.difference.low > 0.0 or one.difference.high < 0.0
        claimed += claim_of(found_of(one)).side != "none"
    assert claimed <= 0.05 * studies
    assert by_interval > claimed


def test_the_simulated_algorithms_do_learn() -> None:
    table = equal_algorithms(1, patients=200, positives=60)
    one = compare_models(table, model="second", reference="first", resamples=0, seed=1)
    scores = table.of(model="first").rows
    ill = scores.loc[scores["truth"] == "ill", "p_ill"].to_numpy()
    well = scores.loc[scores["truth"] != "ill", "p_ill"].to_numpy()
    assert (ill[:, None] > well[None]).mean() > 0.7
    assert one.over_folds.folds == 5


def pair_of(found: Difference) -> ModelPair:
    table = equal_algorithms(1, patients=20, positives=10)
    first, second = (ComparedModel(name, name, f"{name}.csv", table, "none") for name in ("lp_ft", "probe"))
    return ModelPair(model=first, reference=second, found=found)


def test_a_pair_of_the_compare_page_tells_the_same_claim() -> None:
    for found in (difference(0.05, 0.01, 0.09, 0.01), difference(0.05, 0.01, 0.09, 0.2), difference(0.0, -1, 1, 0.5)):
        told = in_words(pair_of(found), metric="AUROC")
        assert ("ranked these patients better" in told) == (claim_of(found).side != "none")
        assert ("not distinguishable" in told) == (claim_of(found).side == "none")
    discordant = difference(0.0, -0.1, 0.1, 0.5, decisions=Discordant(12, 2, 0.013))
    assert "McNemar p = 0.01" in in_words(pair_of(discordant), metric="AUROC")
