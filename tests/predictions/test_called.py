"""One rule says what a probability calls: does it follow the threshold, and the most probable class without one?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.evaluation.thresholds import Threshold, decide
from medtl.evaluation.units import Units
from medtl.predictions import PredictionTable

risks = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=20)


def two(risk: list[float]) -> np.ndarray:
    return np.stack([1.0 - np.array(risk), np.array(risk)], axis=1)


@given(risks, st.floats(0.0, 1.0))
def test_a_class_is_called_from_the_threshold_on_as_the_metrics_decide(risk: list[float], cut: float) -> None:
    called = PredictionTable.called(two(risk), threshold=cut)
    assert called.tolist() == [int(one >= cut) for one in risk]
    names = tuple(map(str, range(len(risk))))
    units = Units(names, names, np.zeros(len(risk), dtype=np.int64), two(risk), ("a", "b"))
    decided = decide(units, threshold=Threshold(rule="fixed", value=cut, chosen_on=None, n=0))
    assert (decided.called == called).all()  # type: ignore[union-attr]


@given(risks, st.floats(0.0, 1.0))
def test_certainty_lies_between_0_at_the_threshold_and_1(risk: list[float], cut: float) -> None:
    sure = PredictionTable.certainty(two(risk), threshold=cut)
    assert ((sure >= 0.0) & (sure <= 1.0)).all()


def test_each_row_has_its_own_threshold_and_one_without_is_called_the_most_probable() -> None:
    cuts = np.array([0.1, 0.9, np.nan, np.nan])
    called = PredictionTable.called(two([0.2, 0.2, 0.4, 0.6]), threshold=cuts)
    assert called.tolist() == [1, 0, 0, 1]
    sure = PredictionTable.certainty(two([0.2, 0.2]), threshold=np.array([0.1, 0.9]))
    assert sure == pytest.approx([0.1 / 0.9, 0.7 / 0.9])


def test_of_three_classes_the_most_probable_is_called_whatever_is_given() -> None:
    three = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    assert PredictionTable.called(three, threshold=None).tolist() == [1, 0]
    assert PredictionTable.called(three, threshold=0.9).tolist() == [1, 0]
    assert PredictionTable.certainty(three, threshold=None).tolist() == [0.5, 0.6]
