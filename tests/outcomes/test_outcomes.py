"""An outcome decides by its threshold, or calls the most probable class, and knows what chance would score."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from medtl.errors import IntegrityFailure
from medtl.evaluation.thresholds import Threshold, decide
from medtl.evaluation.units import Units
from medtl.outcomes import OUTCOMES, Outcome, outcome_of

TWO, THREE = outcome_of(["well", "ill"]), outcome_of(["a", "b", "c"])
risks = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20)


def two(risk: list[float]) -> np.ndarray:
    return np.stack([1.0 - np.array(risk), np.array(risk)], axis=1)


@given(risks, st.floats(0.0, 1.0))
def test_a_class_is_called_from_the_threshold_on_as_the_metrics_decide(risk: list[float], cut: float) -> None:
    called = TWO.decide(two(risk), cut)
    assert called.tolist() == [int(one >= cut) for one in risk]
    names = tuple(map(str, range(len(risk))))
    units = Units(names, names, np.zeros(len(risk), dtype=np.int64), two(risk), ("a", "b"))
    decided = decide(units, threshold=Threshold(rule="fixed", value=cut, chosen_on=None, n=0))
    assert (decided.called == called).all()  # type: ignore[union-attr]


@given(risks, st.floats(0.0, 1.0))
def test_certainty_lies_between_0_at_the_threshold_and_1(risk: list[float], cut: float) -> None:
    sure = TWO.certainty(two(risk), cut)
    assert ((sure >= 0.0) & (sure <= 1.0)).all()


def test_each_row_has_its_own_threshold_and_one_without_is_called_the_most_probable() -> None:
    cuts = np.array([0.1, 0.9, np.nan, np.nan])
    called = TWO.decide(two([0.2, 0.2, 0.4, 0.6]), cuts)
    assert called.tolist() == [1, 0, 0, 1]
    sure = TWO.certainty(two([0.2, 0.2]), np.array([0.1, 0.9]))
    assert sure == pytest.approx([0.1 / 0.9, 0.7 / 0.9])


def test_of_three_classes_the_most_probable_is_called_whatever_is_given() -> None:
    three = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    assert THREE.decide(three, None).tolist() == [1, 0]
    assert THREE.decide(three, 0.9).tolist() == [1, 0]
    assert THREE.certainty(three, None).tolist() == [0.5, 0.6]


def test_the_brier_score_of_stating_the_shares_is_scikit_learns() -> None:
    truth = np.array([0] * 6 + [1] * 3 + [2])
    ill = truth > 0
    assert TWO.brier_of_shares([0.6, 0.4]) == pytest.approx(brier_score_loss(ill, np.full(10, 0.4)))
    shares = np.tile([0.6, 0.3, 0.1], (10, 1))
    assert THREE.brier_of_shares([0.6, 0.3, 0.1]) == pytest.approx(((shares - np.eye(3)[truth]) ** 2).sum(1).mean())


@pytest.mark.parametrize("outcome", [TWO, THREE])
def test_the_kinds_of_decision_part_all_pairs_of_reference_and_decision(outcome: Outcome) -> None:
    kinds = outcome.decision_kinds()
    pairs = [pair for kind in kinds for pair in kind.pairs]
    assert len(pairs) == len(set(pairs)) == len(outcome.classes) ** 2
    assert [outcome.classes[index] for index in outcome.judged] == [column[2:] for column in outcome.columns][
        -len(outcome.judged) :
    ]


def test_a_target_is_the_index_of_its_class_and_a_label_of_another_study_is_refused() -> None:
    assert THREE.targets(["c", "a", "b"]).tolist() == [2, 0, 1]
    with pytest.raises(IntegrityFailure, match=r"The label 'd' is none of the classes a, b, c\. Tables of different"):
        THREE.targets(["a", "d"])


def test_every_number_of_classes_makes_one_kind_of_outcome() -> None:
    for count in range(2, 9):
        assert sum(kind.takes([str(n) for n in range(count)]) for kind in OUTCOMES) == 1
