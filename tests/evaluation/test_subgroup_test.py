"""Do equal subgroups stay equal? The test of equal AUROCs over groups, on many simulated cohorts."""

import numpy as np
import pytest

from medtl.evaluation.estimate import Undefined
from medtl.evaluation.subgroups import _q_test
from medtl.evaluation.units import Units


def group(name: str, sizes: tuple[int, int], *, skill: float, chance: np.random.Generator) -> Units:
    """Patients of two classes (negative, positive) whose scores lie `skill` standard deviations apart."""
    truth = np.repeat([0, 1], sizes)
    risk = 1.0 / (1.0 + np.exp(-(chance.normal(size=len(truth)) + skill * truth - skill / 2.0)))
    names = tuple(f"{name}-{at}" for at in range(len(truth)))
    return Units(names, names, truth, np.stack([1.0 - risk, risk], axis=1), ("well", "ill"))


def p_value(sizes: list[tuple[int, int]], skills: list[float], *, seed: int) -> float | Undefined:
    chance = np.random.default_rng(seed)
    parts = [
        group(str(at), own, skill=skill, chance=chance)
        for at, (own, skill) in enumerate(zip(sizes, skills, strict=True))
    ]
    return _q_test(parts, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 4, 10])
def test_equal_groups_differ_in_5_percent_of_studies(groups: int) -> None:
    sizes = [(12 + at, 5 + at % 4) for at in range(groups)]
    found = [p_value(sizes, [2.0] * groups, seed=seed) for seed in range(200)]
    assert 0.01 <= np.mean([one <= 0.05 for one in found if not isinstance(one, Undefined)]) <= 0.08
    assert not any(isinstance(one, Undefined) for one in found)


def test_a_group_that_is_not_ranked_at_all_is_found_among_good_ones() -> None:
    found = p_value([(40, 40)] * 4, [3.0, 3.0, 3.0, 0.0], seed=1)
    assert found == 0.001


def test_groups_with_fewer_than_five_of_a_class_take_no_part() -> None:
    small = p_value([(40, 40), (40, 4), (3, 40)], [2.0, 0.0, 0.0], seed=1)
    assert small == Undefined("fewer than two groups with at least 5 patients of each class")
    beside = p_value([(40, 40), (40, 40), (40, 4)], [2.0, 2.0, 0.0], seed=1)
    assert beside == p_value([(40, 40), (40, 40)], [2.0, 2.0], seed=1)
