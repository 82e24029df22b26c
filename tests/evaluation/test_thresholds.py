"""A threshold is chosen on validation, the best there is, and says where it came from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.settings import EvaluationSettings, ThresholdRule
from medtl.evaluation.thresholds import Decisions, choose_threshold, decide
from medtl.evaluation.units import Units

MakeUnits = Callable[..., Units]


def youden(units: Units, cut: float) -> float:
    called, positive = units.probabilities[:, 1] >= cut, units.truth == 1
    return float(called[positive].mean() - called[~positive].mean())


@settings(max_examples=80, deadline=None)
@given(score=st.lists(st.integers(0, 20), min_size=4, max_size=30))
def test_no_other_cut_has_a_higher_youden_index(score: list[int]) -> None:
    truth = np.arange(len(score)) % 2
    said = np.array(score) / 20.0
    ids = tuple(f"u{i}" for i in range(len(said)))
    units = Units(ids, ids, truth, np.stack([1.0 - said, said], axis=1), ("no", "yes"))
    threshold = choose_threshold(units)
    assert threshold.value is not None
    best = max(youden(units, cut) for cut in [*np.unique(said), 2.0])
    assert youden(units, threshold.value) == pytest.approx(best, abs=1e-9)
    assert threshold.youden == pytest.approx(best, abs=1e-9)


def test_the_threshold_lies_half_way_and_tells_its_origin(make_units: MakeUnits) -> None:
    threshold = choose_threshold(make_units([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]))
    assert threshold.value == pytest.approx(0.4)
    assert (threshold.rule, threshold.chosen_on, threshold.n, threshold.youden) == ("youden", "validation", 4, 1.0)


def test_scores_without_a_number_between_them_are_still_told_apart(make_units: MakeUnits) -> None:
    upper = 0.7
    units = make_units([0, 1], [np.nextafter(upper, 0.0), upper])
    decided = decide(units, threshold=choose_threshold(units))
    assert isinstance(decided, Decisions)
    assert decided.called.tolist() == [0, 1]


def test_where_nothing_beats_chance_all_are_called_positive(make_units: MakeUnits) -> None:
    assert choose_threshold(make_units([1, 1, 0, 0], [0.1, 0.2, 0.6, 0.9])).value == 0.0


@pytest.mark.parametrize(
    ("truth", "reason"),
    [([1, 1], "no threshold: no no among 2 validation patients"), ([], "no no and no yes among 0 validation patients")],
)
def test_without_both_classes_in_validation_there_is_no_threshold(
    make_units: MakeUnits, truth: list[int], reason: str
) -> None:
    validation = make_units(truth, [0.5] * len(truth))
    threshold = choose_threshold(validation)
    assert threshold.value is None
    assert reason in str(threshold.reason)
    assert decide(make_units([0, 1], [0.2, 0.3]), threshold=threshold) == Undefined(str(threshold.reason))


def test_a_fixed_threshold_asks_no_validation_patient(make_units: MakeUnits) -> None:
    rule = ThresholdRule(rule="fixed", at=0.3)
    threshold = choose_threshold(make_units([], []), rule=rule)
    assert (threshold.value, threshold.chosen_on, threshold.n, threshold.reason) == (0.3, None, 0, None)
    decided = decide(make_units([0, 1, 1], [0.29, 0.3, 0.9]), threshold=threshold)
    assert isinstance(decided, Decisions)
    assert decided.called.tolist() == [0, 1, 1]
    assert rule.origin == "was given, and not chosen on these patients"


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"rule": "fixed"}, "the rule fixed needs at"),
        ({"rule": "youden", "at": 0.5}, "the rule youden takes no at"),
        ({"rule": "fixed", "at": 1.0}, "less than 1"),
    ],
)
def test_a_fixed_threshold_is_declared_with_its_number_and_other_rules_without(
    settings: dict[str, object], fault: str
) -> None:
    with pytest.raises(ValueError, match=fault):
        ThresholdRule.model_validate(settings)


def test_with_several_classes_the_most_probable_is_called() -> None:
    said = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    units = Units(("a", "b"), ("a", "b"), np.array([1, 2]), said, ("x", "y", "z"))
    threshold = choose_threshold(units)
    assert (threshold.rule, threshold.value, threshold.reason) == ("argmax", None, None)
    decided = decide(units, threshold=threshold)
    assert isinstance(decided, Decisions)
    assert decided.called.tolist() == [1, 0]
    assert decided.confusion.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("word", "settings"),
    [
        ("youden", {"rule": "youden"}),
        (" sensitivity=0.9 ", {"rule": "sensitivity", "at_least": 0.9}),
        ("specificity=0.95", {"rule": "specificity", "at_least": 0.95}),
        ("cost_ratio=10", {"rule": "cost_ratio", "cost_ratio": 10.0}),
        ("0.5", {"rule": "fixed", "at": 0.5}),
        (0.5, {"rule": "fixed", "at": 0.5}),
    ],
)
def test_a_rule_may_be_one_word_in_a_study_as_on_the_command_line(
    word: str | float, settings: dict[str, object]
) -> None:
    one, other = (EvaluationSettings.model_validate({"threshold": form}) for form in (word, settings))
    assert one == other
    assert one.model_dump() == other.model_dump()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sensitivity", "the rule sensitivity needs at_least"),
        ("youden=0.9", "the rule youden takes no at_least"),
        ("sensitivity=much", "valid number"),
        ("best", "'youden', 'sensitivity', 'specificity', 'cost_ratio' or 'fixed'"),
    ],
)
def test_a_word_that_is_no_rule_is_refused_with_what_is_wrong(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvaluationSettings.model_validate({"threshold": word})
