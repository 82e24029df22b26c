"""How many cases go through at a time when nothing is learnt."""

from __future__ import annotations

import numpy as np
import pytest

from medtl.errors import ConfigurationError
from medtl.outcomes import outcome_of
from medtl.training import Recipe
from medtl.training.batches import POSITIONS_AT_ONCE, Scans, each_once
from medtl.training.seeding import batches_of, piece_sizes

TWO_CLASSES = outcome_of(["well", "ill"])


@pytest.mark.parametrize(
    ("shape", "together"),
    [((1, 224, 224), 32), ((1, 64, 64, 64), 32), ((1, 128, 128, 128), 4), ((1, 512, 512, 300), 1)],
)
def test_large_volumes_go_through_in_fewer_so_that_memory_is_bounded(shape: tuple[int, ...], together: int) -> None:
    scan = np.broadcast_to(np.float32(0), shape)
    names = [f"c{number}" for number in range(70)]
    plan = each_once(
        Scans(lambda _: scan, dict.fromkeys(names, 0), lambda scan, **_: scan, outcome=TWO_CLASSES),
        names,
    )
    assert [request.case_id for batch in plan for request in batch] == names
    assert {len(batch) for batch in plan[:-1]} == {together}
    assert all(request.seed is None for batch in plan for request in batch)
    assert together == 1 or together * scan.size <= POSITIONS_AT_ONCE


def test_no_cases_are_no_batches() -> None:
    assert each_once(Scans(lambda _: np.zeros(1), {}, lambda scan, **_: scan, outcome=TWO_CLASSES), []) == []


@pytest.mark.parametrize("batch_size", range(2, 9))
def test_no_batch_and_no_piece_of_one_is_a_lone_case_where_two_are_needed(batch_size: int) -> None:
    for cases in range(2, 60):
        names = [f"c{number}" for number in range(cases)]
        free = batches_of(names, batch_size=batch_size, seed=cases)
        kept = batches_of(names, batch_size=batch_size, seed=cases, fewest=2)
        assert sorted(name for batch in kept for name in batch) == sorted(names)
        assert min(map(len, kept)) >= 2
        assert max(map(len, kept)) - min(map(len, kept)) <= 1
        if min(map(len, free)) > 1:
            assert kept == free, "nothing else changes"
        pieces = piece_sizes(cases, at_most=batch_size, fewest=2)
        assert (sum(pieces), min(pieces) >= 2, max(pieces) <= max(3, batch_size)) == (cases, True, True)
        if cases % batch_size != 1:
            assert pieces == piece_sizes(cases, at_most=batch_size)


def test_nine_cases_by_two_are_three_and_three_times_two() -> None:
    assert [len(batch) for batch in batches_of("abcdefghi", batch_size=2, seed=1, fewest=2)] == [3, 2, 2, 2]
    assert piece_sizes(7, at_most=3, fewest=2) == [3, 2, 2]
    assert piece_sizes(7, at_most=2, fewest=2) == [2, 2, 3]
    assert piece_sizes(7, at_most=3) == [3, 3, 1]


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"micro_batch_size": 1}, {"batch_size": 1, "epochs": 3}])
def test_a_recipe_of_lone_cases_is_refused_where_statistics_are_learnt(settings: dict[str, int]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"recipe\.\w*batch_size is 1, and a network from scratch learns .* at least two"
    ):
        Recipe.model_validate(settings).refuse_lone_cases(learning="a network from scratch")
    Recipe().refuse_lone_cases(learning="a network from scratch")
