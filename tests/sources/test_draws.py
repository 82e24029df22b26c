"""Are patients drawn, each at most once, never a tested one, and no two draws alike?"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtl.errors import ConfigurationError
from medtl.sources.curve_data import CurveData
from medtl.sources.draws import distinct_draws, drawn_cases, patients_of_each_class


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[list[str], np.ndarray, int, int]:
    """Patients with one to three images of one class or of several, in any order, and a size that they can give."""
    classes = draw(st.integers(2, 3))
    patients, labels = [], []
    for number in range(draw(st.integers(classes, 14))):
        own = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=3))
        patients += [f"p{number}"] * len(own)
        labels += own
    for index in range(classes):
        patients.append(f"q{index}")
        labels.append(index)
    order = draw(st.permutations(range(len(patients))))
    shuffled, truth = [patients[at] for at in order], np.array([labels[at] for at in order])
    fewest = min(map(len, patients_of_each_class(shuffled, truth, classes=classes)))
    return shuffled, truth, classes, draw(st.integers(1, fewest))


@given(cohorts(), st.integers(0, 2**32 - 1))
def test_a_draw_holds_whole_patients_and_at_least_the_wanted_number_of_each_class(
    cohort: tuple[list[str], np.ndarray, int, int], seed: int
) -> None:
    patients, labels, classes, size = cohort
    drawn = drawn_cases(patients, labels, size=size, classes=classes, seed=seed)
    assert len(set(drawn.tolist())) == len(drawn)
    chosen = {patients[at] for at in drawn}
    assert [at for at, patient in enumerate(patients) if patient in chosen] == drawn.tolist()
    counts = list(map(len, patients_of_each_class([patients[at] for at in drawn], labels[drawn], classes=classes)))
    assert min(counts) >= size
    if all(len(set(labels[[at for at, own in enumerate(patients) if own == one]])) == 1 for one in chosen):
        assert len(chosen) <= size * classes
    again = drawn_cases(patients, labels, size=size, classes=classes, seed=seed)
    assert np.array_equal(drawn, again)


def test_with_one_class_a_patient_exactly_so_many_of_each_are_drawn() -> None:
    patients, labels = [f"p{at // 2}" for at in range(40)], np.array([at // 2 % 2 for at in range(40)])
    drawn = drawn_cases(patients, labels, size=3, classes=2, seed=1)
    assert list(map(len, patients_of_each_class([patients[at] for at in drawn], labels[drawn], classes=2))) == [3, 3]
    assert len(drawn) == 12  # both images of each


def test_no_two_draws_are_alike_while_others_are_possible() -> None:
    patients, labels = [f"p{at}" for at in range(6)], np.array([0, 0, 0, 1, 1, 1])
    draws = list(distinct_draws(patients, labels, size=1, classes=2, repeats=9, names=("x",)))  # of 9 possible ones
    assert len({draw.tobytes() for draw in draws}) == 9
    whole = list(distinct_draws(patients, labels, size=3, classes=2, repeats=2, names=("x",)))
    assert [draw.tolist() for draw in whole] == [[0, 1, 2, 3, 4, 5]] * 2  # there is only one


def test_no_draw_holds_a_tested_patient(make_data: Callable[..., CurveData]) -> None:
    data = make_data(images=2)
    for fold in data.folds:
        tested = set(data.patients(fold.test))
        labels = data.labels[fold.training]
        for drawn in distinct_draws(
            data.patients(fold.training), labels, size=8, classes=2, repeats=20, names=(fold.number,)
        ):
            assert not tested & set(data.patients(fold.training[drawn]))


def test_a_size_beyond_the_training_part_is_refused_with_the_numbers(make_data: Callable[..., CurveData]) -> None:
    data = make_data(patients=60, folds=3)
    data.refuse_larger((4, 20))
    with pytest.raises(ConfigurationError) as refused:
        data.refuse_larger((4, 21, 64))
    assert str(refused.value) == (
        "--cases asks for 21, 64 patients of each class, but the training part of fold 0 has 20 of well, the rarest "
        "class. Give sizes up to 20; `all` is the whole training part."
    )
