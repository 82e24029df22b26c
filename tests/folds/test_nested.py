"""Inner folds keep groups whole, show every class on both sides, and become fewer when a class is rare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtl.folds import inner_folds
from medtl.folds.partition import divided

GROUPS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4)), min_size=4, max_size=30)


@settings(max_examples=40, deadline=None)
@given(drawn=GROUPS, count=st.integers(2, 5), seed=st.integers(0, 9))
def test_inner_folds_hold_every_case_once_and_no_group_twice(
    drawn: list[tuple[str, int]], count: int, seed: int
) -> None:
    labels = [label for label, size in drawn for _ in range(size)]
    groups = [f"g{n}" for n, (_, size) in enumerate(drawn) for _ in range(size)]
    folds = inner_folds(groups, labels, count=count, seed=seed)
    rarest = min(sum(label == name for label, _ in drawn) for name in set(labels))
    assert len(folds) == (min(count, rarest) if rarest > 1 else 0)
    held = [index for _, validation in folds for index in validation.tolist()]
    assert sorted(held) == (list(range(len(labels))) if folds else [])
    for training, validation in folds:
        assert not {groups[n] for n in training} & {groups[n] for n in validation}
        assert {labels[n] for n in training} == {labels[n] for n in validation} == set(labels)


def test_inner_folds_do_not_depend_on_the_order_of_cases() -> None:
    groups, labels = [f"g{n // 2}" for n in range(40)], ["ab"[n // 2 % 2] for n in range(40)]
    order = np.random.default_rng(0).permutation(40)
    plain = [{groups[n] for n in held} for _, held in inner_folds(groups, labels, count=4, seed=3)]
    mixed = inner_folds([groups[n] for n in order], [labels[n] for n in order], count=4, seed=3)
    assert plain == [{groups[order[n]] for n in held} for _, held in mixed]


@pytest.mark.parametrize("labels", ["aaab", "aaaa"[:0]])
def test_nothing_is_chosen_when_a_class_has_one_group_or_there_is_nobody(labels: str) -> None:
    assert inner_folds([str(n) for n in range(len(labels))], list(labels), count=3, seed=0) == []


def test_a_division_that_cannot_be_is_none() -> None:
    assert divided(list("aabb"), list("wxyz"), count=3, seed="s") is None
    assert divided(list("abab"), list("xxyy"), count=2, seed="s") is not None
